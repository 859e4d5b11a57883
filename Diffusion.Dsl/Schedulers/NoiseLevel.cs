namespace Diffusion.Dsl.Schedulers;

/// <summary>How noisy a sample is: <c>x = Signal * x0 + Sigma * noise</c>.</summary>
/// <param name="Signal">The factor of the noise-free sample.</param>
/// <param name="Sigma">The factor of standard gaussian noise.</param>
public readonly record struct NoiseLevel(double Signal, double Sigma)
{
    /// <summary>The level of a variance-preserving process.</summary>
    /// <param name="alphaBar">The cumulative product of 1 - beta, 0..1.</param>
    /// <returns>The level.</returns>
    public static NoiseLevel FromAlphaBar(double alphaBar) => new(Math.Sqrt(alphaBar), Math.Sqrt(1 - alphaBar));

    /// <summary>The variance-preserving level with the given ratio of noise to signal.</summary>
    /// <param name="sigma">Noise over signal, 0 or more.</param>
    /// <returns>The level.</returns>
    public static NoiseLevel FromSigma(double sigma)
    {
        double signal = 1 / Math.Sqrt(sigma * sigma + 1);
        return new(signal, sigma * signal);
    }

    // The beta between two alpha-bars. Rounded to float32 as in the reference: near timestep 0 the few digits of the ratio below 1 are all
    // that is left, near the last timestep those of beta below 1, and both show in a sample.
    internal static double Beta(double alphaBar, double previous) => (float)(1 - (double)(float)(alphaBar / previous));
}
