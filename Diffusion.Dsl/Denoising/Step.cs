using System.Collections.Immutable;
using Diffusion.Core.Images;
using Diffusion.Core.Randomness;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Denoising;

/// <summary>
/// A point of a run: the sample after a step and everything that the rest of the run depends on. An immutable value: a run may be
/// resumed, repeated or forked from any step that was kept.
/// </summary>
public sealed record Step
{
    /// <summary>The position in the timetable of the step that was taken; the one before the run's first position at its start.</summary>
    public required int Index { get; init; }

    /// <summary>The number of positions in the timetable.</summary>
    public required int Count { get; init; }

    /// <summary>The timestep that the model was given; not a number at the start, where it hasn't been asked.</summary>
    public double Timestep { get; init; } = double.NaN;

    /// <summary>The sample after the step: latents, or pixels in −1 … 1, [batch, channels, height, width].</summary>
    public required Tensor Sample { get; init; }

    /// <summary>What the scheduler remembers.</summary>
    public SchedulerState State { get; init; } = SchedulerState.Start;

    /// <summary>The generators from which the rest of the run draws; empty when it draws nothing.</summary>
    public ImmutableArray<TorchGeneratorState> Generators { get; init; } = [];

    /// <summary>Whether this is the end of the run.</summary>
    public bool IsLast => Index == Count - 1;

    /// <summary>How much of the timetable is done, 1 at the end.</summary>
    public double Progress => Count == 0 ? 1 : (double)(Index + 1) / Count;

    /// <summary>
    /// The estimate of the noise-free sample that the scheduler had at this step, shaped as the sample; computed when it is read.
    /// At the start it is the sample itself.
    /// </summary>
    public Tensor PredictedOriginal => Original(this);

    internal Func<Step, Tensor> Original { get; init; } = step => step.Sample;

    internal Func<Tensor, ImmutableArray<Image>> Decode { get; init; } = _ => throw new NotSupportedException(
        "Step.Preview: this run has no decoder from samples to pictures; give it one with DenoisingLoop.WithDecoder.");

    /// <summary>The start of a run.</summary>
    /// <param name="sample">The noise, already multiplied by <see cref="Timetable.InitNoiseSigma"/>.</param>
    /// <param name="timetable">The timetable; the run starts at its <see cref="Timetable.Begin"/>.</param>
    /// <param name="generators">From what to draw later; none if nothing will be.</param>
    public static Step Start(Tensor sample, Timetable timetable, ImmutableArray<TorchGeneratorState> generators)
    {
        ArgumentNullException.ThrowIfNull(sample);
        ArgumentNullException.ThrowIfNull(timetable);
        return new Step
        {
            Index = timetable.Begin - 1,
            Count = timetable.Count,
            Sample = sample,
            Generators = generators.IsDefault ? [] : generators,
        };
    }

    /// <summary>What the estimate of the end looks like now: a picture, or a grid where the batch has several.</summary>
    /// <exception cref="NotSupportedException">The run has no decoder.</exception>
    public Image Preview() => Previews() is [var only] ? only : Image.Grid(Previews());

    /// <summary>What the estimate of the end looks like now, one picture for each of the batch.</summary>
    /// <exception cref="NotSupportedException">The run has no decoder.</exception>
    public ImmutableArray<Image> Previews() => Decode(PredictedOriginal);

    /// <summary>The step with another sample: the way to edit a run.</summary>
    public Step WithSample(Tensor sample)
    {
        ArgumentNullException.ThrowIfNull(sample);
        return sample.Shape == Sample.Shape
            ? this with { Sample = sample }
            : throw new TensorShapeException($"Step.WithSample: got {sample.Shape}, expected the sample's shape {Sample.Shape}.");
    }

    /// <summary>The step with another memory of the scheduler.</summary>
    public Step WithState(SchedulerState state) => this with { State = state };

    /// <summary>The step with other generators, e.g. to fork a run of a stochastic scheduler.</summary>
    public Step WithGenerators(params TorchGeneratorState[] generators) => this with { Generators = [.. generators] };

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"step {Index + 1} of {Count}, timestep {Timestep:0.###}, {Sample}");
}
