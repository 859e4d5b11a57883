namespace Diffusion.Dsl.Schedulers;

/// <summary>Heun's method on the sigma scale (Karras et al., arXiv:2206.00364, algorithm 1): two calls a step, one for the last.</summary>
internal static class Heun
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        var schedule = NoiseSchedule.From(config);
        var (timesteps, spaced) = SigmaScale.Spaced(config, schedule, options.Steps);
        var sigmas = SigmaScale.Round([spaced[0], .. Twice(spaced.Skip(1)), 0]);
        return SigmaScale.Timetable(config, options.Steps, [timesteps[0], .. Twice(timesteps.Skip(1))], sigmas) with
        {
            Order = 2,
            UsesHistory = true,
            Tables = schedule.Tables(),
            StepFunction = input =>
            {
                var state = input.State;
                double sigma = sigmas[input.Index];
                var original = Prediction.Limit(config, Prediction.AtSigma(config.PredictionType, input.Output, input.Sample, sigma));
                var derivative = (input.Sample - original) / sigma;
                if (state.Held is [var start, var before])
                {
                    var corrected = start + (sigma - sigmas[input.Index - 1]) / 2 * (before + derivative);
                    return new(state.Next() with { Held = [] }, corrected, original);
                }

                // Held: the sample at the start of the step, and the derivative there.
                var predicted = input.Sample + (sigmas[input.Index + 1] - sigma) * derivative;
                return new(state.Next() with { Held = [input.Sample, derivative] }, predicted, original);
            },
        };
    }

    private static IEnumerable<double> Twice(IEnumerable<double> values) => values.SelectMany(value => new[] { value, value });
}
