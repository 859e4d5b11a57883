using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Diffusion.Core.Devices;
using Diffusion.Core.Images;
using Diffusion.Core.Randomness;
using Diffusion.Core.Tensors;
using Diffusion.Core.Tensors.Planning;
using Diffusion.Dsl.Guidances;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Denoising;

/// <summary>
/// The denoising loop, the only one of the library: the fold of a scheduler's step over its timetable, as a stream of immutable
/// steps. A value: nothing runs until steps are asked for, and every time they are it runs anew, with the same result.
/// </summary>
/// <remarks>
/// <see cref="Steps"/> is pulled, <see cref="StepsAsync"/> is awaited, <see cref="Observe"/> is pushed; to stop pulling is to cancel.
/// Each step is one realisation on the device; nothing else is computed unless it is asked for.
/// </remarks>
public sealed record DenoisingLoop
{
    private readonly ImmutableArray<Func<Step, Step>> edits = [];
    private readonly Func<Step, Step> starting = step => step;
    private readonly ImmutableArray<Func<int, float[]>> recorded = [];

    private DenoisingLoop(Denoiser denoiser, Timetable timetable, Func<CancellationToken, Step> begin)
    {
        Denoiser = denoiser;
        Timetable = timetable;
        Begin = begin;
    }

    /// <summary>What predicts.</summary>
    public Denoiser Denoiser { get; private init; }

    /// <summary>When it predicts and how a step is taken.</summary>
    public Timetable Timetable { get; private init; }

    /// <summary>What is wanted.</summary>
    public Conditioning Conditioning { get; private init; } = Conditioning.None;

    /// <summary>What guidance leads away from.</summary>
    public Conditioning Unconditional { get; private init; } = Conditioning.None;

    /// <summary>What the scheduler's steps are told beside the sample, in the order of <see cref="Timetable.Conditions"/>.</summary>
    public ImmutableArray<Tensor> StepConditions { get; private init; } = [];

    private Func<CancellationToken, Step> Begin { get; init; }

    private Func<Tensor, ImmutableArray<Image>>? Decoder { get; init; }

    /// <summary>A loop from a sample.</summary>
    /// <param name="denoiser">What predicts.</param>
    /// <param name="timetable">When it predicts and how a step is taken.</param>
    /// <param name="start">Where to begin; see <see cref="Step.Start"/>.</param>
    public static DenoisingLoop Create(Denoiser denoiser, Timetable timetable, Step start)
    {
        ArgumentNullException.ThrowIfNull(start);
        return CreateLazily(denoiser, timetable, _ => start);
    }

    /// <summary>A loop from seeded noise, as diffusers' pipelines begin: torch's first draw times the timetable's first sigma.</summary>
    /// <param name="denoiser">What predicts.</param>
    /// <param name="timetable">When it predicts and how a step is taken.</param>
    /// <param name="shape">The sample's shape, [batch, channels, height, width].</param>
    /// <param name="seeds">One seed for the whole batch, or one for each sample.</param>
    /// <param name="device">Where to compute.</param>
    /// <exception cref="ArgumentException">The number of seeds doesn't fit.</exception>
    public static DenoisingLoop FromNoise(Denoiser denoiser, Timetable timetable, Shape shape, ImmutableArray<ulong> seeds, Device device)
    {
        if (seeds.IsDefaultOrEmpty || (seeds.Length != 1 && (shape.Rank == 0 || seeds.Length != shape[0])))
        {
            throw new ArgumentException(
                $"DenoisingLoop.FromNoise: got {(seeds.IsDefault ? 0 : seeds.Length)} seeds for a batch of {(shape.Rank == 0 ? 0 : shape[0])}; "
                + "give one seed for all, or one for each picture.", nameof(seeds));
        }

        return CreateLazily(denoiser, timetable, _ =>
        {
            var noise = NoiseSource.FromSeeds(seeds);
            var first = Tensor.From(noise.Randn(shape.Lengths), shape, device);
            return Step.Start(TensorAlgebra.Instance.LinearCombination([new(timetable.InitNoiseSigma, first)]), timetable, noise.Snapshot());
        });
    }

    /// <summary>The start of the run.</summary>
    public Step Start(CancellationToken cancel = default)
    {
        var start = starting(Begin(cancel));
        return Decoder is { } decode ? start with { Decode = decode } : start;
    }

    /// <summary>The steps, each computed when it is pulled. The start isn't among them.</summary>
    /// <param name="cancel">Stops between two kernels; what was transient is freed.</param>
    /// <exception cref="OperationCanceledException">When cancelled.</exception>
    public IEnumerable<Step> Steps(CancellationToken cancel = default)
    {
        var step = Start(cancel);
        var noise = NoiseFrom(step);
        while (step.Index + 1 < Timetable.Count)
        {
            step = Advance(step, noise, cancel);
            yield return step;
        }
    }

    /// <summary>The steps, each computed on the thread pool when it is awaited.</summary>
    /// <param name="cancel">Stops between two kernels; what was transient is freed.</param>
    /// <exception cref="OperationCanceledException">When cancelled.</exception>
    public async IAsyncEnumerable<Step> StepsAsync([EnumeratorCancellation] CancellationToken cancel = default)
    {
        using var steps = Steps(cancel).GetEnumerator();
        while (await Task.Run(steps.MoveNext, cancel).ConfigureAwait(false))
            yield return steps.Current;
    }

    /// <summary>
    /// The steps, pushed. Every subscription is a run of its own, on the subscriber's thread: subscribing returns when the run is
    /// over, so that a plain pipeline of operators needs no waiting. An error or a cancellation goes to <c>OnError</c>.
    /// </summary>
    /// <param name="cancel">Stops between two kernels.</param>
    public IObservable<Step> Observe(CancellationToken cancel = default) => new StepObservable(this, cancel);

    /// <summary>Runs to the end and gives the last step. The steps in between are freed as soon as the next one is there.</summary>
    /// <param name="progress">Is told of every step; it must not keep the step's tensors.</param>
    /// <param name="cancel">Stops between two kernels; everything is freed.</param>
    /// <exception cref="OperationCanceledException">When cancelled.</exception>
    public Step Run(IProgress<Step>? progress = null, CancellationToken cancel = default) => RunTracked(new LiveTensors(), progress, cancel);

    /// <summary>As <see cref="Run"/>, on the thread pool.</summary>
    public Task<Step> RunAsync(IProgress<Step>? progress = null, CancellationToken cancel = default) =>
        Task.Run(() => Run(progress, cancel), cancel);

    /// <summary>What the run's first step computes: kernels, fusions and memory. The start (text encoder, noise) is computed for it.</summary>
    /// <param name="cancel">Stops between two kernels.</param>
    public PlanReport ExplainStep(CancellationToken cancel = default)
    {
        var start = Start(cancel);
        return start.Sample.Device.Explain(Compute(start, NoiseFrom(start)).Roots);
    }

    /// <summary>The loop with a function applied to every step before the next one is taken: observe it, edit it, replace it.</summary>
    /// <param name="edit">A step to the step to go on from; must be pure.</param>
    public DenoisingLoop Map(Func<Step, Step> edit)
    {
        ArgumentNullException.ThrowIfNull(edit);
        return new(this, edits.Add(edit), starting, recorded);
    }

    /// <summary>The loop from another point on: resumes a run, or forks it.</summary>
    /// <param name="step">A step of this loop or of one with the same timetable.</param>
    /// <exception cref="ArgumentException">The step is of another timetable's length.</exception>
    public DenoisingLoop From(Step step)
    {
        ArgumentNullException.ThrowIfNull(step);
        return step.Count == Timetable.Count
            ? this with { Begin = _ => step }
            : throw new ArgumentException($"DenoisingLoop.From: the step is one of {step.Count}, the timetable has {Timetable.Count}; use WithTimetable to go on with another one.", nameof(step));
    }

    /// <summary>The loop with the start edited: image-to-image and inpainting begin so.</summary>
    public DenoisingLoop MapStart(Func<Step, Step> edit)
    {
        ArgumentNullException.ThrowIfNull(edit);
        return new(this, edits, step => edit(starting(step)), recorded);
    }

    /// <summary>The loop with another denoiser.</summary>
    public DenoisingLoop WithDenoiser(Denoiser denoiser)
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        return this with { Denoiser = denoiser };
    }

    /// <summary>The loop with its denoiser under guidance.</summary>
    public DenoisingLoop Guide(params Guidance[] guidances) => WithDenoiser(Denoiser.Guide(guidances));

    /// <summary>The loop with another conditioning.</summary>
    /// <param name="conditioning">What is wanted.</param>
    /// <param name="unconditional">What guidance leads away from.</param>
    public DenoisingLoop WithConditioning(Conditioning conditioning, Conditioning unconditional)
    {
        ArgumentNullException.ThrowIfNull(conditioning);
        ArgumentNullException.ThrowIfNull(unconditional);
        return this with { Conditioning = conditioning, Unconditional = unconditional };
    }

    /// <summary>The loop with what the scheduler's steps are told beside the sample: RePaint's original and mask.</summary>
    /// <param name="conditions">In the order of <see cref="Timetable.Conditions"/>, each shaped so that it broadcasts to the sample.</param>
    /// <exception cref="ArgumentException">Their number isn't what the timetable asks for.</exception>
    public DenoisingLoop WithStepConditions(params Tensor[] conditions)
    {
        ArgumentNullException.ThrowIfNull(conditions);
        return conditions.Length == Timetable.Conditions.Length ? this with { StepConditions = [.. conditions] }
            : throw new ArgumentException(
                $"DenoisingLoop.WithStepConditions: {Timetable.Scheduler} takes {Timetable.Conditions.Length} ({string.Join(", ", Timetable.Conditions)}); got {conditions.Length}.",
                nameof(conditions));
    }

    /// <summary>The loop with another timetable of the same number of positions: its memory starts anew.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public DenoisingLoop WithTimetable(Timetable timetable)
    {
        ArgumentNullException.ThrowIfNull(timetable);
        return timetable.Count == Timetable.Count
            ? (this with { Timetable = timetable }).MapStart(step => step.WithState(SchedulerState.Start))
            : throw new ArgumentException($"DenoisingLoop.WithTimetable: got {timetable.Count} positions, expected {Timetable.Count}.", nameof(timetable));
    }

    /// <summary>The loop with recorded noise instead of a generator's.</summary>
    /// <param name="noise">The position to the standard normals that its step uses: as many as the sample has values, for each noise that it takes.</param>
    public DenoisingLoop WithNoise(Func<int, float[]> noise)
    {
        ArgumentNullException.ThrowIfNull(noise);
        return new(this, edits, starting, [noise]);
    }

    /// <summary>The loop with a decoder, so that steps have previews.</summary>
    /// <param name="decode">Samples to pictures, one for each of the batch.</param>
    public DenoisingLoop WithDecoder(Func<Tensor, ImmutableArray<Image>> decode)
    {
        ArgumentNullException.ThrowIfNull(decode);
        return this with { Decoder = decode };
    }

    internal static DenoisingLoop CreateLazily(Denoiser denoiser, Timetable timetable, Func<CancellationToken, Step> begin)
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        ArgumentNullException.ThrowIfNull(timetable);
        return new(denoiser, timetable, begin);
    }

    private DenoisingLoop(
        DenoisingLoop other, ImmutableArray<Func<Step, Step>> edits, Func<Step, Step> starting, ImmutableArray<Func<int, float[]>> recorded)
        : this(other)
    {
        this.edits = edits;
        this.starting = starting;
        this.recorded = recorded;
    }

    internal Step RunTracked(LiveTensors made, IProgress<Step>? progress, CancellationToken cancel)
    {
        var start = Start(cancel);
        try
        {
            var (step, noise) = (start, NoiseFrom(start));
            while (step.Index + 1 < Timetable.Count)
            {
                var previous = step;
                made.Begin();
                step = Advance(previous, noise, cancel, made);
                made.FreeAllBut(step, previous, start);
                progress?.Report(step);
            }

            Tensor.Realize([step.Sample], cancel);
            return step;
        }
        catch
        {
            made.FreeAllBut(start);
            throw;
        }
    }

    private static NoiseSource? NoiseFrom(Step step) => step.Generators.IsEmpty ? null : NoiseSource.FromStates(step.Generators);

    // Output has the prediction, or nothing at a position that doesn't ask for one: the sample there may be the caller's to keep.
    private sealed record Computation(StepResult<Tensor> Result, Tensor[] Output, Tensor[] Drawn, NoiseNeed Need)
    {
        // The prediction and what the scheduler remembers stay, so that no later step computes the model again.
        public Tensor[] Roots => [Result.Sample, .. Output, .. Result.State.Tensors()];
    }

    private Computation Compute(Step from, NoiseSource? noise)
    {
        int index = from.Index + 1;
        var solver = Timetable.Over(TensorAlgebra.Instance).With([.. StepConditions]);

        // A way back (RePaint) doesn't ask the model; its step ignores the output.
        Tensor[] output = Timetable.NeedsModel(index) ? [Denoiser.Predict(Question(solver, from.Sample, index)).Value] : [];
        var need = Timetable.NoiseFor(index);
        Tensor[] drawn = need == NoiseNeed.None ? [] : Draw(noise, index, need, from.Sample);
        return new(solver.Step(from.State, index, output is [var predicted] ? predicted : from.Sample, from.Sample, drawn), output, drawn, need);
    }

    private DenoiserInput Question(Solver<Tensor> solver, Tensor sample, int index) =>
        new(solver.ScaleModelInput(sample, index), Timetable.Timesteps[index], Conditioning)
        {
            Unconditional = Unconditional,
            Index = index,
            Count = Timetable.Count,
        };

    private Step Advance(Step from, NoiseSource? noise, CancellationToken cancel, LiveTensors? made = null)
    {
        cancel.ThrowIfCancellationRequested();
        var computed = Compute(from, noise);
        var result = computed.Result;
        var roots = computed.Roots;
        made?.Add(roots, computed.Drawn);
        Tensor.Realize(roots, cancel);
        var step = new Step
        {
            Index = from.Index + 1,
            Count = Timetable.Count,
            Timestep = Timetable.Timesteps[from.Index + 1],
            Sample = result.Sample,
            State = result.State,
            Generators = computed.Need == NoiseNeed.None || noise is null ? from.Generators : noise.Snapshot(),
            Original = _ => result.PredictedOriginal,
            Decode = from.Decode,
        };
        foreach (var edit in edits)
            step = edit(step);
        made?.Add([step.Sample]);
        return step;
    }

    private Tensor[] Draw(NoiseSource? noise, int index, NoiseNeed need, Tensor like)
    {
        if (need == NoiseNeed.Unused)
        {
            // Drawn all the same, so that later draws are the ones that they are in diffusers.
            noise?.Randn(like.Shape.Lengths);
            return [];
        }

        int count = Timetable.NoiseCount(index), size = checked((int)like.Shape.Count);
        if (recorded is [var record])
        {
            float[] values = record(index);
            if (values.Length < (long)count * size)
                throw new ArgumentException($"DenoisingLoop.WithNoise: got {values.Length} values for position {index} of {Timetable.Scheduler}, expected {count} times {size}.");
            return [.. Enumerable.Range(0, count).Select(i => Tensor.From(values.AsSpan(i * size, size), like.Shape, like.Device))];
        }

        return noise is not null
            ? [.. Enumerable.Range(0, count).Select(_ => Tensor.From(noise.Randn(like.Shape.Lengths), like.Shape, like.Device))]
            : throw new InvalidOperationException(
                $"DenoisingLoop: {Timetable.Scheduler} needs noise at position {index}, but the run has no generator; start it with DenoisingLoop.FromNoise, or give WithNoise.");
    }
}
