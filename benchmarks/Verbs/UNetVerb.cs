using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Models;
using Diffusion.Core.Tensors;
using Diffusion.Kernels;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>A step of the UNet of Stable Diffusion 1.5: plan, memory, times and profile.</summary>
internal static class UNetVerb
{
    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using var device = new Device(CpuBackend.Create(options.Cpu));
        Console.WriteLine($"{device.Name}; {options.Threads} threads; {Memory.Megabytes(Memory.ResidentBytes)} resident");
        var step = new UNetStep(StableDiffusion15.Model(StableDiffusion15.Values(), device), device);
        step.PrintPlanning();
        step.PrintFirstStep();
        var samples = new List<Clock>();
        for (int i = 0; i < (options.Quick ? 2 : 5); i++)
            samples.Add(Clock.Of(step.Compute));
        UNetStep.PrintSteady(Race.Median(samples), options.Threads, Peak.GigaflopsPerCore());
        KernelProfile.Of(step.Compute, out _).Print(options.Quick ? 12 : 40);
        step.PrintMemory();
        return 0;
    }
}

/// <summary>The UNet with its inputs.</summary>
internal sealed class UNetStep(UNet2DConditionModel model, Device device)
{
    private readonly Tensor sample = StableDiffusion15.Sample.Input(device);
    private readonly UNetConditioning conditioning = UNetConditioning.OnTokens(StableDiffusion15.Tokens.Input(device));

    /// <summary>The prediction, not yet computed.</summary>
    public Tensor Graph() => model.Forward(sample, StableDiffusion15.Timestep, conditioning);

    /// <summary>Builds the graph and computes it.</summary>
    public void Compute()
    {
        using var output = Graph();
        output.Realize();
    }

    public void PrintPlanning()
    {
        Graph();
        Tensor? output = null;
        var graph = Clock.Of(() => output = Graph());
        string summary = "";
        var plan = Clock.Of(() => summary = device.Explain(output!).Summary);
        var report = device.Explain(output!);
        Console.WriteLine($"graph {graph.Wall:F1} ms, plan {plan.Wall:F1} ms (once)");
        Console.WriteLine($"plan: {summary}");
        Console.WriteLine($"PEAK {report.PeakBytes / 1e6:F1} MB of {report.IntermediateBytes / 1e6:F1} MB intermediates: {(double)report.PeakBytes / report.IntermediateBytes:P1} (floor: under 60 %)");
    }

    public void PrintFirstStep()
    {
        var (pause, collections) = (GC.GetTotalPauseDuration(), GC.CollectionCount(0));
        var profile = KernelProfile.Of(Compute, out var first);
        Console.WriteLine($"first step {first.Wall:F0} ms (packs the weights), processor {first.Processor:F0} ms;"
            + $" {GC.CollectionCount(0) - collections} garbage collections, {(GC.GetTotalPauseDuration() - pause).TotalMilliseconds:F0} ms");
        profile.Print(0);
    }

    public static void PrintSteady(Clock time, int threads, double peak)
    {
        double rate = StableDiffusion15.Gigaflops / time.Wall * 1e3, perCore = StableDiffusion15.Gigaflops / time.Processor * 1e3;
        Console.WriteLine($"steady step {time.Wall:F0} ms, processor {time.Processor:F0} ms: {rate:F1} GFLOP/s, {perCore:F1} a core (of the plain definition)");
        Console.WriteLine($"measured peak {peak:F1} GFLOP/s a core: floor {StableDiffusion15.Gigaflops / peak / threads:F2} s direct, {StableDiffusion15.GigaflopsByWinograd / peak / threads:F2} s by Winograd;"
            + $" share of the floor {StableDiffusion15.Gigaflops / peak / threads / time.Wall * 1e3:P0} direct, {StableDiffusion15.GigaflopsByWinograd / peak / threads / time.Wall * 1e3:P0} Winograd"
            + $" (by processor time {StableDiffusion15.Gigaflops / peak / time.Processor * 1e3:P0}, {StableDiffusion15.GigaflopsByWinograd / peak / time.Processor * 1e3:P0})");
    }

    public void PrintMemory() =>
        Console.WriteLine($"memory: {Memory.Megabytes(Memory.ResidentBytes)} resident; device {Memory.Megabytes(device.LiveBytes)} live, {Memory.Megabytes(device.PeakBytes)} at most, {Memory.Megabytes(device.FreeBytes)} kept for reuse");
}
