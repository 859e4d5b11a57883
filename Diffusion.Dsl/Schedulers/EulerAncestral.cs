namespace Diffusion.Dsl.Schedulers;

/// <summary>Ancestral sampling with Euler's method: a step further down than asked, and noise to come back up (k-diffusion).</summary>
internal static class EulerAncestral
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        var schedule = NoiseSchedule.From(config).WithoutZero();
        var timesteps = Spacing.Fractional(config, options.Steps);
        var sigmas = SigmaScale.Round([.. timesteps.Select(schedule.SigmaAt), 0]);
        return SigmaScale.Timetable(config, options.Steps, timesteps, sigmas) with
        {
            Tables = schedule.Tables(),
            NoiseFor = i => sigmas[i + 1] > 0 ? NoiseNeed.Required : NoiseNeed.Unused,
            StepFunction = input =>
            {
                double sigma = sigmas[input.Index];
                var (down, up) = Split(sigma, sigmas[input.Index + 1]);
                var original = Prediction.AtSigma(config.PredictionType, input.Output, input.Sample, sigma);
                var next = input.Sample + (down - sigma) / sigma * (input.Sample - original);
                return new(input.State.Next(), up > 0 ? next + up * input.Noise : next, original) { Mean = next };
            },
        };
    }

    /// <summary>
    /// How far down to step and how much noise to add to arrive at <paramref name="to"/> with the right variance. In exact arithmetic
    /// down is to² / from; diffusers' float32 loses that when the step is long, and the timesteps of KDPM2 follow from it, so it is done in
    /// float32 here too, except where rounding leaves less than nothing, which is NaN there.
    /// </summary>
    internal static (double Down, double Up) Split(double from, double to)
    {
        float f = (float)from, t = (float)to;
        float up = MathF.Sqrt(t * t * (f * f - t * t) / (f * f));
        float left = t * t - up * up;
        return (left < 0 ? to * to / from : MathF.Sqrt(left), up);
    }
}
