using Diffusion.Benchmarks.Measuring;
using Diffusion.Core.Devices;
using Diffusion.Kernels;
using TorchSharp;

namespace Diffusion.Benchmarks.Peers;

/// <summary>Our side of the cases with one thread and with several, in turns: how much further threads help. By wall time, so on an idle machine.</summary>
internal static class ScalingRun
{
    public static int Run(List<PeerCase> cases, BenchmarkOptions options)
    {
        if (options.Threads == 1)
        {
            Console.Error.WriteLine("benchmarks: --scaling compares one thread with --threads N; N is at least 2.");
            return 2;
        }
        using Device one = new(CpuBackend.Create(1)), all = new(CpuBackend.Create(options.Threads));
        Console.WriteLine($"{all.Name} against one thread, wall time");
        var factors = new List<double>();
        foreach (var item in cases)
        {
            using var scope = torch.NewDisposeScope();
            PeerRun alone = item.Create(one), together = item.Create(all);
            alone.Ours();
            together.Ours();
            var times = Race.Run(item.IsWhole ? 3 : options.Quick ? 5 : 9, item.IsWhole, alone.Ours, together.Ours);
            factors.Add(times[0].Wall / times[1].Wall);
            Console.WriteLine($"SCALING {item.Name} {times[0].Wall:F3} {times[1].Wall:F3} {factors[^1]:F2}; processor time {times[1].Processor / times[0].Processor:F2} times as much");
            alone.Free();
            together.Free();
        }
        Console.WriteLine($"GEOMEAN scaling {Math.Exp(factors.Average(Math.Log)):F2} over {factors.Count} cases with {options.Threads} threads");
        return 0;
    }
}
