using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models;

/// <summary>A normal distribution with independent elements: what an autoencoder's encoder gives.</summary>
/// <param name="Mean">The means.</param>
/// <param name="LogVariance">Logarithms of the variances, within −30 … 20.</param>
public sealed record DiagonalGaussian(Tensor Mean, Tensor LogVariance)
{
    /// <summary>The distribution of an encoder's output: means and log-variances, one half of the channels each.</summary>
    /// <param name="moments">[N, 2·C, H, W].</param>
    public static DiagonalGaussian OfMoments(Tensor moments)
    {
        ArgumentNullException.ThrowIfNull(moments);
        var parts = moments.Chunk(2, 1);
        return new DiagonalGaussian(parts[0], parts[1].Clamp(-30, 20));
    }

    /// <summary>The standard deviations.</summary>
    public Tensor StandardDeviation => (LogVariance * 0.5).Exp();

    /// <summary>The variances.</summary>
    public Tensor Variance => LogVariance.Exp();

    /// <summary>The most likely value.</summary>
    public Tensor Mode => Mean;

    /// <summary>A sample made from standard normal noise of the mean's shape.</summary>
    public Tensor Sample(Tensor noise) => Mean + StandardDeviation * noise;

    /// <summary>Kullback–Leibler divergence from the standard normal distribution, summed over all axes but the first: [N].</summary>
    public Tensor KlDivergence() => (Mean.Square() + Variance - 1 - LogVariance).Sum(InnerAxes) * 0.5;

    /// <summary>Kullback–Leibler divergence from another distribution, summed over all axes but the first: [N].</summary>
    public Tensor KlDivergence(DiagonalGaussian other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return ((Mean - other.Mean).Square() / other.Variance + Variance / other.Variance - 1 - LogVariance + other.LogVariance).Sum(InnerAxes) * 0.5;
    }

    /// <summary>Negative log-likelihood of a sample, summed over all axes but the first: [N].</summary>
    public Tensor NegativeLogLikelihood(Tensor sample) =>
        (LogVariance + (sample - Mean).Square() / Variance + Math.Log(2 * Math.PI)).Sum(InnerAxes) * 0.5;

    private int[] InnerAxes => [.. Enumerable.Range(1, Mean.Rank - 1)];
}
