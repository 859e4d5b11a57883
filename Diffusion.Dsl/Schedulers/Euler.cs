using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>Euler's method on the sigma scale, with optional churn (Karras et al., arXiv:2206.00364, algorithm 2 without the correction).</summary>
internal static class Euler
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        var schedule = NoiseSchedule.From(config).WithoutZero();
        var (timesteps, sigmas) = Sigmas(config, schedule, options.Steps);
        double Gamma(int i) => options.STmin <= sigmas[i] && sigmas[i] <= options.STmax
            ? Math.Min(options.SChurn / timesteps.Length, Math.Sqrt(2) - 1)
            : 0;
        return SigmaScale.Timetable(config, options.Steps, timesteps, sigmas) with
        {
            Tables = schedule.Tables(),
            NoiseFor = i => Gamma(i) > 0 ? NoiseNeed.Required : NoiseNeed.Unused,
            StepFunction = input =>
            {
                double sigma = sigmas[input.Index], gamma = Gamma(input.Index), hat = sigma * (gamma + 1);
                var sample = gamma > 0
                    ? input.Sample + options.SNoise * Math.Sqrt(hat * hat - sigma * sigma) * input.Noise
                    : input.Sample;

                // With a velocity the reference estimates at sigma, not at the churned sigma.
                var original = Prediction.AtSigma(
                    config.PredictionType, input.Output, sample, config.PredictionType == "epsilon" ? hat : sigma);
                var derivative = (sample - original) / hat;
                return new(input.State.Next(), sample + (sigmas[input.Index + 1] - hat) * derivative, original);
            },
        };
    }

    private static (ImmutableArray<double> Timesteps, ImmutableArray<double> Sigmas) Sigmas(
        SchedulerConfig config, NoiseSchedule schedule, int steps)
    {
        var timesteps = Spacing.Fractional(config, steps);
        ImmutableArray<double> sigmas = config.InterpolationType == "log_linear"
            ? [.. SigmaSpacing.Exponential(schedule.Sigmas[0], schedule.Sigmas[^1], steps + 1)]
            : [.. timesteps.Select(schedule.SigmaAt)];
        if (config.UseKarrasSigmas)
        {
            sigmas = SigmaSpacing.Karras(
                double.IsNaN(config.SigmaMin) ? sigmas[^1] : config.SigmaMin,
                double.IsNaN(config.SigmaMax) ? sigmas[0] : config.SigmaMax,
                steps);
            timesteps = SigmaScale.Round(sigmas.Select(sigma => SigmaSpacing.ToTimestep(sigma, schedule.Sigmas)));
        }

        sigmas = SigmaScale.Round(sigmas);
        if (config.TimestepType == "continuous" && config.PredictionType == "v_prediction")
            timesteps = SigmaScale.Round(sigmas.Select(sigma => 0.25 * Math.Log(sigma)));
        return (timesteps, [.. sigmas, 0]);
    }
}
