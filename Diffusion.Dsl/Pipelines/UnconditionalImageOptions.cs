using System.Collections.Immutable;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Pipelines;

/// <summary>What can be chosen for a run without a prompt. Immutable; every <c>With…</c> checks what it is given.</summary>
public sealed record UnconditionalImageOptions
{
    /// <summary>One picture, 50 steps, the model's own scheduler, seed 0.</summary>
    public static UnconditionalImageOptions Default { get; } = new();

    /// <summary>How many pictures.</summary>
    public int Batch { get; private init; } = 1;

    /// <summary>torch's seeds: one generator for everything, or one for each picture.</summary>
    public ImmutableArray<ulong> Seeds { get; private init; } = [0];

    /// <summary>How many steps.</summary>
    public int Steps { get; private init; } = 50;

    /// <summary>DDIM's eta, 0 (deterministic) or more.</summary>
    public double Eta { get; private init; }

    /// <summary>DDIM: work the noise out anew from the clipped estimate of the original.</summary>
    public bool UseClippedModelOutput { get; private init; }

    /// <summary>From the model's scheduler to the one to use.</summary>
    public Func<Scheduler, Scheduler> Scheduler { get; private init; } = scheduler => scheduler;

    /// <summary>What is made anew in part; empty for none.</summary>
    public ImmutableArray<RepaintInput> Repaint { get; private init; } = [];

    /// <summary>Applied to every step.</summary>
    public ImmutableArray<Func<Step, Step>> Edits { get; private init; } = [];

    /// <summary>So many pictures.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public UnconditionalImageOptions WithBatch(int batch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        return this with { Batch = batch };
    }

    /// <summary>Other seeds: one for everything, or one for each picture.</summary>
    public UnconditionalImageOptions WithSeeds(params ulong[] seeds)
    {
        ArgumentNullException.ThrowIfNull(seeds);
        return seeds.Length > 0 ? this with { Seeds = [.. seeds] }
            : throw new ArgumentException("Seeds: got none; expected one for everything, or one for each picture.", nameof(seeds));
    }

    /// <summary>So many steps.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public UnconditionalImageOptions WithSteps(int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        return this with { Steps = steps };
    }

    /// <summary>Another eta.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not a finite number.</exception>
    public UnconditionalImageOptions WithEta(double eta) => double.IsFinite(eta) && eta >= 0
        ? this with { Eta = eta }
        : throw new ArgumentOutOfRangeException(nameof(eta), eta, "Eta: expected 0 (deterministic) or more.");

    /// <summary>With or without <see cref="UseClippedModelOutput"/>.</summary>
    public UnconditionalImageOptions WithClippedModelOutput(bool use) => this with { UseClippedModelOutput = use };

    /// <summary>Another scheduler, made of the model's own.</summary>
    public UnconditionalImageOptions WithScheduler(Func<Scheduler, Scheduler> scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        return this with { Scheduler = scheduler };
    }

    /// <summary>Makes a part of a picture anew, with RePaint's scheduler. Several pictures are a batch of so many.</summary>
    public UnconditionalImageOptions WithRepaint(RepaintInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return this with { Repaint = [input], Batch = input.Original.Batch > 1 ? input.Original.Batch : Batch };
    }

    /// <summary>A function applied to every step before the next one is taken, after those given before.</summary>
    public UnconditionalImageOptions WithEdit(Func<Step, Step> edit)
    {
        ArgumentNullException.ThrowIfNull(edit);
        return this with { Edits = Edits.Add(edit) };
    }
}
