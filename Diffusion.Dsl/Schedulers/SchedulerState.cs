using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// What a scheduler remembers between steps. Immutable: a run may be resumed, repeated or forked from any state that it passed.
/// </summary>
public sealed record SchedulerState
{
    /// <summary>The state before the first step.</summary>
    public static SchedulerState Start { get; } = new();

    /// <summary>How many steps have been taken to get here.</summary>
    public int Count { get; init; }

    /// <summary>Earlier (converted) model outputs, oldest first.</summary>
    public ImmutableArray<Sample> Outputs { get; init; } = [];

    /// <summary>Samples that a scheduler of several stages keeps for a later stage.</summary>
    public ImmutableArray<Sample> Held { get; init; } = [];

    /// <summary>The memory of a scheduler made with <see cref="Scheduler.Create{TMemory}"/>.</summary>
    internal object? Memory { get; init; }

    /// <summary>The state after one more step of a scheduler that remembers nothing else.</summary>
    /// <returns>The state.</returns>
    public SchedulerState Next() => this with { Count = Count + 1 };

    /// <summary>The state after one more step, having seen <paramref name="output"/>.</summary>
    /// <param name="output">What to remember.</param>
    /// <param name="keep">How many outputs to keep at most.</param>
    /// <returns>The state.</returns>
    public SchedulerState Next(Sample output, int keep)
    {
        var outputs = Outputs.Add(output);
        return this with { Count = Count + 1, Outputs = outputs.Length > keep ? outputs[^keep..] : outputs };
    }
}
