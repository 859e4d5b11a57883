using System.Diagnostics;
using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Schedulers;
using Diffusion.Kernels;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>
/// What one step of each scheduler costs the host: its mathematics and building its graph, over latents 4×64×64, computing nothing. The
/// device is asked to do nothing meanwhile, which is counted, so a step can't wait for it either.
/// </summary>
internal static class SchedulersVerb
{
    private const int Steps = 20;

    // Microseconds: what was asked for.
    private const double Goal = 100;

    private static readonly Shape Latents = Shape.Of(1, 4, 64, 64);

    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var backend = new CountingBackend(CpuBackend.Create(options.Threads));
        using var device = new Device(backend);
        Console.WriteLine($"{"scheduler",-36} {"us a step",10} {"99th percent",12} {"bytes",8} {"device requests",16} {"plans",6}");
        // What all have in common is compiled well before the first of them is measured.
        _ = Measure(Schedulers.ByName("DDIM").Timetable(Steps), backend, device, 20_000);
        int missed = 0;
        foreach (var info in Schedulers.All.Where(info => info.ClassName.Contains(options.Filter, StringComparison.OrdinalIgnoreCase)))
        {
            if (info.ClassName is "VQDiffusionScheduler" or "AmusedScheduler")
            {
                Console.WriteLine($"{info.ClassName,-36} works on tokens, not on latents");
                continue;
            }

            var timetable = info.Create().Timetable(info.ClassName == "ConsistencyDecoderScheduler" ? 2 : Steps);
            var measured = Measure(timetable, backend, device, options.Quick ? 1000 : 10_000);
            bool met = measured.Median < Goal && measured.Requests == 0 && measured.Plans == 0;
            missed += met ? 0 : 1;
            Console.WriteLine($"{info.ClassName,-36} {measured.Median,10:F1} {measured.Slowest,12:F1} {measured.Bytes,8:F0} {measured.Requests,16} {measured.Plans,6}{(met ? "" : "  MISSED")}");
        }

        Console.WriteLine(missed == 0
            ? $"All under {Goal} us a step, and nothing was asked of the device."
            : $"{missed} at {Goal} us a step or more, or with requests to the device.");
        return missed == 0 ? 0 : 1;
    }

    private static Measured Measure(Timetable timetable, CountingBackend backend, Device device, int steps)
    {
        // Each position has values of its own, as in a run: equal ones would be merged in a multistep method's combinations.
        var random = new Random(1);
        var samples = Realized(random, timetable.Count, device);
        var outputs = Realized(random, timetable.Count, device);
        var noises = Enumerable.Range(0, timetable.Count)
            .Select(i => Realized(random, timetable.NoiseFor(i) == NoiseNeed.Required ? timetable.NoiseCount(i) : 0, device)).ToArray();
        var conditions = Realized(random, timetable.Conditions.Length, device);

        var times = new List<double>(steps + timetable.Count);
        WalkFor(steps / 4);
        times.Clear();
        long requests = backend.Requests, plans = device.PlanCount, bytes = GC.GetAllocatedBytesForCurrentThread();
        WalkFor(steps);
        bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
        times.Sort();
        return new(times[times.Count / 2], times[(int)(times.Count * 0.99)], (double)bytes / times.Count, backend.Requests - requests, device.PlanCount - (int)plans);

        void WalkFor(int atLeast)
        {
            while (times.Count < atLeast)
            {
                var state = SchedulerState.Start;
                for (int i = 0; i < timetable.Count; i++)
                {
                    long start = Stopwatch.GetTimestamp();
                    var solver = timetable.Over(TensorAlgebra.Instance).With(conditions);
                    _ = solver.ScaleModelInput(samples[i], i);
                    state = solver.Step(state, i, outputs[i], samples[i], noises[i]).State;
                    times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
                }
            }
        }
    }

    private static Tensor[] Realized(Random random, int count, Device device)
    {
        Tensor[] tensors = [.. Enumerable.Range(0, count).Select(_ =>
            Tensor.From([.. Enumerable.Range(0, (int)Latents.Count).Select(_ => random.NextSingle() - 0.5f)], Latents, device))];
        Tensor.Realize(tensors);
        return tensors;
    }

    private sealed record Measured(double Median, double Slowest, double Bytes, long Requests, int Plans);
}
