using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>DPM-Solver multistep backwards (arXiv:2211.12572): from a sample to the noise it comes from. Its timesteps ascend.</summary>
internal static class DpmSolverMultistepInverse
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        var solver = DpmSolver.From(config);
        if (solver.Stochastic)
            throw new NotSupportedException($"{config.ClassName}: {solver.Algorithm} can't be inverted; use dpmsolver or dpmsolver++.");
        var schedule = NoiseSchedule.From(config);
        var (all, sigmas) = Sigmas(config, schedule, options.Steps);
        ImmutableArray<double> timesteps = [.. all.Distinct()];
        var timetable = LambdaScale.Timetable(config, schedule, options.Steps, timesteps, SigmaScale.Round(sigmas));
        return DpmSolverMultistep.Steps(
            config, solver, timetable, endsAtZero: false,
            input => DpmSolverMultistep.Convert(config, solver, input, timetable.NoiseLevels[input.Index]));
    }

    private static (ImmutableArray<double> Timesteps, ImmutableArray<double> Sigmas) Sigmas(
        SchedulerConfig config, NoiseSchedule schedule, int steps)
    {
        if (config.UseKarrasSigmas)
        {
            var karras = SigmaSpacing.Karras(schedule.Sigmas[^1], schedule.Sigmas[0], steps);
            return ([.. karras.Select(s => Math.Round(SigmaSpacing.ToTimestep(s, schedule.Sigmas), MidpointRounding.ToEven))], [.. karras, karras[^1]]);
        }

        int used = LambdaScale.LastTimestep(config, schedule);

        // Counted from the other end than in the forward direction: timestep 0 is in, the noisiest one is where the run ends.
        ImmutableArray<double> timesteps = config.TimestepSpacing switch
        {
            "linspace" => [.. Spacing.Linspace(0, used - 1, steps + 1).Take(steps).Select(t => Math.Round(t, MidpointRounding.ToEven))],
            "leading" when used / (steps + 1) == 0 => throw Spacing.TooMany(config, steps),
            "leading" => [.. Enumerable.Range(0, steps).Select(i => (double)(i * (used / (steps + 1)) + config.StepsOffset))],
            _ => [.. Spacing.Whole(config, steps, extra: 1, used).Reverse()],
        };
        return (timesteps, [.. timesteps.Select(schedule.SigmaAt), schedule.Sigmas[used - 1]]);
    }
}
