using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Softmax over keys that come block by block: each row keeps the largest score and the sum of weights so far. Scores are in
/// units of ln 2, so that weights are powers of two.
/// </summary>
internal static unsafe class OnlineSoftmax
{
    /// <summary>
    /// Turns a row of scores into weights 2^(score − largest) and brings the row's state up to date. The row has room for a multiple
    /// of 16 scores; those after the last become 0.
    /// </summary>
    /// <returns>The factor for what was summed before.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Update(float* scores, int count, ref float largest, ref float total)
    {
        int padded = (count + 15) & ~15;
        for (int j = count; j < padded; j++)
            scores[j] = float.NegativeInfinity;
        float before = largest, now = MathF.Max(before, Largest(scores, padded));
        if (float.IsNegativeInfinity(now))
        {
            // Nothing visible so far.
            new Span<float>(scores, padded).Clear();
            return 1;
        }
        var power = PowerOfTwo.Load();
        var offset = Vector256.Create(now);
        var sum0 = Vector256<float>.Zero;
        var sum1 = Vector256<float>.Zero;
        for (int i = 0; i < padded; i += 16)
        {
            var e0 = power.OrZero(Vector256.Load(scores + i) - offset);
            var e1 = power.OrZero(Vector256.Load(scores + i + 8) - offset);
            e0.Store(scores + i);
            e1.Store(scores + i + 8);
            sum0 += e0;
            sum1 += e1;
        }
        float sum = Vector256.Sum(sum0 + sum1);
        float factor = power.OrZero(Vector256.Create(before - now)).ToScalar();
        largest = now;
        total = total * factor + sum;
        return factor;
    }

    /// <summary>scores += mask·factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddMask(float* scores, float* mask, int count, float factor)
    {
        int i = 0;
        for (; i + 8 <= count; i += 8)
            Vector256.MultiplyAddEstimate(Vector256.Load(mask + i), Vector256.Create(factor), Vector256.Load(scores + i)).Store(scores + i);
        for (; i < count; i++)
            scores[i] += mask[i] * factor;
    }

    /// <summary>target = source·factor; may be in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(float* source, float factor, float* target, int count)
    {
        int i = 0;
        for (; i + 8 <= count; i += 8)
            (Vector256.Load(source + i) * factor).Store(target + i);
        for (; i < count; i++)
            target[i] = source[i] * factor;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Largest(float* scores, int count)
    {
        var v0 = Vector256.Create(float.NegativeInfinity);
        var v1 = v0;
        var v2 = v0;
        var v3 = v0;
        int i = 0;
        for (; i + 32 <= count; i += 32)
        {
            v0 = Vector256.MaxNative(v0, Vector256.Load(scores + i));
            v1 = Vector256.MaxNative(v1, Vector256.Load(scores + i + 8));
            v2 = Vector256.MaxNative(v2, Vector256.Load(scores + i + 16));
            v3 = Vector256.MaxNative(v3, Vector256.Load(scores + i + 24));
        }
        for (; i < count; i += 8)
            v0 = Vector256.MaxNative(v0, Vector256.Load(scores + i));
        v0 = Vector256.MaxNative(Vector256.MaxNative(v0, v1), Vector256.MaxNative(v2, v3));
        var half = Vector128.MaxNative(v0.GetLower(), v0.GetUpper());
        return MathF.Max(MathF.Max(half[0], half[1]), MathF.Max(half[2], half[3]));
    }
}
