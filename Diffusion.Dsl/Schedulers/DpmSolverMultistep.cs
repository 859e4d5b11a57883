using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>DPM-Solver and DPM-Solver++ as multistep methods: one call of the model a step, earlier outputs give the higher order.</summary>
internal static class DpmSolverMultistep
{
    private const int FewSteps = 15;

    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        var schedule = NoiseSchedule.From(config).WithoutZero();
        var solver = DpmSolver.From(config);
        if (solver.Stochastic && config.SolverOrder > 2)
            throw new NotSupportedException($"{config.ClassName}: {solver.Algorithm} has the orders 1 and 2; set solver_order to 2.");
        var (timesteps, sigmas) = Sigmas(config, schedule, options.Steps);
        double final = config.FinalSigmasType == "zero" ? 0 : schedule.Sigmas[0];
        var timetable = LambdaScale.Timetable(config, schedule, options.Steps, timesteps, SigmaScale.Round([.. sigmas, final]));
        return Steps(config, solver, timetable, final == 0, input => Convert(config, solver, input, timetable.NoiseLevels[input.Index]));
    }

    /// <summary>The steps over given timesteps and sigmas.</summary>
    /// <param name="config">Says which order the solver has at the end.</param>
    /// <param name="solver">The updates.</param>
    /// <param name="timetable">Gives the timesteps and the sigmas.</param>
    /// <param name="endsAtZero">Whether the last step must be of order 1, because nothing of higher order reaches sigma 0.</param>
    /// <param name="convert">From a step's input to the estimate of the noise-free sample and to what the solver works with.</param>
    internal static Timetable Steps(
        SchedulerConfig config, DpmSolver solver, Timetable timetable, bool endsAtZero, Func<StepInput, (Sample Original, Sample Converted)> convert)
    {
        var sigmas = timetable.Sigmas;
        int count = timetable.Count;
        bool lower = config.LowerOrderFinal && count < FewSteps;
        return timetable with
        {
            UsesHistory = true,
            NoiseFor = _ => solver.Stochastic ? NoiseNeed.Required : NoiseNeed.None,
            StepFunction = input =>
            {
                int i = input.Index;
                var (original, converted) = convert(input);
                var state = input.State.Next(converted, config.SolverOrder);
                int order = Math.Min(config.SolverOrder, state.Outputs.Length);
                if (i == count - 1 && (config.EulerAtFinal || lower || endsAtZero)) order = 1;
                else if (i == count - 2 && lower) order = Math.Min(order, 2);
                return new(state, Update(solver, order, sigmas, i, input, state.Outputs), original);
            },
        };
    }

    private static Sample Update(
        DpmSolver solver, int order, ImmutableArray<double> sigmas, int i, StepInput input, ImmutableArray<Sample> m) => order switch
        {
            1 => solver.First(sigmas[i], sigmas[i + 1], input.Sample, m[^1], () => input.Noise),
            2 => solver.Second(sigmas[i], sigmas[i + 1], sigmas[i - 1], input.Sample, m[^1], m[^2], () => input.Noise),
            _ => solver.Third(sigmas[i], sigmas[i + 1], sigmas[i - 1], sigmas[i - 2], input.Sample, m[^1], m[^2], m[^3]),
        };

    /// <summary>The estimate of the noise-free sample, and what the solver works with: that or the noise.</summary>
    internal static (Sample Original, Sample Converted) Convert(
        SchedulerConfig config, DpmSolver solver, StepInput input, NoiseLevel at)
    {
        bool learned = config.PredictionType == "epsilon" && config.VarianceType is "learned" or "learned_range";
        var output = learned ? input.Output.SplitChannels(input.Sample).Mean : input.Output;
        var estimate = Prediction.Original(config.PredictionType, output, input.Sample, at);
        var original = config.Thresholding
            ? estimate.DynamicThreshold(config.DynamicThresholdingRatio, config.SampleMaxValue)
            : estimate;
        if (solver.PredictsOriginal) return (original, original);
        var noise = config.Thresholding
            ? (input.Sample - at.Signal * original) / at.Sigma
            : Prediction.Noise(config.PredictionType, output, input.Sample, at);
        return (original, noise);
    }

    private static (ImmutableArray<double> Timesteps, ImmutableArray<double> Sigmas) Sigmas(
        SchedulerConfig config, NoiseSchedule schedule, int steps)
    {
        if (config.UseKarrasSigmas) return LambdaScale.Karras(schedule, steps);
        if (config.UseLuLambdas) return LambdaScale.Lu(schedule, steps);
        var timesteps = Spacing.Whole(config, steps, extra: 1, LambdaScale.LastTimestep(config, schedule));
        return (timesteps, [.. timesteps.Select(schedule.SigmaAt)]);
    }
}
