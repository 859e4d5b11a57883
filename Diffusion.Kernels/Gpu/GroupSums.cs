using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// Combines one number of each thread of a group, through shared memory: warp and group functions aren't to be had on every OpenCL
/// device. All threads must call it; the group's size is a power of two, at most <see cref="MaxThreads"/>.
/// <para>
/// ILGPU moves a read of shared memory to where its value is used, also past a barrier. A result must therefore stay where it is until the
/// last use: two calls in a row take different places in the shared memory, and a third may take the first one's only
/// when that one's result isn't used any more.
/// </para>
/// </summary>
internal static class GroupSums
{
    /// <summary>Threads of the largest group, and the numbers that one call's place has.</summary>
    public const int MaxThreads = 256;

    /// <summary>The sum, in every thread.</summary>
    /// <param name="shared">Shared memory of several places.</param>
    /// <param name="place">Which of them.</param>
    /// <param name="value">This thread's number.</param>
    public static float Sum(ArrayView<float> shared, int place, float value)
    {
        int first = place * MaxThreads, t = first + Group.IdxX;
        shared[t] = value;
        Group.Barrier();
        for (int step = Group.DimX / 2; step > 0; step /= 2)
        {
            if (t < first + step)
                shared[t] = shared[t] + shared[t + step];
            Group.Barrier();
        }
        return shared[first];
    }

    /// <summary>The largest (NaN if any is), in every thread; see <see cref="Sum(ArrayView{float}, int, float)"/>.</summary>
    public static float Maximum(ArrayView<float> shared, int place, float value)
    {
        int first = place * MaxThreads, t = first + Group.IdxX;
        shared[t] = value;
        Group.Barrier();
        for (int step = Group.DimX / 2; step > 0; step /= 2)
        {
            if (t < first + step)
                shared[t] = DeviceMath.Maximum(shared[t], shared[t + step]);
            Group.Barrier();
        }
        return shared[first];
    }

    /// <summary>The sum of counts, in every thread; see <see cref="Sum(ArrayView{float}, int, float)"/>.</summary>
    public static int Sum(ArrayView<int> shared, int place, int value)
    {
        int first = place * MaxThreads, t = first + Group.IdxX;
        shared[t] = value;
        Group.Barrier();
        for (int step = Group.DimX / 2; step > 0; step /= 2)
        {
            if (t < first + step)
                shared[t] = shared[t] + shared[t + step];
            Group.Barrier();
        }
        return shared[first];
    }
}

/// <summary>A sum that keeps what rounding loses (Kahan 1965), so that its error doesn't grow with the length.</summary>
internal struct CarefulSum
{
    /// <summary>The sum so far.</summary>
    public float Value;

    private float lost;

    /// <summary>With one more number.</summary>
    public readonly CarefulSum Plus(float number)
    {
        float corrected = number - lost, sum = Value + corrected;
        float rounding = sum - Value - corrected;
        // Once the sum is infinite, nothing is lost that could be added back.
        return new CarefulSum { Value = sum, lost = DeviceMath.IsNaN(rounding) ? 0f : rounding };
    }
}

/// <summary>A product that keeps what rounding loses (Ogita, Rump and Oishi 2005).</summary>
internal struct CarefulProduct
{
    private float value;
    private float error;

    /// <summary>The product of no numbers.</summary>
    public static CarefulProduct One => new() { value = 1f };

    /// <summary>The product so far.</summary>
    public readonly float Value => value + error;

    /// <summary>With one more factor.</summary>
    public readonly CarefulProduct Times(float factor)
    {
        float product = value * factor, magnitude = product < 0f ? -product : product;
        // Splitting a number near either end of the range would overflow or lose its low half.
        if (!(magnitude > 1e-20f && magnitude < 1e20f && value < 1e20f && value > -1e20f && factor < 1e20f && factor > -1e20f))
            return new CarefulProduct { value = product };
        float high = High(value), low = value - high, otherHigh = High(factor), otherLow = factor - otherHigh;
        float lost = low * otherLow - (product - high * otherHigh - low * otherHigh - high * otherLow);
        return new CarefulProduct { value = product, error = error * factor + lost };
    }

    // The upper 12 bits (Dekker 1971); products of halves are exact.
    private static float High(float number)
    {
        float scaled = 4097f * number;
        return scaled - (scaled - number);
    }
}
