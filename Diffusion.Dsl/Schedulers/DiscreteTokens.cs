namespace Diffusion.Dsl.Schedulers;

/// <summary>What the schedulers have in common whose samples are tokens, not numbers: their timetable has no step over a <see cref="Sample"/>.</summary>
internal static class DiscreteTokens
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options, string use)
    {
        Spacing.NoCustom(config, options);
        config.Validate();
        return new()
        {
            Scheduler = config.ClassName,
            Timesteps = [.. Enumerable.Range(0, options.Steps).Reverse().Select(t => (double)t)],
            IntegerTimesteps = true,
            Steps = options.Steps,
            NoiseLevels = [.. Enumerable.Repeat(new NoiseLevel(1, 0), options.Steps)],
            NoiseLevelAt = _ => throw new NotSupportedException($"{config.ClassName} works on tokens, which have no gaussian noise."),
            StepFunction = _ => throw new NotSupportedException($"{config.ClassName} works on tokens; use {use}."),
        };
    }

    /// <summary>Gumbel noise from a uniform number, kept finite by the least value.</summary>
    public static double Gumbel(double uniform, double least) => -Math.Log(Math.Max(-Math.Log(Math.Max(uniform, least)), least));
}
