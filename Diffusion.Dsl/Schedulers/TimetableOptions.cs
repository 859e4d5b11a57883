using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// What is chosen for one run, next to a scheduler's own configuration. An option that a scheduler doesn't know has no effect on
/// it, as in diffusers' pipelines, except <see cref="Timesteps"/>, which a scheduler without custom timesteps refuses.
/// </summary>
public sealed record TimetableOptions
{
    /// <summary>The number of steps, 1 or more.</summary>
    public int Steps { get; init; } = 50;

    /// <summary>Custom timesteps in descending order, instead of <see cref="Steps"/>; empty for none.</summary>
    public ImmutableArray<double> Timesteps { get; init; } = [];

    /// <summary>The position at which the run begins (image-to-image skips the noisiest steps), 0 or more.</summary>
    public int Begin { get; init; }

    /// <summary>DDIM, RePaint: 0 is deterministic, 1 as random as DDPM. TCD: the gamma of the paper. NaN: the default of the scheduler.</summary>
    public double Eta { get; init; } = double.NaN;

    /// <summary>DDIM: recompute the noise prediction from the clipped estimate.</summary>
    public bool UseClippedModelOutput { get; init; }

    /// <summary>Euler, EDM Euler: the amount of noise put back in before a step (Karras et al., algorithm 2).</summary>
    public double SChurn { get; init; }

    /// <summary>Euler, EDM Euler: churn only from this sigma on.</summary>
    public double STmin { get; init; }

    /// <summary>Euler, EDM Euler: churn only up to this sigma.</summary>
    public double STmax { get; init; } = double.PositiveInfinity;

    /// <summary>Euler, EDM Euler and DPM SDE: the standard deviation of the noise.</summary>
    public double SNoise { get; init; } = 1;

    /// <summary>LMS: the order of the multistep method, 1..8.</summary>
    public int LmsOrder { get; init; } = 4;

    /// <summary>LCM, TCD: the number of steps the model was distilled with; 0 for the one in the configuration.</summary>
    public int OriginalInferenceSteps { get; init; }

    /// <summary>LCM, TCD: the part of the schedule that is used, above 0 and at most 1.</summary>
    public double Strength { get; init; } = 1;

    /// <summary>RePaint: how far to go back at each jump, in steps.</summary>
    public int JumpLength { get; init; } = 10;

    /// <summary>RePaint: how often each stretch is done.</summary>
    public int JumpSamples { get; init; } = 10;

    /// <summary>SA-Solver: how random the process is at a timestep, 0 (not at all) or more; by default 1 in 200..800 and 0 elsewhere.</summary>
    public Func<double, double> Tau { get; init; } = t => t is >= 200 and <= 800 ? 1 : 0;

    /// <summary>UnCLIP: whether each step goes to the timestep just below instead of to the next one of the run.</summary>
    public bool AdjacentTimesteps { get; init; }

    /// <summary>The options with another number of steps.</summary>
    /// <param name="steps">See <see cref="Steps"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithSteps(int steps) => this with { Steps = steps };

    /// <summary>The options with custom timesteps.</summary>
    /// <param name="timesteps">See <see cref="Timesteps"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithTimesteps(params double[] timesteps) => this with { Timesteps = [.. timesteps] };

    /// <summary>The options with another beginning.</summary>
    /// <param name="begin">See <see cref="Begin"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithBegin(int begin) => this with { Begin = begin };

    /// <summary>The options with another eta.</summary>
    /// <param name="eta">See <see cref="Eta"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithEta(double eta) => this with { Eta = eta };

    /// <summary>The options with or without <see cref="UseClippedModelOutput"/>.</summary>
    /// <param name="use">See <see cref="UseClippedModelOutput"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithClippedModelOutput(bool use) => this with { UseClippedModelOutput = use };

    /// <summary>The options with churn.</summary>
    /// <param name="churn">See <see cref="SChurn"/>.</param>
    /// <param name="tmin">See <see cref="STmin"/>.</param>
    /// <param name="tmax">See <see cref="STmax"/>.</param>
    /// <param name="noise">See <see cref="SNoise"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithChurn(double churn, double tmin, double tmax, double noise) =>
        this with { SChurn = churn, STmin = tmin, STmax = tmax, SNoise = noise };

    /// <summary>The options with another order of LMS.</summary>
    /// <param name="order">See <see cref="LmsOrder"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithLmsOrder(int order) => this with { LmsOrder = order };

    /// <summary>The options with another number of original steps.</summary>
    /// <param name="steps">See <see cref="OriginalInferenceSteps"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithOriginalInferenceSteps(int steps) => this with { OriginalInferenceSteps = steps };

    /// <summary>The options with another strength.</summary>
    /// <param name="strength">See <see cref="Strength"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithStrength(double strength) => this with { Strength = strength };

    /// <summary>The options with another tau.</summary>
    /// <param name="tau">See <see cref="Tau"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithTau(Func<double, double> tau) => this with { Tau = tau };

    /// <summary>The options with or without <see cref="AdjacentTimesteps"/>.</summary>
    /// <param name="adjacent">See <see cref="AdjacentTimesteps"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithAdjacentTimesteps(bool adjacent) => this with { AdjacentTimesteps = adjacent };

    /// <summary>The options with other jumps.</summary>
    /// <param name="length">See <see cref="JumpLength"/>.</param>
    /// <param name="samples">See <see cref="JumpSamples"/>.</param>
    /// <returns>The changed options.</returns>
    public TimetableOptions WithJumps(int length, int samples) => this with { JumpLength = length, JumpSamples = samples };
}
