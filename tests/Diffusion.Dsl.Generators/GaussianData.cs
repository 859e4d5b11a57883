using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Generators;

/// <summary>
/// Data that are normally distributed, N(Mean, Deviation²), for which everything is known in closed form: the best denoiser, the path of the
/// probability-flow ODE, the distribution at each noise level.
/// </summary>
/// <param name="Mean">The mean.</param>
/// <param name="Deviation">The standard deviation, above 0.</param>
public sealed record GaussianData(double Mean, double Deviation)
{
    /// <summary>The standard deviation of the noisy samples at a level.</summary>
    /// <param name="at">The level.</param>
    /// <returns>The standard deviation.</returns>
    public double Spread(NoiseLevel at) => Math.Sqrt(at.Signal * at.Signal * Deviation * Deviation + at.Sigma * at.Sigma);

    /// <summary>What the best denoiser says: E[x0 | x].</summary>
    /// <param name="x">The noisy sample.</param>
    /// <param name="at">Its noise level.</param>
    /// <returns>The expected noise-free sample.</returns>
    public double Denoise(double x, NoiseLevel at)
    {
        double variance = Spread(at) * Spread(at);
        return Mean + at.Signal * Deviation * Deviation / variance * (x - at.Signal * Mean);
    }

    /// <summary>Where the probability-flow ODE that starts in x at one level is at another.</summary>
    /// <param name="x">The sample at the first level.</param>
    /// <param name="from">The first level.</param>
    /// <param name="to">The second level.</param>
    /// <returns>The sample at the second level.</returns>
    public double Flow(double x, NoiseLevel from, NoiseLevel to) =>
        to.Signal * Mean + Spread(to) / Spread(from) * (x - from.Signal * Mean);
}
