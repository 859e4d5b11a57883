using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// What the exponential integrators have in common (DPM-Solver, DEIS, UniPC, SA-Solver): they see the process variance-preserving and
/// measure time by lambda, half the log signal-to-noise ratio.
/// </summary>
internal static class LambdaScale
{
    /// <summary>A timetable from whole timesteps and sigmas.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="schedule">The training process.</param>
    /// <param name="steps">The number of steps asked for.</param>
    /// <param name="timesteps">What the model is told at each call.</param>
    /// <param name="sigmas">Noise over signal: one more than timesteps, the last one is where the run ends.</param>
    public static Timetable Timetable(
        SchedulerConfig config, NoiseSchedule schedule, int steps, ImmutableArray<double> timesteps, ImmutableArray<double> sigmas) => new()
        {
            Scheduler = config.ClassName,
            Timesteps = timesteps,
            IntegerTimesteps = true,
            Steps = steps,
            Sigmas = sigmas,
            NoiseLevels = [.. sigmas.Take(timesteps.Length).Select(NoiseLevel.FromSigma)],
            NoiseLevelAt = t => NoiseLevel.FromSigma(sigmas[SigmaScale.IndexOf(timesteps, t)]),
            Tables = schedule.LambdaTables(),
            UsesHistory = true,
            StepFunction = _ => throw new InvalidOperationException($"{config.ClassName} has no step."),
        };

    /// <summary>Half the log signal-to-noise ratio at a sigma; infinite at 0.</summary>
    public static double Lambda(double sigma) => -Math.Log(sigma);

    /// <summary>Karras sigmas between the ends of the training process, with whole timesteps.</summary>
    public static (ImmutableArray<double> Timesteps, ImmutableArray<double> Sigmas) Karras(NoiseSchedule schedule, int steps) =>
        WithTimesteps(schedule, SigmaSpacing.Karras(schedule.Sigmas[0], schedule.Sigmas[^1], steps));

    /// <summary>Exponential sigmas between the ends of the training process, with whole timesteps.</summary>
    public static (ImmutableArray<double> Timesteps, ImmutableArray<double> Sigmas) Lu(NoiseSchedule schedule, int steps) =>
        WithTimesteps(schedule, SigmaSpacing.Exponential(schedule.Sigmas[0], schedule.Sigmas[^1], steps));

    /// <summary>How many training timesteps are left when those of a lambda below the least one are cut off.</summary>
    public static int LastTimestep(SchedulerConfig config, NoiseSchedule schedule) =>
        schedule.Count - schedule.Lambdas.Count(lambda => lambda < config.LambdaMinClipped);

    private static (ImmutableArray<double> Timesteps, ImmutableArray<double> Sigmas) WithTimesteps(
        NoiseSchedule schedule, ImmutableArray<double> sigmas) =>
        ([.. sigmas.Select(s => Math.Round(SigmaSpacing.ToTimestep(s, schedule.Sigmas), MidpointRounding.ToEven))], sigmas);
}
