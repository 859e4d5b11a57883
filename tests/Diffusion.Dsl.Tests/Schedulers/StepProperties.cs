using Diffusion.Dsl.Generators;
using Diffusion.Dsl.Schedulers;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Dsl.Tests.Schedulers;

public sealed class StepProperties
{
    // The same 300 random configurations in every run, so that a build doesn't fail by chance; take it away to look for new ones.
    private const string FixedSeed = "(20261122,7)";

    public static TheoryData<string> Exchangeable => [.. Toy.Exchangeable().Select(scheduler => scheduler.Name)];

    [Property(Arbitrary = [typeof(SchedulerArbitraries)], MaxTest = 300, Replay = FixedSeed)]
    public Property The_timetable_falls_whatever_the_options(SchedulerRun run) => SchedulerLaws.TimetableIsMonotone(run);

    [Property(Arbitrary = [typeof(SchedulerArbitraries)], MaxTest = 300, Replay = FixedSeed)]
    public Property A_split_run_is_the_unsplit_one_whatever_the_options(SchedulerRun run) => SchedulerLaws.SplitRunEqualsUnsplit(run);

    [Property(Arbitrary = [typeof(SchedulerArbitraries)], MaxTest = 300, Replay = FixedSeed)]
    public Property A_run_is_linear_whatever_the_options(SchedulerRun run) => SchedulerLaws.LinearInTheSample(run);

    [Property(Arbitrary = [typeof(SchedulerArbitraries)], MaxTest = 300, Replay = FixedSeed)]
    public Property A_batch_is_the_loop_whatever_the_options(SchedulerRun run) => SchedulerLaws.BatchEqualsLoop(run);

    [Property(Arbitrary = [typeof(SchedulerArbitraries)], MaxTest = 300, Replay = FixedSeed)]
    public Property An_exact_prediction_gives_the_sample_whatever_the_options(SchedulerRun run) =>
        // As in the reference, SA-Solver adds noise for the whole timestep, which with Karras sigmas isn't quite the sigma of its step.
        run.Scheduler is { Name: "SASolverScheduler", Config.UseKarrasSigmas: true } ? true.When(false) : SchedulerLaws.ExactPredictionGivesTheSample(run);

    [Theory]
    [MemberData(nameof(Exchangeable))]
    public void Adding_noise_and_predicting_it_exactly_recovers_the_sample(string name)
    {
        var random = new Random(1);
        foreach (string type in new[] { "epsilon", "v_prediction", "sample" })
        {
            if (type == "sample" && Refuses(name, type)) continue;
            var timetable = Toy.Plain(name).With(config => config.WithPredictionType(type)).Timetable(12);
            var solver = timetable.Over(SampleAlgebra.Double);
            for (int i = 0; i < timetable.Count; i += timetable.Order)
            {
                double x0 = Normal(random), noise = Normal(random), x = solver.AddNoise(x0, noise, i);
                var (signal, sigma) = timetable.NoiseLevels[i];

                // On the sigma scale a velocity belongs to the variance-preserving sample, which is smaller by the root below.
                double root = Math.Sqrt(signal * signal + sigma * sigma);
                double output = type == "epsilon" ? noise : type == "sample" ? x0 : (signal * noise - sigma * x0) / root;
                var first = solver.Step(solver.Start, i, output, x, Normal(random));
                Assert.Equal(x0, first.PredictedOriginal, 1e-6);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Exchangeable))]
    public void Steps_are_linear_in_samples_outputs_and_noise(string name)
    {
        var timetable = Toy.Plain(name).Timetable(7);
        double[] a = Inputs(timetable, 1), b = Inputs(timetable, 2);
        double first = Final(timetable, a), second = Final(timetable, b);
        Assert.Equal(-2.5 * first, Final(timetable, [.. a.Select(v => -2.5 * v)]), 1e-9 * Math.Max(1, Math.Abs(first)));
        Assert.Equal(first + second, Final(timetable, [.. a.Zip(b, (x, y) => x + y)]), 1e-9 * Math.Max(1, Math.Abs(first) + Math.Abs(second)));
    }

    [Theory]
    [MemberData(nameof(Exchangeable))]
    public void A_run_resumed_from_any_saved_state_ends_as_the_unbroken_run(string name)
    {
        var timetable = Toy.Plain(name).Timetable(9);
        var inputs = Inputs(timetable, 3);
        var solver = timetable.Over(SampleAlgebra.Double);
        var saved = new List<(SchedulerState State, double Sample)> { (solver.Start, inputs[0]) };
        for (int i = 0; i < timetable.Count; i++) saved.Add(Step(solver, saved[i], i, inputs));
        for (int split = 0; split < timetable.Count; split++)
        {
            // Anew, and over another solver, so that nothing can have been kept outside of the state.
            var other = timetable.Over(SampleAlgebra.Double);
            var resumed = Enumerable.Range(split, timetable.Count - split).Aggregate(saved[split], (at, i) => Step(other, at, i, inputs));
            Assert.Equal(saved[^1].Sample, resumed.Sample);
        }
    }

    [Theory]
    [MemberData(nameof(Exchangeable))]
    public void A_batch_is_the_loop_over_its_items(string name)
    {
        var scheduler = Toy.Plain(name);
        if (scheduler.Config.Knows("thresholding")) scheduler = scheduler.With(c => c.WithThresholding(true).WithSampleMaxValue(1.5).WithDynamicThresholdingRatio(0.8));
        var timetable = scheduler.Timetable(5);
        var random = new Random(4);
        double[] Item() => [.. Enumerable.Range(0, 6).Select(_ => Normal(random))];
        var items = Enumerable.Range(0, 2 * timetable.Count + 1).Select(_ => new[] { Item(), Item() }).ToArray();
        var alone = new[] { 0, 1 }.Select(item => Final(timetable, SampleAlgebra.Array(1, 2), [.. items.Select(pair => pair[item])]));
        var batch = Final(timetable, SampleAlgebra.Array(2, 2), [.. items.Select(pair => pair[0].Concat(pair[1]).ToArray())]);
        Assert.Equal(alone.SelectMany(values => values), batch);
    }

    [Theory]
    [InlineData("EulerDiscreteScheduler")]
    [InlineData("EulerAncestralDiscreteScheduler")]
    [InlineData("HeunDiscreteScheduler")]
    [InlineData("KDPM2DiscreteScheduler")]
    [InlineData("KDPM2AncestralDiscreteScheduler")]
    [InlineData("DPMSolverSDEScheduler")]
    [InlineData("LMSDiscreteScheduler")]
    [InlineData("DPMSolverMultistepScheduler")]
    [InlineData("DPMSolverSinglestepScheduler")]
    [InlineData("DDIMScheduler")]
    [InlineData("DDPMScheduler")]
    public void One_step_from_pure_noise_with_the_perfect_model_gives_the_sample(string name)
    {
        foreach (double x0 in new[] { 0.7, -1.2 })
            SchedulerLaws.OnePerfectStepGivesTheSample(Toy.Plain(name), x0, 1.3).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("EulerAncestralDiscreteScheduler")]
    [InlineData("DPMSolverSDEScheduler")]
    public void Long_steps_from_the_noisiest_cosine_levels_stay_finite(string name)
    {
        for (int trained = 900; trained <= 1000; trained++)
        {
            var scheduler = Toy.Plain(name).With(config => config.WithBetaSchedule("squaredcos_cap_v2").WithNumTrainTimesteps(trained));
            for (int steps = 2; steps <= 6; steps++)
                Assert.True(double.IsFinite(Toy.Run(scheduler.Timetable(steps), (_, _) => 0.5, 100, _ => 0.1)[^1]), $"{trained}, {steps}");
        }
    }

    [Property(MaxTest = 25)]
    public void Ddim_after_its_inverse_returns(int seed)
    {
        // The outputs may be anything, so long as both directions get the same ones.
        var random = new Random(seed);
        int steps = random.Next(1, 60);
        var forward = Toy.Plain("DDIMScheduler").Timetable(steps).Over(SampleAlgebra.Double);
        var inverse = Toy.Plain("DDIMInverseScheduler").Timetable(steps).Over(SampleAlgebra.Double);
        double[] outputs = [.. Enumerable.Range(0, steps).Select(_ => Normal(random))];
        double start = Normal(random);
        double noisy = Enumerable.Range(0, steps).Aggregate(start, (x, i) => inverse.Step(inverse.Start, i, outputs[i], x).Sample);
        double back = Enumerable.Range(0, steps).Aggregate(noisy, (x, i) => forward.Step(forward.Start, i, outputs[^(i + 1)], x).Sample);
        Assert.Equal(start, back, 1e-8);
    }

    [Theory]
    [MemberData(nameof(Exchangeable))]
    public void A_step_is_one_linear_combination(string name)
    {
        int calls = 0;
        var counting = new SampleAlgebra<double>(terms =>
        {
            calls++;
            return SampleAlgebra.Double.LinearCombination(terms);
        });
        var timetable = Toy.Plain(name).Timetable(8);
        var solver = timetable.Over(counting);
        var inputs = Inputs(timetable, 5);
        var end = Enumerable.Range(0, timetable.Count).Aggregate((solver.Start, inputs[0]), (at, i) => Step(solver, at, i, inputs)).Item2;
        Assert.True(double.IsFinite(end));
        Assert.True(calls <= timetable.Count, $"{calls} combinations for {timetable.Count} steps");
    }

    private static bool Refuses(string name, string type)
    {
        try
        {
            Toy.Plain(name).With(config => config.WithPredictionType(type));
            return false;
        }
        catch (ArgumentException)
        {
            return true;
        }
    }

    private static double[] Inputs(Timetable timetable, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, 2 * timetable.Count + 1).Select(_ => Normal(random))];
    }

    private static double Final(Timetable timetable, double[] inputs) => Final(timetable, SampleAlgebra.Double, inputs);

    // The start, and for each call an output and a noise.
    private static T Final<T>(Timetable timetable, SampleAlgebra<T> algebra, T[] inputs)
        where T : notnull
    {
        var solver = timetable.Over(algebra);
        return Enumerable.Range(0, timetable.Count).Aggregate((solver.Start, inputs[0]), (at, i) => Step(solver, at, i, inputs)).Item2;
    }

    private static (SchedulerState State, T Sample) Step<T>(Solver<T> solver, (SchedulerState State, T Sample) at, int i, T[] inputs)
        where T : notnull
    {
        var result = solver.Step(at.State, i, inputs[2 * i + 1], at.Sample, inputs[2 * i + 2]);
        return (result.State, result.Sample);
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
