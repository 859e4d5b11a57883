using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Benchmarks.Verbs;
using Diffusion.Core.Devices;
using Diffusion.Kernels;
using TorchSharp;

namespace Diffusion.Benchmarks.Peers;

/// <summary>Races against libtorch and ONNX Runtime in one process.</summary>
internal static class PeersVerb
{
    // What takes a minute.
    private const double HugeGigaflops = 5000;

    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using var inference = torch.inference_mode();
        torch.set_num_threads(options.Threads);
        Onnx.Threads = options.Threads;
        var cases = Cases(options).ToList();
        if (cases.Count == 0)
        {
            Console.Error.WriteLine($"benchmarks: no case contains '{options.Filter}'.");
            return 2;
        }
        return options.IsScaling ? ScalingRun.Run(cases, options) : Race(cases, options);
    }

    private static IEnumerable<PeerCase> Cases(BenchmarkOptions options)
    {
        IEnumerable<PeerCase> all = [.. OperationCases.All, NetworkCases.UNet, NetworkCases.Decoder];
        if (options.IsXl)
        {
            string problem = options.IsShared ? "" : NetworkCases.XlProblem();
            if (problem.Length == 0)
                all = all.Append(NetworkCases.UNetXl(options.IsShared));
            else
                Console.WriteLine($"LEFT OUT unet-sdxl:128x128: {problem}");
        }
        return all.Where(item => (!options.Quick || item.IsQuick) && item.Name.Contains(options.Filter, StringComparison.OrdinalIgnoreCase));
    }

    private static int Race(List<PeerCase> cases, BenchmarkOptions options)
    {
        using var device = new Device(CpuBackend.Create(options.Threads));
        double peak = Peak.GigaflopsPerCore();
        Console.WriteLine($"{device.Name}; libtorch {torch.__version__}, {torch.get_num_threads()} threads; ONNX Runtime {Onnx.Version}, {Onnx.Threads} threads; measured peak {peak:F1} GFLOP/s a core");
        Console.WriteLine("RATIO lines are medians of wall time against libtorch (RATIO onnxruntime: against that; RATIO libtorch-float32: our integers against its float32); cpu lines the same samples' processor time, which other processes disturb less.");
        var ratios = new Dictionary<string, List<Clock>>();
        bool agree = true;
        foreach (var item in cases)
            agree &= Compare(item, device, options, peak, ratios);
        foreach (var (peer, all) in ratios)
            Console.WriteLine($"GEOMEAN {Prefix(peer).Replace(':', ' ')}{Mean(all.Select(r => r.Wall)):F3} over {all.Count} cases (processor time {Mean(all.Select(r => r.Processor)):F3})");
        return agree ? 0 : 1;
    }

    private static bool Compare(PeerCase item, Device device, BenchmarkOptions options, double peak, Dictionary<string, List<Clock>> ratios)
    {
        using var scope = torch.NewDisposeScope();
        var run = item.Create(device);
        var mine = run.Result();
        double[] errors = [.. run.Peers.Select(peer => Error(mine, peer.Result()))];
        int samples = item.Gigaflops > HugeGigaflops ? 1 : item.IsWhole ? 5 : 9;
        var times = Measuring.Race.Run(options.Quick ? samples : 2 * samples - 1, item.IsWhole, [run.Ours, .. run.Peers.Select(Fastest)]);
        bool agree = true;
        for (int i = 0; i < run.Peers.Length; i++)
        {
            string peer = run.Peers[i].Name;
            var ratio = new Clock(times[0].Wall / times[i + 1].Wall, times[0].Processor / times[i + 1].Processor);
            Console.WriteLine($"RATIO {Prefix(peer)}{item.Name} {times[0].Wall:F3} {times[i + 1].Wall:F3} {ratio.Wall:F3}");
            string rates = item.Gigaflops == 0 ? "" : $"; GFLOP/s a core {Rate(item, times[0]):F0} and {Rate(item, times[i + 1]):F0}, {Rate(item, times[0]) / peak:P0} and {Rate(item, times[i + 1]) / peak:P0} of the peak";
            Console.WriteLine($"  cpu {times[0].Processor:F3} {times[i + 1].Processor:F3} {ratio.Processor:F3}{rates}; results differ by {errors[i]:E1} of the largest");
            if (!ratios.TryGetValue(peer, out var all))
                ratios.Add(peer, all = []);
            all.Add(ratio);
            if (errors[i] < item.Agreement)
                continue;
            Console.WriteLine($"DISAGREE {Prefix(peer)}{item.Name}: {errors[i]:E1}");
            agree = false;
        }
        if (item.Name == NetworkCases.UNet.Name)
            UNetStep.PrintSteady(times[0], options.Threads, peak);
        run.Free();
        return agree;
    }

    /// <summary>The layout or form of theirs that is faster at first goes on.</summary>
    private static Action Fastest(Peer peer) =>
        peer.Ways.Length == 1 ? peer.Ways[0] : peer.Ways.Zip(Measuring.Race.Run(1, false, peer.Ways)).MinBy(p => p.Second.Processor).First;

    private static double Error(float[] mine, float[] theirs) =>
        mine.Zip(theirs, (a, b) => Math.Abs(a - b)).Max() / Math.Max(1e-30f, theirs.Max(Math.Abs));

    // libtorch is the peer that the numbers without a name are about.
    private static string Prefix(string peer) => peer == "libtorch" ? "" : $"{peer}:";

    private static double Rate(PeerCase item, Clock time) => item.Gigaflops / time.Processor * 1e3;

    private static double Mean(IEnumerable<double> ratios) => Math.Exp(ratios.Average(Math.Log));
}
