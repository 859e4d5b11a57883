using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// A scheduler made ready for one run: when the model is called, how noisy the sample is then, and how a step is taken, all as
/// immutable data and pure functions. Use it over any kind of sample with <see cref="Over{T}"/>.
/// </summary>
public sealed record Timetable
{
    /// <summary>The name of the scheduler, as diffusers writes it.</summary>
    public required string Scheduler { get; init; }

    /// <summary>The timestep the model is given at each call, in the order of the calls.</summary>
    public required ImmutableArray<double> Timesteps { get; init; }

    /// <summary>How a step is taken.</summary>
    public required Func<StepInput, StepOutput> StepFunction { get; init; }

    /// <summary>How noisy the sample is at each call; as long as <see cref="Timesteps"/>.</summary>
    public required ImmutableArray<NoiseLevel> NoiseLevels { get; init; }

    /// <summary>How noisy a sample is at a timestep of the training process, for training and for <see cref="Solver{T}.Velocity"/>.</summary>
    public required Func<double, NoiseLevel> NoiseLevelAt { get; init; }

    /// <summary>Whether a call's step needs noise.</summary>
    public Func<int, NoiseNeed> NoiseFor { get; init; } = _ => NoiseNeed.None;

    /// <summary>How many noises a step takes: 1 where it requires noise, but for RePaint's way back, which takes one a training timestep.</summary>
    public Func<int, int> NoiseCount { get; init; } = _ => 1;

    /// <summary>Whether a position calls the model; where it doesn't, the step ignores the model output.</summary>
    public Func<int, bool> NeedsModel { get; init; } = _ => true;

    /// <summary>What the steps must be told beside the sample (see <see cref="Solver{T}.With"/>): RePaint's original and mask.</summary>
    public ImmutableArray<string> Conditions { get; init; } = [];

    /// <summary>The factor by which the sample is multiplied before the model sees it; empty when it is 1 everywhere.</summary>
    public ImmutableArray<double> InputScales { get; init; } = [];

    /// <summary>Whether the timesteps are integers by nature (diffusers' int64).</summary>
    public bool IntegerTimesteps { get; init; }

    /// <summary>Noise over signal at each call and after the last one; empty for schedulers that don't work with sigmas.</summary>
    public ImmutableArray<double> Sigmas { get; init; } = [];

    /// <summary>The standard deviation of the noise the run starts from.</summary>
    public double InitNoiseSigma { get; init; } = 1;

    /// <summary>How many calls of the model make one step (2 for Heun and its like).</summary>
    public int Order { get; init; } = 1;

    /// <summary>The number of steps that was asked for.</summary>
    public int Steps { get; init; }

    /// <summary>The position at which the run begins.</summary>
    public int Begin { get; init; }

    /// <summary>Whether a step reads outputs of earlier steps, so that they must stay alive.</summary>
    public bool UsesHistory { get; init; }

    /// <summary>Further tables by the names that the literature uses: <c>betas</c>, <c>alphas_cumprod</c>, <c>lambda_t</c>, ...</summary>
    public ImmutableSortedDictionary<string, ImmutableArray<double>> Tables { get; init; } =
        ImmutableSortedDictionary.Create<string, ImmutableArray<double>>(StringComparer.Ordinal);

    /// <summary>The number of calls of the model, counted from the first one whatever <see cref="Begin"/> is.</summary>
    public int Count => Timesteps.Length;

    /// <summary>The factor by which the sample is multiplied before the model sees it.</summary>
    /// <param name="index">The position, 0 to <see cref="Count"/> - 1.</param>
    /// <returns>The factor.</returns>
    public double InputScale(int index) => InputScales.IsEmpty ? 1 : InputScales[index];

    /// <summary>The timetable with another beginning.</summary>
    /// <param name="begin">The position at which to begin, 0 to <see cref="Count"/> (which leaves nothing to do).</param>
    /// <returns>The changed timetable.</returns>
    /// <exception cref="ArgumentOutOfRangeException">When it is outside that range.</exception>
    public Timetable From(int begin) =>
        begin < 0 || begin > Count
            ? throw new ArgumentOutOfRangeException(nameof(begin), begin, $"{Scheduler}: the run can begin at 0..{Count}.")
        : begin % Order != 0 && begin != Count
            ? throw new ArgumentOutOfRangeException(
                nameof(begin), begin, $"{Scheduler}: a step is {Order} calls of the model, so the run can begin only at a multiple of {Order}.")
        : this with { Begin = begin };

    /// <summary>
    /// The timetable for image-to-image: it begins so late that <paramref name="strength"/> of the steps remain, as diffusers'
    /// pipelines reckon it.
    /// </summary>
    /// <param name="strength">The part of the steps to do, 0..1.</param>
    /// <returns>The changed timetable.</returns>
    /// <exception cref="ArgumentOutOfRangeException">When it is outside 0..1.</exception>
    public Timetable ForStrength(double strength)
    {
        if (!(strength >= 0 && strength <= 1))
            throw new ArgumentOutOfRangeException(nameof(strength), strength, "The strength must be in 0..1.");
        int kept = Math.Min((int)(Steps * strength), Steps);
        return From(Math.Min((Steps - kept) * Order, Count));
    }

    /// <summary>The steps of this timetable over samples of some type.</summary>
    /// <typeparam name="T">The type of a sample.</typeparam>
    /// <param name="algebra">How to compute with it.</param>
    /// <returns>The solver.</returns>
    public Solver<T> Over<T>(SampleAlgebra<T> algebra)
        where T : notnull => new(this, algebra);
}
