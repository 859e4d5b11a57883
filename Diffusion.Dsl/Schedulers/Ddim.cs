namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// DDIM (Song et al., arXiv:2010.02502, equation 12): from the estimate of the noise-free sample straight to the previous noise level;
/// eta blends between deterministic (0) and DDPM's variance (1).
/// </summary>
internal static class Ddim
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        Spacing.AtMostTrained(config, options.Steps);
        var schedule = NoiseSchedule.From(config);
        var timesteps = Spacing.Whole(config, options.Steps);
        double eta = double.IsNaN(options.Eta) ? 0 : options.Eta;
        int stride = config.NumTrainTimesteps / options.Steps;
        double final = Discrete.FinalAlphaBar(config, schedule);
        return Discrete.Timetable(config, options, schedule, timesteps) with
        {
            NoiseFor = _ => eta > 0 ? NoiseNeed.Required : NoiseNeed.None,
            StepFunction = input =>
            {
                double t = timesteps[input.Index];
                double alphaBar = schedule.AlphaBar(t);
                double previous = t - stride >= 0 ? schedule.AlphaBar(t - stride) : final;
                var at = NoiseLevel.FromAlphaBar(alphaBar);
                var original = Prediction.Limit(config, Prediction.Original(config.PredictionType, input.Output, input.Sample, at));
                var noise = options.UseClippedModelOutput
                    ? (input.Sample - at.Signal * original) / at.Sigma
                    : Prediction.Noise(config.PredictionType, input.Output, input.Sample, at);
                double deviation = eta * Math.Sqrt((1 - previous) / (1 - alphaBar) * NoiseLevel.Beta(alphaBar, previous));

                // With eta 1 and a long step nothing is left but what rounding beta to float32 leaves, which may be below 0.
                double left = 1 - previous - deviation * deviation;
                if (left is < 0 and > -1e-6) left = 0;
                var next = Math.Sqrt(previous) * original + Math.Sqrt(left) * noise;
                return new(input.State.Next(), eta > 0 ? next + deviation * input.Noise : next, original) { Mean = next };
            },
        };
    }
}
