using System.Globalization;
using Diffusion.Core.Tensors.Planning;

namespace Diffusion.Benchmarks.Measuring;

/// <summary>Where the processor time of a realisation goes, kernel by kernel (all threads together).</summary>
internal sealed class KernelProfile
{
    private readonly List<(PlannedKernel Kernel, double Milliseconds)> samples = [];
    private double processor;

    /// <summary>Runs an action and notes every kernel that it launches.</summary>
    public static KernelProfile Of(Action action, out Clock time)
    {
        var profile = new KernelProfile();
        profile.processor = Clock.Now.Processor;
        Plan.Profiler = kernel =>
        {
            double now = Clock.Now.Processor;
            profile.samples.Add((kernel, now - profile.processor));
            profile.processor = now;
        };
        try
        {
            time = Clock.Of(action);
        }
        finally
        {
            Plan.Profiler = null;
        }
        return profile;
    }

    /// <summary>Sums by contract and algorithm, and the costliest shapes.</summary>
    public void Print(int shapes)
    {
        double total = samples.Sum(s => s.Milliseconds);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"profile: {samples.Count} kernels, {total:F1} ms of processor time"));
        foreach (var group in samples.GroupBy(s => $"{s.Kernel.Name} {s.Kernel.Algorithm}").OrderByDescending(g => g.Sum(s => s.Milliseconds)))
            Line(group.Key, group, total);
        if (shapes > 0)
            Console.WriteLine("costliest:");
        foreach (var group in samples.GroupBy(s => Describe(s.Kernel)).OrderByDescending(g => g.Sum(s => s.Milliseconds)).Take(shapes))
            Line(group.Key, group, total);
    }

    private static string Describe(PlannedKernel k) => string.Create(CultureInfo.InvariantCulture,
        $"{k.Name} {k.Algorithm} {k.Output} {k.Flops / 1e9:F2} GFLOP{(k.Fused.IsEmpty ? "" : " + " + string.Join(", ", k.Fused))}");

    private static void Line(string name, IEnumerable<(PlannedKernel Kernel, double Milliseconds)> group, double total)
    {
        var list = group.ToList();
        double time = list.Sum(s => s.Milliseconds), flops = list.Sum(s => s.Kernel.Flops), bytes = list.Sum(s => (double)s.Kernel.Bytes);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {time,9:F1} ms {100 * time / total,5:F1} %  x{list.Count,-4} {flops / time / 1e6,7:F1} GFLOP/s {bytes / time / 1e6,6:F1} GB/s  {name}"));
    }
}
