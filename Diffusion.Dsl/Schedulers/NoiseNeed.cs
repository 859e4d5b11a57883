namespace Diffusion.Dsl.Schedulers;

/// <summary>Whether a step uses random noise.</summary>
public enum NoiseNeed
{
    /// <summary>The step is deterministic.</summary>
    None,

    /// <summary>
    /// The step is deterministic, but diffusers draws noise there and throws it away: draw it too when the same generator is read
    /// afterwards and the numbers must stay in step. It needn't be passed.
    /// </summary>
    Unused,

    /// <summary>The step needs one standard gaussian sample.</summary>
    Required,
}
