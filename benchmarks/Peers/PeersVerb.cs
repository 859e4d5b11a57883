using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Benchmarks.Verbs;
using Diffusion.Core.Devices;
using Diffusion.Kernels;
using TorchSharp;

namespace Diffusion.Benchmarks.Peers;

/// <summary>Races against libtorch in one process.</summary>
internal static class PeersVerb
{
    // Two ways to sum up a few thousand products agree to about this, relative to the largest result.
    private const double Agreement = 1e-3;

    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using var inference = torch.inference_mode();
        torch.set_num_threads(options.Threads);
        using var device = new Device(CpuBackend.Create(options.Threads));
        double peak = Peak.GigaflopsPerCore();
        Console.WriteLine($"{device.Name}; libtorch {torch.__version__}, {torch.get_num_threads()} threads; measured peak {peak:F1} GFLOP/s a core");
        Console.WriteLine("RATIO lines are medians of wall time; cpu lines the same samples' processor time, which other processes disturb less.");
        var ratios = new List<Clock>();
        bool agree = true;
        foreach (var item in OperationCases.All(device).Append(UNetCase.Create(device)))
        {
            if ((options.Quick && !item.IsQuick) || !item.Name.Contains(options.Filter, StringComparison.OrdinalIgnoreCase))
                continue;
            agree &= Compare(item, options, peak, ratios);
        }
        if (ratios.Count == 0)
        {
            Console.Error.WriteLine($"benchmarks: no case contains '{options.Filter}'.");
            return 2;
        }
        Console.WriteLine($"GEOMEAN {Mean(ratios.Select(r => r.Wall)):F3} over {ratios.Count} cases (processor time {Mean(ratios.Select(r => r.Processor)):F3})");
        return agree ? 0 : 1;
    }

    private static bool Compare(PeerCase item, BenchmarkOptions options, double peak, List<Clock> ratios)
    {
        using var scope = torch.NewDisposeScope();
        var run = item.Create();
        var (mine, peers) = run.Results();
        double error = mine.Zip(peers, (a, b) => Math.Abs(a - b)).Max() / Math.Max(1e-30f, peers.Max(Math.Abs));
        bool isWhole = item.Gigaflops > 100;
        // The layout of theirs that is faster at first goes on.
        var theirs = run.Theirs.Length == 1 ? run.Theirs[0] : run.Theirs.Zip(Race.Run(1, false, run.Theirs)).MinBy(p => p.Second.Processor).First;
        var times = Race.Run(isWhole ? options.Quick ? 3 : 5 : options.Quick ? 5 : 9, isWhole, run.Ours, theirs);
        var ratio = new Clock(times[0].Wall / times[1].Wall, times[0].Processor / times[1].Processor);
        Console.WriteLine($"RATIO {item.Name} {times[0].Wall:F3} {times[1].Wall:F3} {ratio.Wall:F3}");
        string rates = item.Gigaflops == 0 ? "" : $"; GFLOP/s a core {Rate(item, times[0]):F0} and {Rate(item, times[1]):F0}, {Rate(item, times[0]) / peak:P0} and {Rate(item, times[1]) / peak:P0} of the peak";
        Console.WriteLine($"  cpu {times[0].Processor:F3} {times[1].Processor:F3} {ratio.Processor:F3}{rates}; results differ by {error:E1} of the largest");
        if (isWhole)
            UNetStep.PrintSteady(times[0], options.Threads, peak);
        run.Free();
        ratios.Add(ratio);
        if (error < Agreement)
            return true;
        Console.WriteLine($"DISAGREE {item.Name}: {error:E1}");
        return false;
    }

    private static double Rate(PeerCase item, Clock time) => item.Gigaflops / time.Processor * 1e3;

    private static double Mean(IEnumerable<double> ratios) => Math.Exp(ratios.Average(Math.Log));
}
