namespace Diffusion.Core.Randomness;

/// <summary>
/// torch's CPU generator (<c>torch.Generator("cpu")</c>): the same seed and the same sequence of draws give the same numbers.
/// </summary>
/// <remarks>
/// <para>Drawing is an effect: a generator is an explicit, mutable stream, meant to live at the edge of a program (see
/// <see cref="NoiseSource"/>). <see cref="State"/> is an immutable snapshot; <see cref="Clone"/> forks the stream. An instance is not
/// safe for concurrent use.</para>
/// <para>Integers, uniforms and permutations are equal bit for bit; normals and exponentials may differ from torch in the last bit,
/// where torch's vectorised logarithm, sine and cosine do.</para>
/// <para>Normals depend on the size of the draw: torch fills 16 or more values by another method than fewer, so
/// <c>Randn(32)</c> is not <c>Randn(16)</c> twice.</para>
/// </remarks>
public sealed class TorchGenerator
{
    private readonly MersenneTwister _engine;
    private double? _cachedNormal;

    /// <summary>A generator seeded as by <c>manual_seed</c>.</summary>
    /// <param name="seed">Any 64-bit value. As in torch, only the low 32 bits choose the stream.</param>
    public TorchGenerator(ulong seed)
    {
        Seed = seed;
        _engine = new MersenneTwister((uint)seed);
    }

    private TorchGenerator(TorchGeneratorState state)
    {
        Seed = state.Seed;
        _engine = new MersenneTwister(state.Words, state.Position);
        _cachedNormal = state.CachedNormal;
    }

    /// <summary>The seed last given (torch's <c>initial_seed</c>).</summary>
    public ulong Seed { get; private set; }

    /// <summary>An immutable snapshot of this point of the stream.</summary>
    public TorchGeneratorState State => new(Seed, _engine.Words, _engine.Position, _cachedNormal);

    /// <summary>A generator that goes on from a snapshot.</summary>
    /// <param name="state">A snapshot taken by <see cref="State"/>.</param>
    /// <returns>A new generator.</returns>
    /// <exception cref="ArgumentException">The snapshot does not hold 624 words or its position is out of range.</exception>
    public static TorchGenerator FromState(TorchGeneratorState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return new TorchGenerator(state);
    }

    /// <summary>A second generator at the same point of the stream.</summary>
    /// <returns>A generator that gives the numbers that this one will give.</returns>
    public TorchGenerator Clone() => new(State);

    /// <summary>Starts over from a seed; a cached normal is forgotten.</summary>
    /// <param name="seed">Any 64-bit value.</param>
    public void ManualSeed(ulong seed)
    {
        Seed = seed;
        _engine.Seed((uint)seed);
        _cachedNormal = null;
    }

    /// <summary><c>torch.randn(count)</c>: standard normals in float32.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <returns>The values in order.</returns>
    public float[] Randn(long count)
    {
        var values = new float[Draws.Length(count)];
        FillNormal(values, 0, 1);
        return values;
    }

    /// <summary><c>torch.randn(count, dtype=torch.float64)</c>.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <returns>The values in order.</returns>
    public double[] RandnDouble(long count)
    {
        var values = new double[Draws.Length(count)];
        FillNormalDouble(values, 0, 1);
        return values;
    }

    /// <summary><c>torch.randn(count, dtype=torch.float16)</c>. From 16 values on not the float32 ones rounded.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <returns>The values in order.</returns>
    public Half[] RandnHalf(long count)
    {
        var values = new Half[Draws.Length(count)];
        FillNormalHalf(values, 0, 1);
        return values;
    }

    /// <summary><c>tensor.normal_(mean, standardDeviation)</c> in float32.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="standardDeviation">The standard deviation, 0 or more.</param>
    /// <returns>The values in order.</returns>
    public float[] Normal(long count, double mean, double standardDeviation)
    {
        var values = new float[Draws.Length(count)];
        FillNormal(values, mean, standardDeviation);
        return values;
    }

    /// <summary>As <see cref="Randn"/>, into memory that the caller owns.</summary>
    /// <param name="destination">Receives one draw of its length.</param>
    public void FillRandn(Span<float> destination) => FillNormal(destination, 0, 1);

    /// <summary>As <see cref="Normal"/>, into memory that the caller owns.</summary>
    /// <param name="destination">Receives one draw of its length.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="standardDeviation">The standard deviation, 0 or more.</param>
    public void FillNormal(Span<float> destination, double mean, double standardDeviation)
    {
        CheckDeviation(standardDeviation);
        if (destination.Length >= NormalBlocks.Size)
        {
            FillRand(destination);
            NormalBlocks.Transform(destination, (float)mean, (float)standardDeviation, FillRand);
        }
        else
        {
            foreach (ref var value in destination) value = (float)NextNormal(mean, standardDeviation);
        }
    }

    /// <summary><c>normal_</c> of a float64 tensor, into memory that the caller owns.</summary>
    /// <param name="destination">Receives one draw of its length.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="standardDeviation">The standard deviation, 0 or more.</param>
    public void FillNormalDouble(Span<double> destination, double mean, double standardDeviation)
    {
        CheckDeviation(standardDeviation);
        if (destination.Length >= NormalBlocks.Size)
        {
            FillRandDouble(destination);
            NormalBlocks.Transform(destination, mean, standardDeviation, FillRandDouble);
        }
        else
        {
            foreach (ref var value in destination) value = NextNormal(mean, standardDeviation);
        }
    }

    /// <summary><c>normal_</c> of a float16 tensor, into memory that the caller owns.</summary>
    /// <param name="destination">Receives one draw of its length.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="standardDeviation">The standard deviation, 0 or more.</param>
    public void FillNormalHalf(Span<Half> destination, double mean, double standardDeviation)
    {
        CheckDeviation(standardDeviation);
        if (destination.Length >= NormalBlocks.Size)
        {
            FillRandHalf(destination);
            NormalBlocks.Transform(destination, (Half)mean, (Half)standardDeviation, FillRandHalf);
        }
        else
        {
            foreach (ref var value in destination) value = (Half)NextNormal(mean, standardDeviation);
        }
    }

    /// <summary><c>torch.rand(count)</c>: float32 uniforms in [0, 1), multiples of 2⁻²⁴.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <returns>The values in order.</returns>
    public float[] Rand(long count)
    {
        var values = new float[Draws.Length(count)];
        FillRand(values);
        return values;
    }

    /// <summary><c>torch.rand(count, dtype=torch.float64)</c>: uniforms in [0, 1), multiples of 2⁻⁵³.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <returns>The values in order.</returns>
    public double[] RandDouble(long count)
    {
        var values = new double[Draws.Length(count)];
        FillRandDouble(values);
        return values;
    }

    /// <summary>As <see cref="Rand"/>, into memory that the caller owns.</summary>
    /// <param name="destination">Receives one value each.</param>
    public void FillRand(Span<float> destination)
    {
        foreach (ref var value in destination) value = NextFloat();
    }

    /// <summary>As <see cref="RandDouble"/>, into memory that the caller owns.</summary>
    /// <param name="destination">Receives one value each.</param>
    public void FillRandDouble(Span<double> destination)
    {
        foreach (ref var value in destination) value = NextDouble();
    }

    /// <summary><c>torch.rand(n, dtype=torch.float16)</c>: multiples of 2⁻¹¹, into memory that the caller owns.</summary>
    /// <param name="destination">Receives one value each.</param>
    public void FillRandHalf(Span<Half> destination)
    {
        foreach (ref var value in destination) value = (Half)((_engine.NextUInt32() & 0x7ff) * (1f / 0x800));
    }

    /// <summary><c>tensor.uniform_(from, to)</c> in float32.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <param name="from">The lower bound, inclusive.</param>
    /// <param name="to">The upper bound, not less than <paramref name="from"/>.</param>
    /// <returns>The values in order.</returns>
    public float[] Uniform(long count, double from, double to)
    {
        var (low, high) = ((float)from, (float)to);
        if (!(low <= high) || !float.IsFinite(high - low))
            throw new ArgumentException($"Uniform: got from {from} to {to}, expected two finite numbers in ascending order.", nameof(to));
        var values = new float[Draws.Length(count)];
        foreach (ref var value in values.AsSpan()) value = MathF.FusedMultiplyAdd(NextFloat(), high - low, low);
        return values;
    }

    /// <summary><c>torch.randint(low, high, (count,))</c>.</summary>
    /// <param name="low">The smallest value.</param>
    /// <param name="high">One more than the largest value.</param>
    /// <param name="count">How many, 0 or more.</param>
    /// <returns>The values in order.</returns>
    public long[] RandInt(long low, long high, long count)
    {
        if (low >= high) throw new ArgumentException($"RandInt: got [{low}, {high}), expected low below high.", nameof(high));
        var values = new long[Draws.Length(count)];
        // The difference may not fit into a signed 64-bit number; it always fits into an unsigned one.
        var range = unchecked((ulong)high - (ulong)low);
        foreach (ref var value in values.AsSpan())
            value = unchecked((long)(range >> 32 != 0 ? _engine.NextUInt64() % range : _engine.NextUInt32() % range) + low);
        return values;
    }

    /// <summary><c>torch.randperm(count)</c>: a permutation of 0 … count − 1 (Fisher-Yates from the front).</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <returns>The permutation.</returns>
    public long[] RandPerm(long count)
    {
        var values = new long[Draws.Length(count)];
        for (var i = 0; i < values.Length; i++) values[i] = i;
        for (var i = 0; i < values.Length - 1; i++)
        {
            var other = i + (int)(_engine.NextUInt32() % (uint)(values.Length - i));
            (values[i], values[other]) = (values[other], values[i]);
        }
        return values;
    }

    /// <summary><c>tensor.exponential_(rate)</c> in float32.</summary>
    /// <param name="count">How many, 0 or more.</param>
    /// <param name="rate">The rate λ, above 0.</param>
    /// <returns>The values in order.</returns>
    public float[] Exponential(long count, double rate = 1)
    {
        if (!(rate > 0)) throw new ArgumentOutOfRangeException(nameof(rate), rate, "Exponential: the rate must be above 0.");
        var values = new float[Draws.Length(count)];
        foreach (ref var value in values.AsSpan()) value = (float)(-1 / rate * Draws.LogOnePlus(-NextDouble()));
        return values;
    }

    /// <summary>
    /// <c>torch.multinomial(probabilities, 1)</c>: one category for each row, drawn by dividing the row by exponentials and taking the
    /// largest quotient.
    /// </summary>
    /// <param name="probabilities">The rows one after another; weights of 0 or more that need not add up to 1.</param>
    /// <param name="categories">The length of a row, 1 or more.</param>
    /// <returns>The index of the drawn category, one for each row.</returns>
    /// <exception cref="ArgumentException">The values are no whole number of rows, or a row holds a negative, infinite or NaN weight or no
    /// positive one.</exception>
    public long[] Multinomial(ReadOnlySpan<float> probabilities, int categories)
    {
        Draws.CheckWeights(probabilities, categories);
        var divisors = Exponential(probabilities.Length);
        var drawn = new long[probabilities.Length / categories];
        for (var row = 0; row < drawn.Length; row++)
        {
            var start = row * categories;
            var best = 0;
            var largest = float.NegativeInfinity;
            for (var i = 0; i < categories; i++)
            {
                var quotient = probabilities[start + i] / divisors[start + i];
                if (quotient > largest) (best, largest) = (i, quotient);
            }
            drawn[row] = best;
        }
        return drawn;
    }

    private static void CheckDeviation(double standardDeviation)
    {
        if (!(standardDeviation >= 0))
            throw new ArgumentOutOfRangeException(
                nameof(standardDeviation), standardDeviation, "Normal: the standard deviation must be 0 or more.");
    }

    private float NextFloat() => (_engine.NextUInt32() & 0xffffff) * (1f / 0x1000000);

    private double NextDouble() => (_engine.NextUInt64() & 0x1fffffffffffff) * (1.0 / 0x20000000000000);

    // Box-Muller in float64, whatever the element type: the pair's sine waits in the generator for the next small draw.
    private double NextNormal(double mean, double standardDeviation)
    {
        double normal;
        if (_cachedNormal is { } cached)
        {
            normal = cached;
            _cachedNormal = null;
        }
        else
        {
            var u1 = NextDouble();
            var u2 = NextDouble();
            var radius = Math.Sqrt(-2 * Draws.LogOnePlus(-u2));
            var (sine, cosine) = Math.SinCos(2 * Math.PI * u1);
            _cachedNormal = radius * sine;
            normal = radius * cosine;
        }
        return normal * standardDeviation + mean;
    }
}
