using Diffusion.Dsl.Generators;
using Diffusion.Dsl.Schedulers;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Diffusion.Dsl.Tests.Schedulers;

/// <summary>Schedulers that users make of two functions.</summary>
public sealed class OwnSchedulerTests
{
    // Adams-Bashforth of order 2 in sigma, for uneven steps: what it remembers is the last derivative and step.
    private static readonly Scheduler AdamsBashforth = Scheduler.Create<(Sample Derivative, double Step)?>(
        "AB2",
        _ => null,
        (memory, step) =>
        {
            double h = step.NextSigma - step.Sigma;
            var d = step.Derivative;
            var slope = memory is var (before, last) ? d + h / (2 * last) * (d - before) : d;
            return new(step.Sample + h * slope, (d, h));
        });

    [Fact]
    public void Two_functions_make_a_scheduler_of_second_order()
    {
        var data = new GaussianData(0.4, 0.6);
        double Error(Scheduler scheduler, int steps)
        {
            var timetable = scheduler.With(c => c.WithBetaStart(0.00085).WithBetaEnd(0.012).WithBetaSchedule("scaled_linear")).Timetable(steps);
            double start = 1.2 * data.Spread(timetable.NoiseLevels[0]);
            return Math.Abs(Toy.Run(timetable, data.Denoise, start)[^2] - data.Flow(start, timetable.NoiseLevels[0], timetable.NoiseLevels[^1]));
        }

        Assert.Equal("AB2", AdamsBashforth.Name);
        Assert.True(Math.Log2(Error(AdamsBashforth, 60) / Error(AdamsBashforth, 120)) > 1.7);
        Assert.True(Error(AdamsBashforth, 60) < Error(Scheduler.ByName("Euler"), 60) / 5);
    }

    [Fact]
    public void The_laws_hold_for_it()
    {
        SchedulerLaws.CheckAll(AdamsBashforth);
        SchedulerLaws.ConvergesWithOrder(AdamsBashforth, 2, new GaussianData(0.4, 0.6)).QuickCheckThrowOnFailure();
        Prop.ForAll(
            SchedulerGenerators.Noise.Two().ToArbitrary(),
            numbers => SchedulerLaws.OnePerfectStepGivesTheSample(AdamsBashforth, numbers.Item1, numbers.Item2)).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void The_laws_find_what_is_wrong()
    {
        // Keeps the count outside of its memory, clips, mixes the items of a batch: each of them breaks a law.
        int calls = 0;
        var forgetful = Scheduler.Create("forgetful", _ => 0, (memory, step) => new SolverResult<int>(step.Sample * (1.0 / ++calls), memory));
        var clipping = Scheduler.Create("clipping", _ => 0, (memory, step) => new SolverResult<int>(step.Sample.Clamp(-0.1, 0.1), memory));
        var mixing = Scheduler.Create("mixing", _ => 0, (memory, step) => new SolverResult<int>(step.Sample * step.Sample.MeanNorm(), memory));
        foreach (var (scheduler, law) in new (Scheduler, Func<SchedulerRun, Property>)[]
        {
            (forgetful, SchedulerLaws.SplitRunEqualsUnsplit), (clipping, SchedulerLaws.LinearInTheSample), (mixing, SchedulerLaws.BatchEqualsLoop),
        })
        {
            var property = Prop.ForAll(SchedulerGenerators.Runs(scheduler).ToArbitrary(), law);
            Assert.ThrowsAny<Exception>(() => property.QuickCheckThrowOnFailure());
            Assert.ThrowsAny<Exception>(() => SchedulerLaws.CheckAll(scheduler));
        }

        Assert.ThrowsAny<Exception>(() => SchedulerLaws.ConvergesWithOrder(Scheduler.ByName("Euler"), 2, new(0.4, 0.6)).QuickCheckThrowOnFailure());
    }

    [Fact]
    public void Euler_made_by_hand_is_the_built_in_one()
    {
        var own = Scheduler.Create("own Euler", _ => 0, (count, step) =>
            new SolverResult<int>(step.Sample + (step.NextSigma - step.Sigma) * step.Derivative, count + 1));
        foreach (string type in new[] { "epsilon", "v_prediction", "sample" })
        {
            Timetable Of(Scheduler scheduler) => scheduler.With(c => c.WithPredictionType(type).WithUseKarrasSigmas(true)).Timetable(8);
            var (mine, built) = (Of(own).Over(SampleAlgebra.Double), Of(Scheduler.ByName("Euler")).Over(SampleAlgebra.Double));
            var (a, b) = ((State: mine.Start, Sample: 3.0), (State: built.Start, Sample: 3.0));
            for (int i = 0; i < 8; i++)
            {
                var (x, y) = (mine.Step(a.State, i, 0.3 * i, a.Sample), built.Step(b.State, i, 0.3 * i, b.Sample));
                (a, b) = ((x.State, x.Sample), (y.State, y.Sample));
                Assert.Equal(b.Sample, a.Sample, 1e-12);
            }
        }
    }

    [Fact]
    public void A_stochastic_one_is_given_noise()
    {
        var ancestral = Scheduler.CreateStochastic("own ancestral", _ => 0, (memory, step) =>
        {
            double up = step.NextSigma * Math.Sqrt(1 - step.NextSigma * step.NextSigma / (step.Sigma * step.Sigma));
            double down = Math.Sqrt(step.NextSigma * step.NextSigma - up * up);
            return new SolverResult<int>(step.Sample + (down - step.Sigma) * step.Derivative + up * step.Noise, memory);
        });
        var (own, built) = (ancestral.Timetable(6), Scheduler.ByName("Euler ancestral").Timetable(6));
        Assert.True(Toy.IsStochastic(own));
        var random = new Random(7);
        double[] noise = [.. Enumerable.Range(0, 6).Select(_ => random.NextDouble())];
        double[] End(Timetable timetable) => Toy.Run(timetable, (x, _) => 0.1 * x, 20, i => noise[i]);
        Assert.All(End(own).Zip(End(built)), pair => Assert.Equal(pair.Second, pair.First, 1e-4));
    }

    [Fact]
    public void Samples_of_different_kinds_do_not_mix()
    {
        var numbers = Scheduler.ByName("DPMSolverMultistepScheduler").Timetable(4);
        var first = numbers.Over(SampleAlgebra.Double);
        var state = first.Step(first.Start, 0, 1, 1).State;
        var arrays = numbers.Over(SampleAlgebra.Array(1, 1));
        Assert.Throws<InvalidOperationException>(() => arrays.Step(state, 1, [1.0], [1.0]));
    }
}
