using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>Ways to spread a run's timesteps over the training timesteps (arXiv:2305.08891, table 2).</summary>
internal static class Spacing
{
    /// <summary>So many evenly spaced numbers, both ends included, as numpy computes them.</summary>
    public static ImmutableArray<double> Linspace(double start, double end, int count)
    {
        if (count == 1) return [start];
        double step = (end - start) / (count - 1);
        return [.. Enumerable.Range(0, count).Select(i => i == count - 1 ? end : start + i * step)];
    }

    /// <summary>Whole timesteps in descending order.</summary>
    /// <param name="config">Gives the number of training timesteps, the kind of spacing and the offset.</param>
    /// <param name="steps">How many.</param>
    /// <param name="extra">1 for schedulers that space one step more and leave the last one out; else 0.</param>
    /// <param name="last">The number of training timesteps that are used; 0 for all.</param>
    public static ImmutableArray<double> Whole(SchedulerConfig config, int steps, int extra = 0, int last = 0)
    {
        int train = config.NumTrainTimesteps;
        int used = last == 0 ? train : last;
        switch (config.TimestepSpacing)
        {
            case "linspace":
                return [.. Linspace(0, used - 1, steps + extra).Select(Round).Reverse().Take(steps)];
            case "leading":
                int ratio = used / (steps + extra);
                if (ratio == 0) throw TooMany(config, steps);
                return [.. Enumerable.Range(0, steps + extra).Reverse().Take(steps).Select(i => (double)(i * ratio + config.StepsOffset))];
            default:
                return [.. Trailing(train, used, steps).Select(t => Round(t) - 1)];
        }
    }

    /// <summary>Timesteps in descending order that need not be whole, for schedulers on the sigma scale; rounded to float32.</summary>
    public static ImmutableArray<double> Fractional(SchedulerConfig config, int steps)
    {
        int train = config.NumTrainTimesteps;
        switch (config.TimestepSpacing)
        {
            case "linspace":
                return [.. Linspace(0, train - 1, steps).Reverse().Select(t => (double)(float)t)];
            case "leading":
                if (train / steps == 0) throw TooMany(config, steps);
                return [.. Enumerable.Range(0, steps).Reverse().Select(i => (double)(i * (train / steps) + config.StepsOffset))];
            default:
                return [.. Trailing(train, train, steps).Select(t => Round(t) - 1)];
        }
    }

    /// <summary>Refuses more steps than training steps.</summary>
    public static void AtMostTrained(SchedulerConfig config, int steps)
    {
        if (steps > config.NumTrainTimesteps) throw TooMany(config, steps);
    }

    /// <summary>Refuses custom timesteps.</summary>
    public static void NoCustom(SchedulerConfig config, TimetableOptions options)
    {
        if (!options.Timesteps.IsDefaultOrEmpty)
        {
            throw new NotSupportedException(
                $"{config.ClassName} has no custom timesteps; give the number of steps, or use DDPMScheduler, LCMScheduler or TCDScheduler.");
        }
    }

    /// <summary>Checks custom timesteps: descending, whole, within the training process.</summary>
    public static ImmutableArray<double> Custom(SchedulerConfig config, TimetableOptions options)
    {
        var timesteps = options.Timesteps;
        for (int i = 0; i < timesteps.Length; i++)
        {
            double t = timesteps[i];
            if (!(t >= 0 && t < config.NumTrainTimesteps) || t != Math.Floor(t))
                throw new ArgumentException($"{config.ClassName}: timestep {t} must be a whole number in 0..{config.NumTrainTimesteps - 1}.");
            if (i > 0 && t >= timesteps[i - 1])
                throw new ArgumentException($"{config.ClassName}: custom timesteps must be descending, but {t} comes after {timesteps[i - 1]}.");
        }

        return timesteps;
    }

    public static ArgumentException TooMany(SchedulerConfig config, int steps) =>
        new($"{config.ClassName}: {steps} steps are more than the {config.NumTrainTimesteps} the model was trained with; use fewer steps.");

    // As many values as asked for: the division may miss 0 by a rounding error and give one more.
    private static IEnumerable<double> Trailing(int train, int used, int steps)
    {
        double ratio = (double)train / steps, step = used - (used - ratio);
        int count = Math.Min(steps, (int)Math.Ceiling(used / ratio));
        return Enumerable.Range(0, count).Select(i => used - i * step);
    }

    // Halves to even, as numpy rounds.
    private static double Round(double value) => Math.Round(value, MidpointRounding.ToEven);
}
