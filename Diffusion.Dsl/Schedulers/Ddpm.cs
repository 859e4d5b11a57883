namespace Diffusion.Dsl.Schedulers;

/// <summary>DDPM (Ho et al., arXiv:2006.11239, equation 7; learned variance: Nichol and Dhariwal, arXiv:2102.09672, equation 15).</summary>
internal static class Ddpm
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        bool custom = !options.Timesteps.IsDefaultOrEmpty;
        if (!custom) Spacing.AtMostTrained(config, options.Steps);
        var schedule = NoiseSchedule.From(config);
        var timesteps = custom ? Spacing.Custom(config, options) : Spacing.Whole(config, options.Steps);
        int stride = config.NumTrainTimesteps / options.Steps;
        double Previous(int i) => !custom ? timesteps[i] - stride : i + 1 < timesteps.Length ? timesteps[i + 1] : -1;
        return Discrete.Timetable(config, options, schedule, timesteps) with
        {
            NoiseFor = i => timesteps[i] > 0 ? NoiseNeed.Required : NoiseNeed.None,
            StepFunction = input =>
            {
                double previous = Previous(input.Index);
                double alphaBar = schedule.AlphaBar(timesteps[input.Index]), before = previous >= 0 ? schedule.AlphaBar(previous) : 1;
                return Step(config, input, alphaBar, before, alphaBar / before, NoiseLevel.Beta(alphaBar, before), timesteps[input.Index] > 0);
            },
        };
    }

    /// <summary>One step of ancestral sampling between two alpha-bars.</summary>
    internal static StepOutput Step(
        SchedulerConfig config, StepInput input, double alphaBar, double previous, double alpha, double beta, bool noisy)
    {
        bool learned = config.VarianceType is "learned" or "learned_range";
        var (output, variance) = learned ? input.Output.SplitChannels(input.Sample) : new(input.Output, input.Output);
        var at = NoiseLevel.FromAlphaBar(alphaBar);
        var original = Prediction.Limit(config, Prediction.Original(config.PredictionType, output, input.Sample, at));
        var mean = Math.Sqrt(previous) * beta / (1 - alphaBar) * original
            + Math.Sqrt(alpha) * (1 - previous) / (1 - alphaBar) * input.Sample;
        return new(input.State.Next(), noisy ? mean + Noise(config.VarianceType, beta, alphaBar, previous, variance, input.Noise) : mean, original)
        {
            Mean = mean,
        };
    }

    private static Sample Noise(string type, double beta, double alphaBar, double previous, Sample variance, Sample noise)
    {
        double small = Math.Max((1 - previous) / (1 - alphaBar) * beta, 1e-20);
        switch (type)
        {
            case "fixed_small" or "fixed_small_log":
                return Math.Sqrt(small) * noise;
            case "fixed_large":
                return Math.Sqrt(beta) * noise;
            case "fixed_large_log":
                // diffusers takes the root of the logarithm: not a number wherever beta is below 1.
                return Math.Sqrt(Math.Log(beta)) * noise;
            case "learned":
                return variance.Sqrt() * noise;
            default:
                // The output, -1..1, says where the variance lies between the two bounds, on a logarithmic scale.
                return Math.Pow(beta * small, 0.25) * (0.25 * Math.Log(beta / small) * variance).Exp() * noise;
        }
    }
}
