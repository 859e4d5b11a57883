using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>Ways to spread a run's sigmas between the greatest and the least one, and the way back from sigmas to timesteps.</summary>
public static class SigmaSpacing
{
    /// <summary>The sigmas of Karras et al. (arXiv:2206.00364, equation 5).</summary>
    /// <param name="sigmaMin">The least sigma.</param>
    /// <param name="sigmaMax">The greatest sigma.</param>
    /// <param name="count">How many.</param>
    /// <param name="rho">The exponent; 7 in the paper.</param>
    /// <returns>The sigmas in descending order.</returns>
    public static ImmutableArray<double> Karras(double sigmaMin, double sigmaMax, int count, double rho = 7)
    {
        double least = Math.Pow(sigmaMin, 1 / rho), greatest = Math.Pow(sigmaMax, 1 / rho);
        return [.. Spacing.Linspace(0, 1, count).Select(ramp => Math.Pow(greatest + ramp * (least - greatest), rho))];
    }

    /// <summary>Sigmas spread evenly on a logarithmic scale (Lu et al., arXiv:2206.00927).</summary>
    /// <param name="sigmaMin">The least sigma.</param>
    /// <param name="sigmaMax">The greatest sigma.</param>
    /// <param name="count">How many.</param>
    /// <returns>The sigmas in descending order.</returns>
    public static ImmutableArray<double> Exponential(double sigmaMin, double sigmaMax, int count)
    {
        double least = Math.Log(sigmaMin), greatest = Math.Log(sigmaMax);
        return [.. Spacing.Linspace(0, 1, count).Select(ramp => Math.Exp(greatest + ramp * (least - greatest)))];
    }

    /// <summary>The timestep at which the training process has a sigma, by linear interpolation in log sigma.</summary>
    /// <param name="sigma">The sigma.</param>
    /// <param name="sigmas">The sigmas of the training process, ascending; at least two.</param>
    /// <returns>The timestep, 0 to the number of sigmas - 1; not whole in general.</returns>
    public static double ToTimestep(double sigma, ImmutableArray<double> sigmas)
    {
        double log = Math.Log(Math.Max(sigma, 1e-10));
        int low = 0;
        for (int above = sigmas.Length, middle; above - low > 1;)
        {
            middle = (low + above) / 2;
            if (Math.Log(sigmas[middle]) <= log) low = middle;
            else above = middle;
        }

        low = Math.Min(low, sigmas.Length - 2);
        double from = (float)Math.Log(sigmas[low]), to = (float)Math.Log(sigmas[low + 1]);
        double w = Math.Clamp((from - log) / (from - to), 0, 1);
        return (1 - w) * low + w * (low + 1);
    }
}
