using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// The schedulers for models distilled to few steps: latent consistency models (LCM, Luo et al., arXiv:2310.04378) and trajectory consistency
/// distillation (TCD, Zheng et al., arXiv:2402.19159). The timesteps are taken from those of the distillation.
/// </summary>
internal static class Distilled
{
    private const double SigmaData = 0.5;

    public static Timetable Lcm(SchedulerConfig config, TimetableOptions options)
    {
        var schedule = NoiseSchedule.From(config);
        var timesteps = Timesteps(config, options, Origin(config, options, Original(config, options)));
        int last = timesteps.Length - 1;
        return Discrete.Timetable(config, options, schedule, timesteps) with
        {
            NoiseFor = i => i == last ? NoiseNeed.None : NoiseNeed.Required,
            StepFunction = input =>
            {
                double t = timesteps[input.Index], scaled = t * config.TimestepScaling;
                var at = NoiseLevel.FromAlphaBar(schedule.AlphaBar(t));
                var original = Prediction.Limit(config, Prediction.Original(config.PredictionType, input.Output, input.Sample, at));

                // The boundary condition: at timestep 0 the sample itself is the answer.
                double variance = scaled * scaled + SigmaData * SigmaData;
                var denoised = scaled / Math.Sqrt(variance) * original + SigmaData * SigmaData / variance * input.Sample;
                if (input.Index == last) return new(input.State.Next(), denoised, denoised);
                var to = NoiseLevel.FromAlphaBar(schedule.AlphaBar(timesteps[input.Index + 1]));
                var mean = to.Signal * denoised;
                return new(input.State.Next(), mean + to.Sigma * input.Noise, denoised) { Mean = mean };
            },
        };
    }

    public static Timetable Tcd(SchedulerConfig config, TimetableOptions options)
    {
        double eta = double.IsNaN(options.Eta) ? 0.3 : options.Eta;
        if (!(eta is >= 0 and <= 1)) throw new ArgumentException($"{config.ClassName}: eta (gamma in the paper) must be in 0..1, not {eta}.");
        var schedule = NoiseSchedule.From(config);

        // With a number of original steps given for the run, any training timestep may be taken.
        var timesteps = Timesteps(config, options, options.OriginalInferenceSteps > 0
            ? [.. Enumerable.Range(0, (int)(config.NumTrainTimesteps * options.Strength))]
            : Origin(config, options, Original(config, options)));
        int last = timesteps.Length - 1;
        return Discrete.Timetable(config, options, schedule, timesteps) with
        {
            NoiseFor = i => eta > 0 && i < last ? NoiseNeed.Required : NoiseNeed.None,
            StepFunction = input =>
            {
                var at = NoiseLevel.FromAlphaBar(schedule.AlphaBar(timesteps[input.Index]));
                double previous = input.Index < last ? timesteps[input.Index + 1] : 0;
                double alphaBar = schedule.AlphaBar(previous);

                // Denoise beyond the next timestep, to s, and put noise on for the way back.
                double alphaBarS = schedule.AlphaBar(MathF.Floor((float)(1 - eta) * (float)previous));
                var s = NoiseLevel.FromAlphaBar(alphaBarS);
                var original = Prediction.Original(config.PredictionType, input.Output, input.Sample, at);
                var noised = s.Signal * original + s.Sigma * Prediction.Noise(config.PredictionType, input.Output, input.Sample, at);
                if (eta == 0 || input.Index == last) return new(input.State.Next(), noised, original);
                var mean = Math.Sqrt(alphaBar / alphaBarS) * noised;
                return new(input.State.Next(), mean + Math.Sqrt(1 - alphaBar / alphaBarS) * input.Noise, original) { Mean = mean };
            },
        };
    }

    private static int Original(SchedulerConfig config, TimetableOptions options)
    {
        int original = options.OriginalInferenceSteps > 0 ? options.OriginalInferenceSteps : config.OriginalInferenceSteps;
        if (original > config.NumTrainTimesteps)
            throw new ArgumentException($"{config.ClassName}: {original} original steps are more than the {config.NumTrainTimesteps} training timesteps.");
        return original;
    }

    // The timesteps of the distillation that the strength leaves, ascending.
    private static ImmutableArray<int> Origin(SchedulerConfig config, TimetableOptions options, int original) =>
        [.. Enumerable.Range(1, (int)(original * options.Strength)).Select(i => i * (config.NumTrainTimesteps / original) - 1)];

    private static ImmutableArray<double> Timesteps(SchedulerConfig config, TimetableOptions options, ImmutableArray<int> origin)
    {
        if (!(options.Strength is > 0 and <= 1))
            throw new ArgumentException($"{config.ClassName}: the strength must be above 0 and at most 1, not {options.Strength}.");
        if (!options.Timesteps.IsDefaultOrEmpty)
        {
            var custom = Spacing.Custom(config, options);
            return custom[^Math.Min((int)(custom.Length * options.Strength), custom.Length)..];
        }

        Spacing.AtMostTrained(config, options.Steps);
        if (options.Steps > Original(config, options) || options.Steps > origin.Length)
        {
            throw new ArgumentException(
                $"{config.ClassName}: {options.Steps} steps are more than the {Math.Min(origin.Length, Original(config, options))} that the "
                + "distillation has at this strength; use fewer steps or more original_inference_steps.");
        }

        double stride = (double)origin.Length / options.Steps;
        return [.. Enumerable.Range(0, options.Steps).Select(i => (double)origin[origin.Length - 1 - (int)Math.Floor(i * stride)])];
    }
}
