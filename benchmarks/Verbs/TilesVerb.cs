using System.Diagnostics;
using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Kernels;
using Diffusion.Kernels.Cpu;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>
/// The innermost products on operands in the first-level cache, beside multiply-adds that touch registers only. Short samples in turns: where a
/// virtual machine shares its cores, the registers' rate stays and the products' moves with what is left of the core's other parts.
/// </summary>
internal static unsafe class TilesVerb
{
    private const int Rows = 24;
    private const int Work = 20000;

    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (!MicroKernel.IsFma)
        {
            Console.Error.WriteLine("benchmarks tiles: this processor has no AVX2 with FMA; its products are measured by `kernels`.");
            return 2;
        }
        using var backend = CpuBackend.Create(1);
        using var buffer = backend.Allocate(4 * 64 << 10);
        var floats = new Span<float>((void*)buffer.Address, 64 << 10);
        for (int i = 0; i < floats.Length; i++)
            floats[i] = i % 7 * 1e-3f;
        var cases = Cases((float*)buffer.Address).Where(c => c.Name.Contains(options.Filter, StringComparison.Ordinal)).ToArray();
        var rates = cases.Select(_ => new List<double>()).ToArray();
        var peaks = new List<double>();
        for (int round = -50; round < (options.Quick ? 300 : 2000); round++)
        {
            Sample(peaks, round, Peak.Operations, static () => Peak.Once());
            for (int i = 0; i < cases.Length; i++)
                Sample(rates[i], round, cases[i].Operations, cases[i].Run);
        }
        Console.WriteLine("GFLOP/s of one core: best and median of short samples in turns; the share is of the registers' median");
        Print("multiply-adds in registers", peaks, Race.Median(peaks));
        for (int i = 0; i < cases.Length; i++)
            Print(cases[i].Name, rates[i], Race.Median(peaks));
        return 0;
    }

    private static void Sample(List<double> rates, int round, double operations, Action run)
    {
        long start = Stopwatch.GetTimestamp();
        run();
        double rate = operations / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
        if (round >= 0)
            rates.Add(rate);
    }

    private static void Print(string name, List<double> rates, double peak) =>
        Console.WriteLine($"TILE {name,-32} {rates.Max(),6:F1} {Race.Median(rates),6:F1} {Race.Median(rates) / peak,6:P0}");

    private static List<(string Name, double Operations, Action Run)> Cases(float* memory)
    {
        // Rows of A at the start, a panel of B in the middle, results at the end.
        nint a = (nint)memory, b = a + 4 * (24 << 10), c = b + 4 * (24 << 10);
        var cases = new List<(string Name, double Operations, Action Run)>();
        void Add(string name, double operations, Action run) => cases.Add((name, operations, run));
        foreach (int depth in new[] { 40, 80, 320 })
        {
            Add($"packed 6x16, {depth} deep", 2.0 * Rows * 16 * depth * (Work / depth), () =>
            {
                for (int i = 0; i < Work / depth; i++)
                    MicroKernelFma.Column6x16((float*)a, 6 * depth, (float*)b, depth, Rows / 6, (float*)c, 16, null, 0, null, (float*)b);
            });
        }
        Add("packed 4x16, 160 deep", 2.0 * 4 * 16 * 160 * (Work / 40), () =>
        {
            for (int i = 0; i < Work / 40; i++)
                MicroKernelFma.Tile4x16((float*)a, (float*)b, 160, (float*)c, 16, null, 0, null);
        });
        foreach (int depth in new[] { 64, 256 })
        {
            Add($"rows as they lie 6x16, {depth} deep", 2.0 * Rows * 16 * depth * (Work / depth), () =>
            {
                for (int i = 0; i < Work / depth; i++)
                {
                    for (int row = 0; row < Rows; row += 6)
                        MicroKernelFma.Strided6x16((float*)a + row * 256, 256, (float*)b, depth, (float*)c + row * 24, 24, false);
                }
            });
            Add($"rows as they lie 4x24, {depth} deep", 2.0 * Rows * 24 * depth * (Work / depth), () =>
            {
                for (int i = 0; i < Work / depth; i++)
                {
                    for (int row = 0; row < Rows; row += 4)
                        MicroKernelFma.Strided4x24((float*)a + row * 256, 256, (float*)b, depth, (float*)c + row * 24, 24, false);
                }
            });
        }
        return cases;
    }
}
