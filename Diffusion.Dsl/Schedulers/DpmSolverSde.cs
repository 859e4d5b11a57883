using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// DPM-Solver++ (stochastic) of order 2 as k-diffusion has it: midpoint steps of the exponential integrator, with ancestral noise after each
/// of the two calls. In k-diffusion both noises of a step come from one Brownian path; pass increments of such a path (divided by the root
/// of their time) to have the same.
/// </summary>
internal static class DpmSolverSde
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        var schedule = NoiseSchedule.From(config);
        var (timesteps, spaced) = SigmaScale.Spaced(config, schedule, options.Steps);
        var ends = SigmaScale.Round([.. spaced, 0]);
        int steps = timesteps.Length;
        ImmutableArray<double> middles = [.. Enumerable.Range(0, steps).Select(k => Math.Sqrt(ends[k] * ends[k + 1]))];
        double At(int index) => index % 2 == 0 ? ends[index / 2] : middles[index / 2];
        ImmutableArray<double> told =
        [
            .. Enumerable.Range(0, steps - 1).SelectMany(k => new[] { timesteps[k], SigmaSpacing.ToTimestep(middles[k], schedule.Sigmas) }),
            timesteps[^1],
        ];
        ImmutableArray<double> sigmas = [ends[0], .. ends[1..^1].SelectMany(sigma => new[] { sigma, sigma }), 0];

        return SigmaScale.Timetable(config, options.Steps, told, sigmas) with
        {
            Order = 2,
            UsesHistory = true,
            Tables = schedule.Tables(),
            InputScales = [.. Enumerable.Range(0, told.Length).Select(i => 1 / Math.Sqrt(At(i) * At(i) + 1))],
            NoiseFor = i => i == told.Length - 1 ? NoiseNeed.None : NoiseNeed.Required,
            StepFunction = input =>
            {
                int k = input.Index / 2;
                bool first = input.Index % 2 == 0;
                var original = Prediction.AtSigma(config.PredictionType, input.Output, input.Sample, At(input.Index));
                if (k == steps - 1) return new(input.State.Next(), original, original);
                if (!first && input.State.Held is not [_])
                    throw new ArgumentException($"{config.ClassName}: call {input.Index} is the second of its step and needs the state after the first.");
                var start = first ? input.Sample : input.State.Held[0];
                var (down, up) = EulerAncestral.Split(ends[k], first ? middles[k] : ends[k + 1]);
                var next = down / ends[k] * start + (1 - down / ends[k]) * original + options.SNoise * up * input.Noise;
                return new(input.State.Next() with { Held = first ? [start] : [] }, next, original);
            },
        };
    }
}
