using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// What the schedulers have in common that work on the sigma scale of Karras et al. (arXiv:2206.00364): the sample is
/// <c>x0 + sigma * noise</c>, and the model sees it divided by <c>sqrt(sigma² + 1)</c>.
/// </summary>
internal static class SigmaScale
{
    /// <summary>A timetable from timesteps and sigmas.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="steps">The number of steps asked for.</param>
    /// <param name="timesteps">What the model is told at each call.</param>
    /// <param name="sigmas">One more than timesteps: the last one is where the run ends.</param>
    public static Timetable Timetable(
        SchedulerConfig config, int steps, ImmutableArray<double> timesteps, ImmutableArray<double> sigmas)
    {
        double greatest = sigmas.Max();
        bool fromPureNoise = config.TimestepSpacing is "linspace" or "trailing";
        return new()
        {
            Scheduler = config.ClassName,
            Timesteps = timesteps,
            Steps = steps,
            Sigmas = sigmas,
            InputScales = [.. sigmas.Take(timesteps.Length).Select(s => 1 / Math.Sqrt(s * s + 1))],
            NoiseLevels = [.. sigmas.Take(timesteps.Length).Select(s => new NoiseLevel(1, s))],
            NoiseLevelAt = t => new(1, sigmas[IndexOf(timesteps, t)]),
            InitNoiseSigma = fromPureNoise ? greatest : Math.Sqrt(greatest * greatest + 1),
            StepFunction = _ => throw new InvalidOperationException($"{config.ClassName} has no step."),
        };
    }

    /// <summary>The timesteps of a run and their sigmas, or Karras sigmas and their timesteps.</summary>
    public static (ImmutableArray<double> Timesteps, ImmutableArray<double> Sigmas) Spaced(
        SchedulerConfig config, NoiseSchedule schedule, int steps)
    {
        var timesteps = Spacing.Fractional(config, steps);
        ImmutableArray<double> sigmas = [.. timesteps.Select(schedule.SigmaAt)];
        if (!config.UseKarrasSigmas) return (timesteps, sigmas);
        var karras = SigmaSpacing.Karras(sigmas[^1], sigmas[0], steps);
        return ([.. karras.Select(sigma => SigmaSpacing.ToTimestep(sigma, schedule.Sigmas))], karras);
    }

    /// <summary>Rounded to float32, as the sigmas are that diffusers gives to a step.</summary>
    public static ImmutableArray<double> Round(IEnumerable<double> values) => [.. values.Select(v => (double)(float)v)];

    /// <summary>
    /// Where a timestep is in a timetable; the second place when it is there more than once, so that a run that begins there
    /// doesn't skip a sigma.
    /// </summary>
    public static int IndexOf(ImmutableArray<double> timesteps, double timestep)
    {
        int first = timesteps.IndexOf(timestep);
        if (first < 0)
            throw new ArgumentException($"The timestep {timestep} isn't in the timetable; take one of Timetable.Timesteps, or use an index.");
        return first + 1 < timesteps.Length && timesteps[(first + 1)..].IndexOf(timestep) is >= 0 and var next ? first + 1 + next : first;
    }
}
