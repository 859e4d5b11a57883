using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>The scheduler of Würstchen (Pernias et al., arXiv:2306.00637): DDPM in continuous time, 1 to 0, on a cosine schedule that can be bent.</summary>
internal static class DdpmWuerstchen
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        config.Validate();
        bool custom = !options.Timesteps.IsDefaultOrEmpty;
        var times = SigmaScale.Round(custom ? options.Timesteps : Spacing.Linspace(1, 0, options.Steps + 1));
        if (custom && (times.Length < 2 || times.Zip(times.Skip(1)).Any(pair => !(pair.First > pair.Second))))
            throw new ArgumentException($"{config.ClassName}: custom timesteps must be two or more, descending; the last one is where the run ends.");
        if (!times.All(t => t is >= 0 and <= 1)) throw new ArgumentException($"{config.ClassName}: the timesteps must be in 0..1.");
        ImmutableArray<double> timesteps = [.. times.SkipLast(1)];
        return new()
        {
            Scheduler = config.ClassName,
            Timesteps = timesteps,
            Steps = timesteps.Length,
            NoiseLevels = [.. timesteps.Select(t => NoiseLevel.FromAlphaBar(AlphaBar(config, t)))],
            NoiseLevelAt = t => NoiseLevel.FromAlphaBar(AlphaBar(config, t)),
            NoiseFor = i => times[i + 1] > 0 ? NoiseNeed.Required : NoiseNeed.Unused,
            Tables = ImmutableSortedDictionary<string, ImmutableArray<double>>.Empty.Add("timesteps", times),
            StepFunction = input =>
            {
                double alphaBar = AlphaBar(config, times[input.Index]), previous = AlphaBar(config, times[input.Index + 1]);
                double alpha = alphaBar / previous;
                var at = NoiseLevel.FromAlphaBar(alphaBar);
                var mean = (input.Sample - (1 - alpha) / at.Sigma * input.Output) / Math.Sqrt(alpha);
                double deviation = times[input.Index + 1] > 0 ? Math.Sqrt((1 - alpha) * (1 - previous) / (1 - alphaBar)) : 0;
                var original = (input.Sample - at.Sigma * input.Output) / at.Signal;
                return new(input.State.Next(), deviation > 0 ? mean + deviation * input.Noise : mean, original) { Mean = mean };
            },
        };
    }

    private static double AlphaBar(SchedulerConfig config, double t)
    {
        double s = config.S, scaler = config.Scaler;
        double bent = scaler > 1 ? 1 - Math.Pow(1 - t, scaler) : scaler < 1 ? Math.Pow(t, scaler) : t;
        double Cosine(double x) => Math.Pow(Math.Cos((x + s) / (1 + s) * Math.PI / 2), 2);
        return Math.Clamp(Cosine(bent) / Cosine(0), 0.0001, 0.9999);
    }
}
