using System.Globalization;
using Diffusion.Kernels;

namespace Diffusion.Benchmarks;

/// <summary>What the measuring verbs take.</summary>
/// <param name="Quick">Fewer samples and cases.</param>
/// <param name="Threads">Kernel threads.</param>
/// <param name="Filter">Part of the names of the cases to run; empty for all.</param>
internal sealed record BenchmarkOptions(bool Quick, int Threads, string Filter)
{
    /// <summary>With the UNet of Stable Diffusion XL, which takes minutes and much memory.</summary>
    public bool IsXl { get; private init; }

    /// <summary>That one with the same weights in layers of equal shape.</summary>
    public bool IsShared { get; private init; }

    /// <summary>Our own times with one thread and with several, in place of a race.</summary>
    public bool IsScaling { get; private init; }

    /// <summary>What memory for packed weights is worth.</summary>
    public WeightBudget Weights { get; init; } = WeightBudget.Balanced;

    /// <summary>The processor as the options say.</summary>
    public CpuOptions Cpu => new CpuOptions().WithThreads(Threads).WithWeights(Weights);

    public static BenchmarkOptions Parse(string[] args)
    {
        var options = new BenchmarkOptions(false, Environment.ProcessorCount, "");
        for (int i = 0; i < args.Length; i++)
        {
            string Next() => i + 1 < args.Length ? args[++i] : throw new ArgumentException($"benchmarks: {args[i]} takes a value.");
            options = args[i] switch
            {
                "--quick" => options with { Quick = true },
                "--threads" => options with { Threads = Number(Next()) },
                "--sdxl" => options with { IsXl = true },
                "--shared" => options with { IsXl = true, IsShared = true },
                "--scaling" => options with { IsScaling = true },
                "--filter" => options with { Filter = Next() },
                "--weights" => options with { Weights = Budget(Next()) },
                _ => throw new ArgumentException($"benchmarks: unknown option {args[i]}; use --quick, --threads N, --filter TEXT, --weights lean|balanced|unlimited|SECONDS, or with peers --sdxl, --shared, --scaling."),
            };
        }
        return options;
    }

    private static WeightBudget Budget(string text) => text switch
    {
        "lean" => WeightBudget.Lean,
        "balanced" => WeightBudget.Balanced,
        "unlimited" => WeightBudget.Unlimited,
        _ when double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) => WeightBudget.Of(seconds),
        _ => throw new ArgumentException($"benchmarks: --weights takes lean, balanced, unlimited or seconds a gigabyte must save; got '{text}'."),
    };

    private static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n > 0
        ? n : throw new ArgumentException($"benchmarks: --threads takes a number from 1; got '{text}'.");
}
