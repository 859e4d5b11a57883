namespace Diffusion.Dsl.Schedulers;

/// <summary>What one step is computed from.</summary>
/// <param name="State">What the scheduler remembers.</param>
/// <param name="Index">The position in the timetable; a step is never addressed by its timestep.</param>
/// <param name="Output">The model's output.</param>
/// <param name="Sample">The current sample (not scaled for the model).</param>
/// <param name="Noises">Gaussian noise, as many as <see cref="Timetable.NoiseFor"/> requires.</param>
public sealed record StepInput(SchedulerState State, int Index, Sample Output, Sample Sample, IReadOnlyList<Sample> Noises)
{
    /// <summary>What a scheduler is told beside the sample, in the order of <see cref="Timetable.Conditions"/>.</summary>
    public IReadOnlyList<Sample> Conditions { get; init; } = [];

    /// <summary>The noise of a step that requires it.</summary>
    /// <exception cref="ArgumentException">When none was given.</exception>
    public Sample Noise => Noises.Count > 0
        ? Noises[0]
        : throw new ArgumentException($"Step {Index} needs noise (see Timetable.NoiseFor) and got none; pass a standard gaussian sample.");

    internal Sample Condition(int position) => position < Conditions.Count
        ? Conditions[position]
        : throw new ArgumentException($"Step {Index} needs conditions (see Timetable.Conditions); give them with Solver.With before stepping.");
}

/// <summary>What one step gives.</summary>
/// <param name="State">What the scheduler remembers now.</param>
/// <param name="Sample">The next sample.</param>
/// <param name="PredictedOriginal">The scheduler's present estimate of the noise-free sample; computed only when it is read.</param>
public sealed record StepOutput(SchedulerState State, Sample Sample, Sample PredictedOriginal)
{
    /// <summary>The next sample without the noise that the step put in; the sample itself for a deterministic step.</summary>
    public Sample Mean { get; init; } = Sample;
}

/// <summary>What one step of a <see cref="Solver{T}"/> gives.</summary>
/// <typeparam name="T">The type of a sample.</typeparam>
public sealed record StepResult<T>
    where T : notnull
{
    private readonly Sample predictedOriginal;
    private readonly Sample mean;

    internal StepResult(StepOutput output)
    {
        State = output.State;
        Sample = (T)output.Sample.Realise();
        predictedOriginal = output.PredictedOriginal;
        mean = output.Mean;
    }

    /// <summary>What the scheduler remembers now: pass it to the next step.</summary>
    public SchedulerState State { get; }

    /// <summary>The next sample.</summary>
    public T Sample { get; }

    /// <summary>The scheduler's present estimate of the noise-free sample; computed when it is read.</summary>
    public T PredictedOriginal => (T)predictedOriginal.Realise();

    /// <summary>
    /// The next sample without the noise that the step put in; computed when it is read. The score-SDE samplers end with it.
    /// </summary>
    public T Mean => (T)mean.Realise();
}
