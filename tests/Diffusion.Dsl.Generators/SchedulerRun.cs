using System.Collections.Immutable;
using System.Globalization;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Generators;

/// <summary>
/// All that a run is made of: a scheduler, a timetable, the first sample, and what the model says and the noise at each call. The outputs are
/// given rather than computed, so a law about it holds for any model.
/// </summary>
public sealed record SchedulerRun
{
    /// <summary>The scheduler.</summary>
    public required Scheduler Scheduler { get; init; }

    /// <summary>Its timetable.</summary>
    public required Timetable Timetable { get; init; }

    /// <summary>The number of items in the batch, 1 or more.</summary>
    public required int Batch { get; init; }

    /// <summary>The first sample: the items one after the other.</summary>
    public required ImmutableArray<double> Start { get; init; }

    /// <summary>The model's output at each call, as long as the sample.</summary>
    public required ImmutableArray<ImmutableArray<double>> Outputs { get; init; }

    /// <summary>The noise at each call, as long as the sample.</summary>
    public required ImmutableArray<ImmutableArray<double>> Noises { get; init; }

    /// <summary>Whether the scheduler's options limit values, so that a step isn't linear.</summary>
    public bool Limits =>
        (Scheduler.Config.Knows("clip_sample") && Scheduler.Config.ClipSample)
        || (Scheduler.Config.Knows("thresholding") && Scheduler.Config.Thresholding);

    /// <summary>The same run with other numbers: a function of each of them and its position (in the start, the outputs, the noises).</summary>
    /// <param name="change">The new number, from the old one and its position.</param>
    /// <returns>The changed run.</returns>
    public SchedulerRun Map(Func<double, int, double> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        int size = Start.Length, calls = Outputs.Length;
        ImmutableArray<double> Changed(ImmutableArray<double> values, int row) => [.. values.Select((value, i) => change(value, row * size + i))];
        return this with
        {
            Start = Changed(Start, 0),
            Outputs = [.. Outputs.Select((values, i) => Changed(values, 1 + i))],
            Noises = [.. Noises.Select((values, i) => Changed(values, 1 + calls + i))],
        };
    }

    /// <summary>The run of one item of the batch.</summary>
    /// <param name="index">The item, 0 to <see cref="Batch"/> - 1.</param>
    /// <returns>The run, with a batch of 1.</returns>
    public SchedulerRun Item(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Batch);
        int size = Start.Length / Batch;
        ImmutableArray<double> Part(ImmutableArray<double> values) => values.Slice(index * size, size);
        return this with { Batch = 1, Start = Part(Start), Outputs = [.. Outputs.Select(Part)], Noises = [.. Noises.Select(Part)] };
    }

    /// <summary>Does the run.</summary>
    /// <returns>The state and the sample before each call, and at the end.</returns>
    public ImmutableArray<SavedStep> Steps() => StepsFrom(new(SchedulerState.Start, Start), 0);

    /// <summary>Does the rest of the run.</summary>
    /// <param name="saved">Where it stood.</param>
    /// <param name="index">The position of the next call.</param>
    /// <returns>The state and the sample before each remaining call, and at the end.</returns>
    public ImmutableArray<SavedStep> StepsFrom(SavedStep saved, int index)
    {
        ArgumentNullException.ThrowIfNull(saved);
        var solver = Timetable.Over(SampleAlgebra.Array(Batch, 1));
        var steps = ImmutableArray.CreateBuilder<SavedStep>();
        steps.Add(saved);
        for (int i = index; i < Timetable.Count; i++)
        {
            var noises = Enumerable.Repeat(Noises[i].ToArray(), Timetable.NoiseCount(i)).ToArray();
            var result = solver.Step(steps[^1].State, i, [.. Outputs[i]], [.. steps[^1].Sample], noises);
            steps.Add(new(result.State, [.. result.Sample]));
        }

        return steps.ToImmutable();
    }

    /// <summary>The scheduler's configuration and the numbers, as FsCheck shows them when a law is broken.</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        static string Text(ImmutableArray<double> values) => string.Join(' ', values.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
        return string.Join('\n', [
            $"{Scheduler.Name}, {Timetable.Steps} steps, batch {Batch}, {Scheduler.Config.ToJson()}",
            $"start: {Text(Start)}", .. Outputs.Zip(Noises, (output, noise) => $"output: {Text(output)} noise: {Text(noise)}")]);
    }
}

/// <summary>Where a run stands between two calls.</summary>
/// <param name="State">The scheduler's state.</param>
/// <param name="Sample">The sample.</param>
public sealed record SavedStep(SchedulerState State, ImmutableArray<double> Sample);
