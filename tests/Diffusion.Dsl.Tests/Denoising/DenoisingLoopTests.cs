using Diffusion.Core.Randomness;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Schedulers;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Dsl.Tests.Denoising;

public sealed class DenoisingLoopTests
{
    // One of each kind: with history, with noise, with unused draws, with two calls a step, with scaled inputs.
    private static readonly string[] Kinds =
        ["DDPM", "DDIM", "PNDM", "LMS", "Euler", "Euler ancestral", "DPM-Solver++ multistep", "UniPC"];

    public static TheoryData<string> Schedulers => [.. Kinds];

    [Property(MaxTest = 40)]
    public void A_run_split_at_any_step_is_the_run(byte kind, byte where, ushort seed)
    {
        var loop = Toys.Loop(Kinds[kind % Kinds.Length], 6, seed);
        var whole = loop.Steps().ToArray();
        var kept = whole[where % whole.Length];
        var rest = loop.From(kept).Steps().ToArray();
        Assert.Equal(whole.Length - kept.Index - 1, rest.Length);
        if (rest.Length > 0)
            Assert.Equal(whole[^1].Sample.ToArray(), rest[^1].Sample.ToArray());
    }

    [Theory]
    [MemberData(nameof(Schedulers))]
    public void A_run_on_tensors_is_the_run_on_numbers(string scheduler)
    {
        var timetable = Toys.Scheduler(scheduler).Timetable(5);
        var noise = Enumerable.Range(0, timetable.Count).Select(i => Math.Sin(i + 1.0)).ToArray();
        var solver = timetable.Over(SampleAlgebra.Double);
        var (state, expected) = (solver.Start, 0.75 * timetable.InitNoiseSigma);
        for (int i = 0; i < timetable.Count; i++)
        {
            double t = timetable.Timesteps[i], output = solver.ScaleModelInput(expected, i) * (t / (t + 1));
            var next = timetable.NoiseFor(i) == NoiseNeed.Required ? solver.Step(state, i, output, expected, noise[i]) : solver.Step(state, i, output, expected);
            (state, expected) = (next.State, next.Sample);
        }

        var start = Step.Start(Tensor.From([(float)(0.75 * timetable.InitNoiseSigma)], [1, 1, 1, 1]), timetable, []);
        var last = DenoisingLoop.Create(Toys.Denoiser, timetable, start).WithNoise(i => [(float)noise[i]]).Run();
        Assert.Equal(expected, last.Sample.ToScalar(), 1e-4 * Math.Max(1, Math.Abs(expected)));
    }

    [Theory]
    [MemberData(nameof(Schedulers))]
    public async Task All_ways_to_get_the_steps_give_the_same(string scheduler)
    {
        var loop = Toys.Loop(scheduler, 5);
        var pulled = loop.Steps().ToArray();
        var awaited = new List<Step>();
        await foreach (var step in loop.StepsAsync(TestContext.Current.CancellationToken))
            awaited.Add(step);
        var pushed = new Recorder();
        using var subscription = loop.Observe(TestContext.Current.CancellationToken).Subscribe(pushed);
        Assert.Equal(pulled.Select(step => step.Timestep), awaited.Select(step => step.Timestep));
        Assert.Equal(pulled[^1].Sample.ToArray(), awaited[^1].Sample.ToArray());
        Assert.Equal(pulled[^1].Sample.ToArray(), pushed.Steps[^1].Sample.ToArray());
        Assert.True(pushed.IsCompleted);
        Assert.Equal(pulled[^1].Sample.ToArray(), loop.Run(cancel: TestContext.Current.CancellationToken).Sample.ToArray());
    }

    [Fact]
    public void Stopping_to_pull_stops_the_run()
    {
        int calls = 0;
        var counting = new Denoiser(input =>
        {
            calls++;
            return Toys.Denoiser.Predict(input);
        });
        Assert.Equal(3, Toys.Loop("DDIM", 10).WithDenoiser(counting).Steps().Take(3).Count());
        Assert.Equal(3, calls);
    }

    [Fact]
    public void A_cancelled_run_holds_no_memory()
    {
        using var device = Toys.Device();
        using var stop = new CancellationTokenSource();
        var loop = Toys.Loop("UniPC", 10, device: device);
        Assert.Throws<OperationCanceledException>(() => loop.Run(new Told(step =>
        {
            if (step.Index == 4)
                stop.Cancel();
        }), stop.Token));

        // Only the start, which the loop doesn't own.
        CollectGarbage();
        Assert.Equal(0, device.LiveBytes);
    }

    [Fact]
    public void A_finished_run_holds_its_last_step()
    {
        using var device = Toys.Device();
        var loop = Toys.Loop("DDPM", 50, device: device);
        long most = 0;
        var last = loop.Run(new Told(_ => most = Math.Max(most, device.LiveBytes)), TestContext.Current.CancellationToken);
        long sample = last.Sample.Shape.Count * sizeof(float);
        Assert.True(most <= 16 * sample, $"{most} bytes were held for samples of {sample}.");
    }

    [Fact]
    public void The_second_step_plans_nothing_anew()
    {
        using var device = Toys.Device();
        var loop = Toys.Loop("DDIM", 8, device: device).Guide();
        var plans = loop.Steps().Select(_ => device.PlanCount).ToArray();

        // The last step is another sum: nothing of the noise is left in it.
        Assert.Equal(plans[1], plans[^2]);
    }

    [Fact]
    public void An_edited_step_is_where_the_run_goes_on()
    {
        var loop = Toys.Loop("DDIM", 6);
        var edited = loop.Map(step => step.Index == 2 ? step.WithSample(step.Sample * 0) : step).Steps().ToArray();
        Assert.All(edited[^1].Sample.ToArray(), value => Assert.Equal(0, value));
        Assert.NotEqual(0, loop.Run(cancel: TestContext.Current.CancellationToken).Sample.ToArray()[0]);
    }

    [Fact]
    public void A_fork_with_other_generators_is_another_run()
    {
        var loop = Toys.Loop("Euler ancestral", 6);
        var whole = loop.Steps().ToArray();
        var other = loop.From(whole[2].WithGenerators(new TorchGenerator(99).State)).Run(cancel: TestContext.Current.CancellationToken);
        Assert.NotEqual(whole[^1].Sample.ToArray(), other.Sample.ToArray());
    }

    [Fact]
    public void A_run_can_go_on_with_another_scheduler()
    {
        var loop = Toys.Loop("DDIM", 6);
        var step = loop.Steps().ElementAt(2);
        var other = Toys.Scheduler("DDPM").Timetable(6);
        var last = loop.From(step).WithTimetable(other).Run(cancel: TestContext.Current.CancellationToken);
        Assert.True(last.IsLast);
        Assert.Throws<ArgumentException>(() => loop.WithTimetable(Toys.Scheduler("DDIM").Timetable(7)));
    }

    [Fact]
    public void The_estimate_of_the_original_can_be_read_at_any_time()
    {
        var estimates = new List<float[]>();
        var loop = Toys.Loop("UniPC", 5);
        loop.Run(new Told(step => estimates.Add(step.PredictedOriginal.ToArray())), TestContext.Current.CancellationToken);
        Assert.Equal(loop.Steps().Select(step => step.PredictedOriginal.ToArray()), estimates);
    }

    [Fact]
    public void A_preview_needs_a_decoder()
    {
        var step = Toys.Loop("DDIM", 2).Steps().First();
        Assert.Contains("WithDecoder", Assert.Throws<NotSupportedException>(() => step.Preview()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_goes_to_the_observer()
    {
        var failing = Denoiser.Create((_, _, _) => throw new InvalidOperationException("broken"));
        var seen = new Recorder();
        using var subscription = Toys.Loop("DDIM", 2).WithDenoiser(failing).Observe(TestContext.Current.CancellationToken).Subscribe(seen);
        Assert.Equal("broken", Assert.IsType<InvalidOperationException>(seen.Error).Message);
    }

    [Fact]
    public void Seeds_must_fit_the_batch() => Assert.Throws<ArgumentException>(() =>
        DenoisingLoop.FromNoise(Toys.Denoiser, Toys.Scheduler("DDIM").Timetable(2), [3, 4, 2, 2], [1, 2], Core.Devices.Device.Cpu));

    [Fact]
    public void Missing_noise_is_told_of()
    {
        var timetable = Toys.Scheduler("Euler ancestral").Timetable(3);
        var loop = DenoisingLoop.Create(Toys.Denoiser, timetable, Step.Start(Tensor.Ones([1, 1, 2, 2]), timetable, []));
        Assert.Contains("WithNoise", Assert.Throws<InvalidOperationException>(() => loop.Run()).Message, StringComparison.Ordinal);
    }

    private static void CollectGarbage()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }

    private sealed class Told(Action<Step> report) : IProgress<Step>
    {
        public void Report(Step value) => report(value);
    }

    private sealed class Recorder : IObserver<Step>
    {
        public List<Step> Steps { get; } = [];

        public bool IsCompleted { get; private set; }

        public Exception? Error { get; private set; }

        public void OnCompleted() => IsCompleted = true;

        public void OnError(Exception error) => Error = error;

        public void OnNext(Step value) => Steps.Add(value);
    }
}
