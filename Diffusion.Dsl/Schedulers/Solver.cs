namespace Diffusion.Dsl.Schedulers;

/// <summary>The steps of a <see cref="Dsl.Schedulers.Timetable"/> over samples of one type. Every method is a pure function.</summary>
/// <typeparam name="T">The type of a sample.</typeparam>
public sealed class Solver<T>
    where T : notnull
{
    private readonly SampleOperations<T> operations;
    private readonly IReadOnlyList<Sample> conditions = [];

    internal Solver(Timetable timetable, SampleAlgebra<T> algebra)
    {
        ArgumentNullException.ThrowIfNull(algebra);
        Timetable = timetable;
        operations = new(algebra);
    }

    private Solver(Timetable timetable, SampleOperations<T> operations, IReadOnlyList<Sample> conditions)
    {
        Timetable = timetable;
        this.operations = operations;
        this.conditions = conditions;
    }

    /// <summary>When the model is called and how noisy the sample is then.</summary>
    public Timetable Timetable { get; }

    /// <summary>The state before the first step, wherever the run begins.</summary>
    public SchedulerState Start { get; } = SchedulerState.Start;

    /// <summary>Takes one step.</summary>
    /// <param name="state">The state after the previous step, or <see cref="Start"/>.</param>
    /// <param name="index">The position in the timetable, 0 to <see cref="Timetable.Count"/> - 1.</param>
    /// <param name="modelOutput">What the model made of the scaled sample.</param>
    /// <param name="sample">The sample, not scaled.</param>
    /// <param name="noise">Standard gaussian noise where <see cref="Timetable.NoiseFor"/> says that it is required.</param>
    /// <returns>The next state and sample.</returns>
    /// <exception cref="ArgumentOutOfRangeException">When the position is outside the timetable.</exception>
    /// <exception cref="ArgumentException">When noise is required and absent.</exception>
    public StepResult<T> Step(SchedulerState state, int index, T modelOutput, T sample, params T[] noise)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(noise);
        if (index < 0 || index >= Timetable.Count)
            throw new ArgumentOutOfRangeException(nameof(index), index, $"{Timetable.Scheduler}: a step must be in 0..{Timetable.Count - 1}.");
        return new(Timetable.StepFunction(new(state, index, Wrap(modelOutput), Wrap(sample), [.. noise.Select(Wrap)]) { Conditions = conditions }));
    }

    /// <summary>The solver with what its steps must be told beside the sample.</summary>
    /// <param name="values">The values, in the order of <see cref="Timetable.Conditions"/>.</param>
    /// <returns>The solver that knows them.</returns>
    /// <exception cref="ArgumentException">When their number isn't right.</exception>
    public Solver<T> With(params T[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return values.Length == Timetable.Conditions.Length
            ? new(Timetable, operations, [.. values.Select(Wrap)])
            : throw new ArgumentException(
                $"{Timetable.Scheduler} takes {Timetable.Conditions.Length} conditions ({string.Join(", ", Timetable.Conditions)}), not {values.Length}.");
    }

    /// <summary>The sample as the model is to see it.</summary>
    /// <param name="sample">The sample.</param>
    /// <param name="index">The position in the timetable.</param>
    /// <returns>The scaled sample; the same object when there is nothing to scale.</returns>
    public T ScaleModelInput(T sample, int index) => Unwrap(Timetable.InputScale(index) * Wrap(sample));

    /// <summary>Puts noise on a noise-free sample, as much as there is at a position of the timetable.</summary>
    /// <param name="original">The noise-free sample.</param>
    /// <param name="noise">Standard gaussian noise.</param>
    /// <param name="index">The position in the timetable.</param>
    /// <returns>The noisy sample.</returns>
    public T AddNoise(T original, T noise, int index)
    {
        var (signal, sigma) = Timetable.NoiseLevels[index];
        return Unwrap(signal * Wrap(original) + sigma * Wrap(noise));
    }

    /// <summary>Puts noise on a noise-free sample, as much as there is at a timestep of the training process.</summary>
    /// <param name="original">The noise-free sample.</param>
    /// <param name="noise">Standard gaussian noise.</param>
    /// <param name="timestep">The timestep.</param>
    /// <returns>The noisy sample.</returns>
    public T AddNoiseAt(T original, T noise, double timestep)
    {
        var (signal, sigma) = Timetable.NoiseLevelAt(timestep);
        return Unwrap(signal * Wrap(original) + sigma * Wrap(noise));
    }

    /// <summary>What a v-prediction model should say (Salimans and Ho, arXiv:2202.00512): <c>signal * noise - sigma * sample</c>.</summary>
    /// <param name="sample">The noise-free sample.</param>
    /// <param name="noise">The noise that was added.</param>
    /// <param name="timestep">The timestep of the training process.</param>
    /// <returns>The velocity.</returns>
    public T Velocity(T sample, T noise, double timestep)
    {
        var (signal, sigma) = Timetable.NoiseLevelAt(timestep);
        return Unwrap(signal * Wrap(noise) - sigma * Wrap(sample));
    }

    private static T Unwrap(Sample sample) => (T)sample.Realise();

    private Sample Wrap(T value) => Sample.Leaf(operations, value);
}
