namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// DDIM backwards (Song et al., arXiv:2010.02502, section 4.3; used by arXiv:2210.11427): from a sample to the noise that DDIM would make
/// it of. Its timesteps ascend.
/// </summary>
internal static class DdimInverse
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        Spacing.AtMostTrained(config, options.Steps);
        var schedule = NoiseSchedule.From(config);
        var timesteps = Spacing.Whole(config, options.Steps).Reverse().ToArray();
        int stride = config.NumTrainTimesteps / options.Steps;
        double initial = Discrete.FinalAlphaBar(config, schedule);
        return Discrete.Timetable(config, options, schedule, [.. timesteps]) with
        {
            StepFunction = input =>
            {
                double t = timesteps[input.Index], before = Math.Min(t - stride, config.NumTrainTimesteps - 1);
                var from = NoiseLevel.FromAlphaBar(before >= 0 ? schedule.AlphaBar(before) : initial);
                var to = NoiseLevel.FromAlphaBar(schedule.AlphaBar(t));
                var original = Prediction.Limit(config, Prediction.Original(config.PredictionType, input.Output, input.Sample, from));
                var noise = Prediction.Noise(config.PredictionType, input.Output, input.Sample, from);
                return new(input.State.Next(), to.Signal * original + to.Sigma * noise, original);
            },
        };
    }
}
