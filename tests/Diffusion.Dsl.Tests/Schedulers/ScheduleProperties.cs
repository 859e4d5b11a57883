using Diffusion.Dsl.Generators;
using Diffusion.Dsl.Schedulers;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Xunit;
using Scheduling = Diffusion.Dsl.Schedulers.Schedulers;

namespace Diffusion.Dsl.Tests.Schedulers;

/// <summary>Generators of schedules and run lengths.</summary>
public static class ScheduleArbitraries
{
    public static Arbitrary<SchedulerConfig> Configs() => SchedulerGenerators.BetaSchedules("DDIMScheduler").ToArbitrary();

    public static Arbitrary<(string ClassName, string Spacing, int Steps)> Runs() => (
        from className in Gen.Elements(SchedulerGenerators.ClassNames.ToArray())
        from spacing in Gen.Elements("linspace", "leading", "trailing")
        from steps in Gen.Choose(1, 999)
        select (className, spacing, steps)).ToArbitrary();
}

public sealed class ScheduleProperties
{
    [Property(Arbitrary = [typeof(ScheduleArbitraries)], MaxTest = 60)]
    public void Alpha_bar_falls_strictly_within_0_and_1(SchedulerConfig config)
    {
        var bars = NoiseSchedule.From(config).AlphaBars;
        Assert.Equal(config.NumTrainTimesteps, bars.Length);
        Assert.All(bars, bar => Assert.True(bar is > 0 and <= 1));
        Assert.All(bars.Zip(bars.Skip(1)), pair => Assert.True(pair.Second < pair.First));
    }

    [Property(Arbitrary = [typeof(ScheduleArbitraries)], MaxTest = 40)]
    public void Zero_terminal_snr_leaves_the_first_level_and_nothing_of_the_last(SchedulerConfig config)
    {
        var plain = NoiseSchedule.From(config).AlphaBars;
        var rescaled = NoiseSchedule.From(config.WithRescaleBetasZeroSnr(true)).AlphaBars;
        Assert.Equal(plain[0], rescaled[0], 1e-6);
        Assert.Equal(0, rescaled[^1]);
        Assert.All(rescaled.Zip(rescaled.Skip(1)), pair => Assert.True(pair.Second < pair.First));
    }

    [Property(Arbitrary = [typeof(ScheduleArbitraries)], MaxTest = 150)]
    public void Timetables_fall_have_the_length_asked_for_and_stay_in_range((string ClassName, string Spacing, int Steps) run)
    {
        var config = Toy.Plain(run.ClassName).Config;
        if (config.Knows("timestep_spacing")) config = config.WithTimestepSpacing(run.Spacing);
        var timetable = Scheduling.Create(config).Timetable(run.Steps);
        int repeated = run.ClassName == "PNDMScheduler" && run.Steps > 1 ? 1 : 0;
        Assert.Equal(timetable.Order == 2 ? 2 * run.Steps - 1 : run.Steps + repeated, timetable.Count);
        Assert.All(timetable.Timesteps, t => Assert.InRange(t, 0, config.NumTrainTimesteps - 1));

        // The timesteps in the middle of two are interpolated in float32 tables.
        Assert.All(timetable.Timesteps.Zip(timetable.Timesteps.Skip(1)), pair => Assert.True(pair.Second <= pair.First + 1e-3));
        if (timetable.IntegerTimesteps) Assert.All(timetable.Timesteps, t => Assert.Equal(Math.Floor(t), t));
        Assert.All(timetable.Sigmas.Zip(timetable.Sigmas.Skip(1)), pair => Assert.True(pair.Second <= pair.First));
    }

    [Property(Arbitrary = [typeof(SchedulerArbitraries)], MaxTest = 200)]
    public void Impossible_options_are_refused_by_name(InvalidConfiguration invalid)
    {
        var error = Assert.ThrowsAny<ArgumentException>(() => Scheduling.Create(invalid.Config));
        Assert.Contains(invalid.Option, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Trailing_begins_at_the_last_training_timestep_and_leading_ends_at_the_first()
    {
        for (int steps = 1; steps <= 1000; steps++)
        {
            var config = SchedulerConfig.Default("DDIMScheduler");
            Assert.Equal(999, Scheduling.Create(config.WithTimestepSpacing("trailing")).Timetable(steps).Timesteps[0]);
            var leading = Scheduling.Create(config).Timetable(steps);
            Assert.Equal(0, leading.Timesteps[^1]);
            Assert.Equal(steps, leading.Count);
        }
    }

    [Property(MaxTest = 100)]
    public void Sigma_to_timestep_inverts_the_schedule(int seed)
    {
        var sigmas = NoiseSchedule.From(Toy.Plain("DDIMScheduler").Config).Sigmas;
        int t = Math.Abs(seed % sigmas.Length);
        Assert.Equal(t, SigmaSpacing.ToTimestep(sigmas[t], sigmas), 0.01);
        double between = Math.Sqrt(sigmas[t] * sigmas[Math.Min(t + 1, sigmas.Length - 1)]);
        Assert.InRange(SigmaSpacing.ToTimestep(between, sigmas), t - 0.01, t + 1.01);
    }

    [Theory]
    [InlineData(0.02, 10.0, 12)]
    [InlineData(0.002, 80.0, 40)]
    public void Karras_and_exponential_sigmas_fall_between_their_ends(double least, double greatest, int count)
    {
        foreach (var sigmas in new[] { SigmaSpacing.Karras(least, greatest, count), SigmaSpacing.Exponential(least, greatest, count) })
        {
            Assert.Equal(count, sigmas.Length);
            Assert.Equal(greatest, sigmas[0], 1e-9);
            Assert.Equal(least, sigmas[^1], 1e-9);
            Assert.All(sigmas.Zip(sigmas.Skip(1)), pair => Assert.True(pair.Second < pair.First));
        }

        double[] logs = [.. SigmaSpacing.Exponential(least, greatest, count).Select(Math.Log)];
        Assert.All(logs.Zip(logs.Skip(1), (a, b) => a - b), gap => Assert.Equal(logs[0] - logs[1], gap, 1e-9));
    }
}
