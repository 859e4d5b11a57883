namespace Diffusion.Kernels;

/// <summary>
/// What memory for packed weights is worth. Some algorithms read weights in a form that is larger than the stored one (Winograd's
/// transformed weights: up to four times) and are faster for it; the cost model takes one of them only where it saves enough.
/// Weights of 16 bits stay so in memory under every budget, as long as they aren't transformed.
/// </summary>
public sealed record WeightBudget
{
    // Of one operation: small networks are about speed only.
    private const double FreeBytes = 1 << 20;

    private WeightBudget(double secondsPerGigabyte) => SecondsPerGigabyte = secondsPerGigabyte;

    /// <summary>Fast; the weights of Stable Diffusion's UNet take about 1.25 times their stored size, where there is AVX-512 about 1.04 times. The default.</summary>
    public static WeightBudget Balanced { get; } = new(0.15);

    /// <summary>Packed weights take what the stored ones take: only panels' padding is added.</summary>
    public static WeightBudget Lean { get; } = new(double.PositiveInfinity);

    /// <summary>Speed at any price in memory.</summary>
    public static WeightBudget Unlimited { get; } = new(0);

    /// <summary>
    /// The time of one core, in seconds, that a gigabyte of packed weights beyond the stored ones must save each time that all of it is
    /// used once; ≥ 0. The first megabyte of each operation is free. Infinite: none is worth it. Weights of 16 bits have to save four times
    /// as much, since their transformed form is float32.
    /// </summary>
    public double SecondsPerGigabyte { get; }

    /// <summary>A budget between those that have names.</summary>
    /// <param name="secondsPerGigabyte">See <see cref="SecondsPerGigabyte"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not a number.</exception>
    public static WeightBudget Of(double secondsPerGigabyte) => secondsPerGigabyte >= 0
        ? new WeightBudget(secondsPerGigabyte)
        : throw new ArgumentOutOfRangeException(
            nameof(secondsPerGigabyte), secondsPerGigabyte, "WeightBudget.Of: expected at least 0 seconds; infinity for no more memory than stored.");

    /// <summary>The price in seconds of some bytes beyond those stored; 0 for none, or fewer.</summary>
    internal double Price(double bytes)
    {
        if (bytes <= 0 || SecondsPerGigabyte == 0)
            return 0;
        return double.IsInfinity(SecondsPerGigabyte) ? double.PositiveInfinity : Math.Max(0, bytes - FreeBytes) / 1e9 * SecondsPerGigabyte;
    }
}
