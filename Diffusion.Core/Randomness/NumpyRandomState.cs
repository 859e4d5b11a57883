namespace Diffusion.Core.Randomness;

/// <summary>
/// numpy's legacy generator (<c>numpy.random.RandomState(seed)</c>), for the few places where diffusers draws through numpy.
/// Drawing is an effect, as with <see cref="TorchGenerator"/>; an instance is not safe for concurrent use.
/// </summary>
public sealed class NumpyRandomState
{
    private readonly MersenneTwister _engine;
    private double? _cachedNormal;

    /// <summary>A generator seeded as by <c>RandomState(seed)</c>.</summary>
    /// <param name="seed">Any 32-bit value.</param>
    public NumpyRandomState(uint seed) => _engine = new MersenneTwister(seed);

    /// <summary><c>rand(count)</c> (also <c>random_sample</c>): uniforms in [0, 1) with 53 bits.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <returns>The values in order.</returns>
    public double[] Rand(long count)
    {
        var values = new double[Draws.Length(count)];
        foreach (ref var value in values.AsSpan()) value = NextDouble();
        return values;
    }

    /// <summary><c>randn(count)</c> (also <c>standard_normal</c>): normals by Marsaglia's polar method, in pairs.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <returns>The values in order.</returns>
    public double[] Randn(long count)
    {
        var values = new double[Draws.Length(count)];
        foreach (ref var value in values.AsSpan()) value = NextNormal();
        return values;
    }

    /// <summary><c>randint(low, high, count)</c> with 64-bit integers: masked draws, those out of range thrown away.</summary>
    /// <param name="low">The smallest value.</param>
    /// <param name="high">One more than the largest value.</param>
    /// <param name="count">How many, 0 or more.</param>
    /// <returns>The values in order.</returns>
    public long[] RandInt(long low, long high, long count)
    {
        if (low >= high) throw new ArgumentException($"RandInt: got [{low}, {high}), expected low below high.", nameof(high));
        var values = new long[Draws.Length(count)];
        var largest = unchecked((ulong)high - (ulong)low - 1);
        foreach (ref var value in values.AsSpan()) value = unchecked(low + (long)NextUpTo(largest));
        return values;
    }

    private ulong NextUpTo(ulong largest)
    {
        if (largest == 0) return 0;
        var mask = ulong.MaxValue >> System.Numerics.BitOperations.LeadingZeroCount(largest);
        while (true)
        {
            var value = mask & (largest <= uint.MaxValue ? _engine.NextUInt32() : _engine.NextUInt64());
            if (value <= largest) return value;
        }
    }

    private double NextDouble()
    {
        var high = _engine.NextUInt32() >> 5;
        var low = _engine.NextUInt32() >> 6;
        return (high * 67108864.0 + low) / 9007199254740992.0;
    }

    private double NextNormal()
    {
        if (_cachedNormal is { } cached)
        {
            _cachedNormal = null;
            return cached;
        }
        while (true)
        {
            var x = 2 * NextDouble() - 1;
            var y = 2 * NextDouble() - 1;
            var square = x * x + y * y;
            if (square is >= 1 or 0) continue;
            var factor = Math.Sqrt(-2 * Math.Log(square) / square);
            _cachedNormal = factor * x;
            return factor * y;
        }
    }
}
