using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// The samplers of Song et al. (arXiv:2011.13456): predictor and corrector for the variance-exploding SDE (algorithm 2; the model gives the
/// score), and the predictor for the variance-preserving one. What a run ends with is the mean of its last step.
/// </summary>
internal static class ScoreSde
{
    public static Timetable VarianceExploding(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        config.Validate();
        if (options.Steps < 2) throw new ArgumentException($"{config.ClassName}: 2 steps or more are needed.");
        if (config.CorrectSteps < 0) throw config.Error("correct_steps", "0 or more is expected");
        int order = config.CorrectSteps + 1, steps = options.Steps;
        var times = Times(config, steps);
        var sigmas = SigmaScale.Round(times.Select(t => config.SigmaMin * Math.Pow(config.SigmaMax / config.SigmaMin, t)));
        var discrete = SigmaScale.Round(SigmaSpacing.Exponential(config.SigmaMin, config.SigmaMax, steps).Reverse());
        var calls = sigmas.SelectMany(sigma => Enumerable.Repeat(sigma, order)).ToImmutableArray();
        return new()
        {
            Scheduler = config.ClassName,
            Timesteps = calls,
            Steps = steps,
            Order = order,
            NoiseLevels = [.. calls.Select(sigma => new NoiseLevel(1, sigma))],
            NoiseLevelAt = sigma => new(1, sigma),
            InitNoiseSigma = config.SigmaMax,
            NoiseFor = _ => NoiseNeed.Required,
            Tables = new Dictionary<string, ImmutableArray<double>> { ["timesteps"] = times, ["sigmas"] = sigmas, ["discrete_sigmas"] = discrete }
                .ToImmutableSortedDictionary(StringComparer.Ordinal),
            StepFunction = input =>
            {
                int k = input.Index / order;
                var original = input.Sample + sigmas[k] * sigmas[k] * input.Output;
                if (input.Index % order < order - 1) return Correct(config.Snr, input, original);

                // The index is found in float32, where it is a whole number but for the rounding.
                int i = (int)((float)times[k] * (steps - 1));
                double below = i == 0 ? 0 : discrete[i - 1], variance = discrete[i] * discrete[i] - below * below;
                var mean = input.Sample + variance * input.Output;
                return new(input.State.Next(), mean + Math.Sqrt(variance) * input.Noise, original) { Mean = mean };
            },
        };
    }

    public static Timetable VariancePreserving(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        if (options.Steps < 2) throw new ArgumentException($"{config.ClassName}: 2 steps or more are needed.");
        var times = Times(config, options.Steps);
        double slope = config.BetaMax - config.BetaMin, dt = 1.0 / options.Steps;
        NoiseLevel At(double t)
        {
            double log = -0.25 * t * t * slope - 0.5 * t * config.BetaMin;
            return new(Math.Exp(log), Math.Sqrt(1 - Math.Exp(2 * log)));
        }

        return new()
        {
            Scheduler = config.ClassName,
            Timesteps = times,
            Steps = options.Steps,
            NoiseLevels = [.. times.Select(At)],
            NoiseLevelAt = At,
            NoiseFor = _ => NoiseNeed.Required,
            StepFunction = input =>
            {
                double t = times[input.Index], beta = config.BetaMin + t * slope;
                var at = At(t);
                var score = -input.Output / at.Sigma;
                var mean = input.Sample + dt * (0.5 * beta * input.Sample + beta * score);
                var original = (input.Sample - at.Sigma * input.Output) / at.Signal;
                return new(input.State.Next(), mean + Math.Sqrt(beta * dt) * input.Noise, original) { Mean = mean };
            },
        };
    }

    // A step of Langevin dynamics, as long as the ratio of noise to score asks for.
    private static StepOutput Correct(double snr, StepInput input, Sample original)
    {
        var ratio = input.Noise.MeanNorm() / input.Output.MeanNorm();
        var mean = input.Sample + 2 * snr * snr * (ratio * ratio * input.Output);
        return new(input.State.Next(), mean + 2 * snr * (ratio * input.Noise), original) { Mean = mean };
    }

    private static ImmutableArray<double> Times(SchedulerConfig config, int steps) =>
        SigmaScale.Round(Spacing.Linspace(1, config.SamplingEps, steps));
}
