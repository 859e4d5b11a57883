using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>DPM-Solver and DPM-Solver++ as singlestep methods: groups of one to three calls make a step of that order.</summary>
internal static class DpmSolverSinglestep
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        var solver = DpmSolver.From(config);
        if (solver.Stochastic)
            throw new NotSupportedException($"{config.ClassName}: {solver.Algorithm} is not available; use DPMSolverMultistepScheduler for it.");
        var schedule = NoiseSchedule.From(config);
        var (timesteps, spaced) = Sigmas(config, schedule, options.Steps);
        var sigmas = SigmaScale.Round([.. spaced, config.FinalSigmasType == "zero" ? 0 : schedule.Sigmas[0]]);
        var orders = Orders(config, options.Steps);
        return LambdaScale.Timetable(config, schedule, options.Steps, timesteps, sigmas) with
        {
            StepFunction = input =>
            {
                int i = input.Index;
                var (original, converted) = DpmSolverMultistep.Convert(config, solver, input, NoiseLevel.FromSigma(sigmas[i]));
                var state = input.State.Next(converted, config.SolverOrder);
                var m = state.Outputs;

                // Order 2 and 3 don't reach sigma 0, where lambda is infinite.
                int order = sigmas[i + 1] == 0 ? 1 : Math.Min(orders[i], m.Length);
                var start = order == 1 ? input.Sample : state.Held[0];
                var next = order switch
                {
                    1 => solver.First(sigmas[i], sigmas[i + 1], start, m[^1], () => input.Noise),
                    2 => solver.SingleSecond(sigmas[i - 1], sigmas[i], sigmas[i + 1], start, m[^2], m[^1]),
                    _ => solver.SingleThird(sigmas[i - 2], sigmas[i - 1], sigmas[i], sigmas[i + 1], start, m[^3], m[^2], m[^1]),
                };
                return new(state with { Held = [start] }, next, original);
            },
        };
    }

    private static (ImmutableArray<double> Timesteps, ImmutableArray<double> Sigmas) Sigmas(
        SchedulerConfig config, NoiseSchedule schedule, int steps)
    {
        if (config.UseKarrasSigmas) return LambdaScale.Karras(schedule, steps);
        double last = LambdaScale.LastTimestep(config, schedule) - 1;
        ImmutableArray<double> timesteps =
            [.. Spacing.Linspace(0, last, steps + 1).Reverse().Take(steps).Select(t => Math.Round(t, MidpointRounding.ToEven))];
        return (timesteps, [.. timesteps.Select(schedule.SigmaAt)]);
    }

    // Whole groups of rising order; where they don't fit, or must not end in sigma 0, the last ones are cut.
    private static ImmutableArray<int> Orders(SchedulerConfig config, int steps)
    {
        int order = config.SolverOrder;
        bool cut = config.LowerOrderFinal || steps % order != 0 || config.FinalSigmasType == "zero";
        int[] Groups(int count) => [.. Enumerable.Range(0, count * order).Select(i => i % order + 1)];
        return order == 1 ? [.. Enumerable.Repeat(1, steps)]
            : !cut ? [.. Groups(steps / order)]
            : steps % order == 0 ? [.. Groups(steps / order - 1), .. Enumerable.Range(1, order - 1), 1]
            : [.. Groups(steps / order), .. Enumerable.Range(1, steps % order)];
    }
}
