using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>What the schedulers have in common that walk down whole training timesteps and their alpha-bars.</summary>
internal static class Discrete
{
    /// <summary>The alpha-bar after the last step.</summary>
    public static double FinalAlphaBar(SchedulerConfig config, NoiseSchedule schedule) => config.SetAlphaToOne ? 1 : schedule.AlphaBars[0];

    /// <summary>A timetable from whole timesteps.</summary>
    public static Timetable Timetable(
        SchedulerConfig config, TimetableOptions options, NoiseSchedule schedule, ImmutableArray<double> timesteps) => new()
        {
            Scheduler = config.ClassName,
            Timesteps = timesteps,
            IntegerTimesteps = true,
            Steps = options.Timesteps.IsDefaultOrEmpty ? options.Steps : timesteps.Length,
            NoiseLevels = [.. timesteps.Select(t => NoiseLevel.FromAlphaBar(schedule.AlphaBar(t)))],
            NoiseLevelAt = t => NoiseLevel.FromAlphaBar(schedule.AlphaBar(t)),
            Tables = config.Knows("set_alpha_to_one") ? schedule.Tables().Add("final_alpha_cumprod", [FinalAlphaBar(config, schedule)]) : schedule.Tables(),
            StepFunction = _ => throw new InvalidOperationException($"{config.ClassName} has no step."),
        };
}
