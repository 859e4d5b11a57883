using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>Managed bytes that a steady denoising step allocates: building the graph, and computing it.</summary>
internal static class AllocationsVerb
{
    private const int WarmUp = 6;

    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var steps = new List<long>();
        using (var pulled = ShapesRun.Create().EnumerateSteps().GetEnumerator())
        {
            while (Bytes(() => pulled.MoveNext(), out bool more) is var bytes && more)
                steps.Add(bytes);
        }
        Console.WriteLine($"step by step: {string.Join(' ', steps)} bytes");
        Console.WriteLine($"ALLOCATED steady step: {Race.Median(steps.Skip(WarmUp).Select(b => (double)b)):F0} bytes (graph, scheduler and computing)");

        // The same graph again and again: what building it takes, and what computing it takes.
        var (graph, compute) = (new List<double>(), new List<double>());
        var device = Device.Cpu;
        for (int i = 0; i < WarmUp + (options.Quick ? 5 : 20); i++)
        {
            long building = Bytes(Network.Graph, out var output);
            long computing = Bytes(() => output.Realize(), out _);
            output.Dispose();
            if (i >= WarmUp)
            {
                graph.Add(building);
                compute.Add(computing);
            }
        }
        Console.WriteLine($"ALLOCATED graph of one prediction: {Race.Median(graph):F0} bytes; computing it: {Race.Median(compute):F0} bytes; {device.PlanCount} plans in all");
        Console.WriteLine($"collections so far: {GC.CollectionCount(0)} of generation 0, {GC.CollectionCount(1)} of 1, {GC.CollectionCount(2)} of 2");
        return 0;
    }

    // All threads: a kernel's workers may not allocate either.
    private static long Bytes<T>(Func<T> action, out T result)
    {
        long before = GC.GetTotalAllocatedBytes(precise: true);
        result = action();
        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }

    private static class Network
    {
        private static readonly Diffusion.Core.Models.UNet2DConditionModel Model = Diffusion.Core.Models.UNet2DConditionModel.Load(Path.Combine(ShapesRun.Folder(), "unet"));
        private static readonly Tensor Sample = Tensor.From(new float[2 * Model.Config.InChannels * 16 * 16], Shape.Of(2, Model.Config.InChannels, 16, 16));
        private static readonly Tensor Tokens = Tensor.From(new float[2 * 77 * Model.Config.CrossAttentionDim[0]], Shape.Of(2, 77, Model.Config.CrossAttentionDim[0]));

        public static Tensor Graph() => Model.Forward(Sample, 500, Diffusion.Core.Models.UNetConditioning.OnTokens(Tokens));
    }
}
