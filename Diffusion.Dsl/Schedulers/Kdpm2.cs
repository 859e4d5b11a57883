using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// DPM-Solver-2 as k-diffusion has it: the midpoint method on the sigma scale, the midpoint taken in log sigma; two calls a step, one for
/// the last. The ancestral form steps further down and puts noise back.
/// </summary>
internal static class Kdpm2
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options) => Timetable(config, options, ancestral: false);

    public static Timetable Ancestral(SchedulerConfig config, TimetableOptions options) => Timetable(config, options, ancestral: true);

    private static Timetable Timetable(SchedulerConfig config, TimetableOptions options, bool ancestral)
    {
        Spacing.NoCustom(config, options);
        var schedule = NoiseSchedule.From(config);
        var (spacedTimesteps, spaced) = SigmaScale.Spaced(config, schedule, options.Steps);
        var timesteps = config.UseKarrasSigmas ? [.. spacedTimesteps.Select(t => Math.Round(t, MidpointRounding.ToEven))] : spacedTimesteps;
        var ends = SigmaScale.Round([.. spaced, 0]);
        int steps = timesteps.Length;

        // Step k goes from ends[k] over middles[k] to targets[k].Down, and adds noise of targets[k].Up.
        var targets = Enumerable.Range(0, steps)
            .Select(k => ancestral ? EulerAncestral.Split(ends[k], ends[k + 1]) : (Down: ends[k + 1], Up: 0)).ToArray();
        var middles = SigmaScale.Round(Enumerable.Range(0, steps).Select(k => k == steps - 1 ? 0 : Math.Sqrt(ends[k] * targets[k].Down)));
        var sigmas = Interleave(ends);
        double At(int index) => index % 2 == 0 ? ends[index / 2] : middles[index / 2];
        ImmutableArray<double> told =
        [
            .. Enumerable.Range(0, steps - 1).SelectMany(k => new[] { timesteps[k], SigmaSpacing.ToTimestep(middles[k], schedule.Sigmas) }),
            timesteps[^1],
        ];

        return SigmaScale.Timetable(config, options.Steps, told, sigmas) with
        {
            Order = 2,
            UsesHistory = true,
            Tables = schedule.Tables().Add("sigmas_interpol", Interleave(ancestral ? [.. middles, 0] : [double.NaN, .. middles])),
            InputScales = [.. Enumerable.Range(0, told.Length).Select(i => 1 / Math.Sqrt(At(i) * At(i) + 1))],
            NoiseFor = i => !ancestral ? NoiseNeed.None : i % 2 == 0 ? NoiseNeed.Unused : NoiseNeed.Required,
            StepFunction = input =>
            {
                int k = input.Index / 2;
                double sigma = At(input.Index), from = ends[k];
                var original = Prediction.AtSigma(config.PredictionType, input.Output, input.Sample, sigma);
                var derivative = (input.Sample - original) / sigma;
                if (input.Index % 2 == 0)
                {
                    var middle = input.Sample + (middles[k] - from) * derivative;
                    return new(input.State.Next() with { Held = [input.Sample] }, middle, original);
                }

                if (input.State.Held is not [var start])
                    throw new ArgumentException($"{config.ClassName}: call {input.Index} is the second of its step and needs the state after the first.");
                var (down, up) = targets[k];
                var next = start + (down - from) * derivative;
                return new(input.State.Next() with { Held = [] }, up > 0 ? next + up * input.Noise : next, original);
            },
        };
    }

    // The layout of the reference's tables: the first once, the others twice, the last once more.
    private static ImmutableArray<double> Interleave(ImmutableArray<double> values) =>
        [values[0], .. values.Skip(1).SelectMany(value => new[] { value, value }), values[^1]];
}
