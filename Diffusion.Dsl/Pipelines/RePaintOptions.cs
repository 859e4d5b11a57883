using System.Collections.Immutable;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Pipelines;

/// <summary>What can be chosen for a run of <see cref="RePaintImage"/>. Immutable; every <c>With…</c> checks what it is given.</summary>
public sealed record RePaintOptions
{
    /// <summary>250 steps, jumps of 10 steps made 10 times, no noise of DDPM's, seed 0.</summary>
    public static RePaintOptions Default { get; } = new();

    /// <summary>torch's seeds: one generator for everything, or one for the start of each picture (the steps draw from the first).</summary>
    public ImmutableArray<ulong> Seeds { get; private init; } = [0];

    /// <summary>How many steps, not counting those that are done again.</summary>
    public int Steps { get; private init; } = 250;

    /// <summary>0 is deterministic but for the known part, 1 as random as DDPM.</summary>
    public double Eta { get; private init; }

    /// <summary>How far to go back at each jump, in steps.</summary>
    public int JumpLength { get; private init; } = 10;

    /// <summary>How often each stretch is done; 1 for no jumps.</summary>
    public int JumpSamples { get; private init; } = 10;

    /// <summary>From the model's scheduler to the one to use; by default RePaint's with the configuration of the model's own.</summary>
    public Func<Scheduler, Scheduler> Scheduler { get; private init; } = scheduler => scheduler.As("RePaintScheduler");

    /// <summary>Applied to every step.</summary>
    public ImmutableArray<Func<Step, Step>> Edits { get; private init; } = [];

    /// <summary>Other seeds: one for everything, or one for the start of each picture.</summary>
    public RePaintOptions WithSeeds(params ulong[] seeds)
    {
        ArgumentNullException.ThrowIfNull(seeds);
        return seeds.Length > 0 ? this with { Seeds = [.. seeds] }
            : throw new ArgumentException("Seeds: got none; expected one for everything, or one for each picture.", nameof(seeds));
    }

    /// <summary>So many steps.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public RePaintOptions WithSteps(int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        return this with { Steps = steps };
    }

    /// <summary>Another eta.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not a finite number.</exception>
    public RePaintOptions WithEta(double eta) => double.IsFinite(eta) && eta >= 0
        ? this with { Eta = eta }
        : throw new ArgumentOutOfRangeException(nameof(eta), eta, "Eta: expected 0 (deterministic but for the known part) or more.");

    /// <summary>Other jumps.</summary>
    /// <param name="length">How far to go back, in steps, 1 or more.</param>
    /// <param name="samples">How often each stretch is done, 1 (no jumps) or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">One is less than 1.</exception>
    public RePaintOptions WithJumps(int length, int samples)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        return this with { JumpLength = length, JumpSamples = samples };
    }

    /// <summary>Another scheduler, made of the model's own; it must take an original and a mask as RePaint's does.</summary>
    public RePaintOptions WithScheduler(Func<Scheduler, Scheduler> scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        return this with { Scheduler = scheduler };
    }

    /// <summary>A function applied to every step before the next one is taken, after those given before.</summary>
    public RePaintOptions WithEdit(Func<Step, Step> edit)
    {
        ArgumentNullException.ThrowIfNull(edit);
        return this with { Edits = Edits.Add(edit) };
    }
}
