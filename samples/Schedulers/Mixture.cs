using System.Collections.Immutable;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Samples.SchedulerPlots;

/// <summary>One hump of a mixture.</summary>
internal readonly record struct Hump(double Weight, double Mean, double Deviation);

/// <summary>
/// Data in one dimension that are distributed as a mixture of normal distributions. The best possible model of them is known in closed form,
/// so schedulers can be watched without a trained one.
/// </summary>
internal sealed record Mixture(ImmutableArray<Hump> Humps)
{
    /// <summary>Three humps, not symmetric.</summary>
    public static Mixture Example { get; } = new([new(0.5, -1.2, 0.15), new(0.2, 0.1, 0.1), new(0.3, 1.3, 0.2)]);

    /// <summary>E[x0 | x]: each hump's own answer, weighted by how likely the noisy sample comes from it.</summary>
    public double Denoise(double x, NoiseLevel at)
    {
        double[] logs = [.. Humps.Select(hump => LogWeight(hump, x, at))];
        double most = logs.Max(), sum = 0, weights = 0;
        for (int i = 0; i < Humps.Length; i++)
        {
            double weight = Math.Exp(logs[i] - most), gain = at.Signal * Humps[i].Deviation * Humps[i].Deviation / Variance(Humps[i], at);
            sum += weight * (Humps[i].Mean + gain * (x - at.Signal * Humps[i].Mean));
            weights += weight;
        }

        return sum / weights;
    }

    /// <summary>The density of the data themselves.</summary>
    public double Density(double x) => Humps.Sum(hump => Math.Exp(LogWeight(hump, x, new(1, 0))) / Math.Sqrt(2 * Math.PI));

    private static double LogWeight(Hump hump, double x, NoiseLevel at)
    {
        double variance = Variance(hump, at), distance = x - at.Signal * hump.Mean;
        return Math.Log(hump.Weight) - 0.5 * Math.Log(variance) - distance * distance / (2 * variance);
    }

    private static double Variance(Hump hump, NoiseLevel at) => at.Signal * at.Signal * hump.Deviation * hump.Deviation + at.Sigma * at.Sigma;
}
