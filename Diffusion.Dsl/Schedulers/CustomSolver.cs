namespace Diffusion.Dsl.Schedulers;

/// <summary>What a solver made with <see cref="Scheduler.Create{TMemory}"/> knows at a step.</summary>
/// <param name="Index">The position in the timetable.</param>
/// <param name="Count">The number of positions.</param>
/// <param name="Sample">The current sample, <c>x0 + Sigma * noise</c>.</param>
/// <param name="Denoised">The model's estimate of x0.</param>
/// <param name="Sigma">How noisy the sample is.</param>
/// <param name="NextSigma">How noisy it is to be; 0 at the last step.</param>
/// <param name="Noises">The noise of a stochastic solver: one standard gaussian sample; empty otherwise.</param>
public sealed record SolverStep(
    int Index, int Count, Sample Sample, Sample Denoised, double Sigma, double NextSigma, IReadOnlyList<Sample> Noises)
{
    /// <summary>The derivative of the sample by sigma along the probability-flow ODE.</summary>
    public Sample Derivative => (Sample - Denoised) / Sigma;

    /// <summary>The noise of a stochastic solver.</summary>
    /// <exception cref="ArgumentException">When none was given.</exception>
    public Sample Noise => Noises.Count > 0 ? Noises[0] : throw new ArgumentException($"Step {Index} needs noise and got none.");
}

/// <summary>What a solver made with <see cref="Scheduler.Create{TMemory}"/> gives back.</summary>
/// <typeparam name="TMemory">What the solver remembers.</typeparam>
/// <param name="Sample">The next sample, at <see cref="SolverStep.NextSigma"/>.</param>
/// <param name="Memory">What to remember.</param>
public sealed record SolverResult<TMemory>(Sample Sample, TMemory Memory);

/// <summary>Schedulers from two functions.</summary>
internal static class CustomSolver
{
    public static Scheduler Scheduler<TMemory>(
        string name, Func<Timetable, TMemory> start, Func<TMemory, SolverStep, SolverResult<TMemory>> step, bool stochastic)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(step);
        return new(SchedulerConfig.Default("EulerDiscreteScheduler").WithClassName(name), (config, options) =>
        {
            var timetable = Euler.Timetable(config.WithClassName("EulerDiscreteScheduler"), options) with { Scheduler = name };
            return timetable with
            {
                UsesHistory = true,
                NoiseFor = _ => stochastic ? NoiseNeed.Required : NoiseNeed.None,
                StepFunction = input =>
                {
                    double sigma = timetable.Sigmas[input.Index];
                    var denoised = Prediction.AtSigma(config.PredictionType, input.Output, input.Sample, sigma);
                    var memory = input.State.Memory is Tuple<TMemory> own ? own.Item1 : start(timetable);
                    var result = step(memory, new(
                        input.Index, timetable.Count, input.Sample, denoised, sigma, timetable.Sigmas[input.Index + 1], input.Noises));
                    return new(input.State.Next() with { Memory = Tuple.Create(result.Memory) }, result.Sample, denoised);
                },
            };
        });
    }
}
