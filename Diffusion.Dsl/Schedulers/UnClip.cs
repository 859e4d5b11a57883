namespace Diffusion.Dsl.Schedulers;

/// <summary>The scheduler of unCLIP (Ramesh et al., arXiv:2204.06125): DDPM on the cosine schedule, over evenly spaced timesteps.</summary>
internal static class UnClip
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        if (options.Steps < 2) throw new ArgumentException($"{config.ClassName}: 2 steps or more are needed, not {options.Steps}.");
        config.Validate();
        var schedule = NoiseSchedule.FromBetas(
            NoiseSchedule.BetasForAlphaBar(config.NumTrainTimesteps, NoiseSchedule.CosineAlphaBar).Select(beta => (float)beta));
        double stride = (config.NumTrainTimesteps - 1.0) / (options.Steps - 1);
        var timesteps = Enumerable.Range(0, options.Steps).Reverse().Select(i => Math.Round(i * stride, MidpointRounding.ToEven)).ToArray();
        double Previous(int i) => options.AdjacentTimesteps || i + 1 == timesteps.Length ? timesteps[i] - 1 : timesteps[i + 1];
        return Discrete.Timetable(config, options, schedule, [.. timesteps]) with
        {
            NoiseFor = i => timesteps[i] > 0 ? NoiseNeed.Required : NoiseNeed.None,
            StepFunction = input =>
            {
                double t = timesteps[input.Index], previous = Previous(input.Index);
                double alphaBar = schedule.AlphaBar(t), before = previous >= 0 ? schedule.AlphaBar(previous) : 1;
                double beta = previous == t - 1 ? schedule.Betas[(int)t] : NoiseLevel.Beta(alphaBar, before);
                return Ddpm.Step(config, input, alphaBar, before, 1 - beta, beta, t > 0);
            },
        };
    }
}
