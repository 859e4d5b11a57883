using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Softmax of scores that are known to lie within ±<see cref="Bound"/>, in units of ln 2: 2^score can neither overflow nor vanish, so
/// nothing has to be subtracted first. Shifting all scores of a row changes no softmax, so the result is the same.
/// </summary>
internal static unsafe class Scores
{
    /// <summary>The largest absolute score: e^41 to 1 between the largest and a score of 0.</summary>
    public const float Bound = 60;

    private const int Unit = 32;

    // Far from underflow: the weights that matter times values down to 1e-28 are normal numbers.
    private const float LeastTotal = 1f / (1 << 24);

    /// <summary>Multiplies a packed panel [depth][16] of keys by a factor.</summary>
    /// <returns>The largest squared length of a key; NaN where there is NaN.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float ScaleKeys(float* panel, float factor, int depth)
    {
        var sum0 = Vector256<float>.Zero;
        var sum1 = Vector256<float>.Zero;
        for (int i = 0; i < depth; i++, panel += MicroKernel.Width)
        {
            var v0 = Vector256.Load(panel) * factor;
            var v1 = Vector256.Load(panel + 8) * factor;
            v0.Store(panel);
            v1.Store(panel + 8);
            sum0 = Vector256.MultiplyAddEstimate(v0, v0, sum0);
            sum1 = Vector256.MultiplyAddEstimate(v1, v1, sum1);
        }
        return Largest(Vector256.Max(sum0, sum1));
    }

    /// <summary>Sixteen keys as they lie into a panel [depth][16], multiplied by a factor.</summary>
    /// <param name="keys">The first key.</param>
    /// <param name="stride">Floats from key to key.</param>
    /// <param name="factor">The factor.</param>
    /// <param name="depth">Multiple of four.</param>
    /// <param name="panel">The panel.</param>
    /// <returns>The largest squared length of a key; NaN where there is NaN.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float PackKeys(float* keys, nint stride, float factor, nint depth, float* panel)
    {
        float largest = 0;
        for (int half = 0; half < MicroKernel.Width; half += 8, keys += 8 * stride)
        {
            float* r1 = keys + stride, r2 = r1 + stride, r3 = r2 + stride, r4 = r3 + stride, r5 = r4 + stride, r6 = r5 + stride, r7 = r6 + stride;
            float* target = panel + half;
            var sum = Vector256<float>.Zero;
            for (nint k = 0; k < depth; k += 4, target += 4 * MicroKernel.Width)
            {
                var v0 = Vector256.Create(Vector128.Load(keys + k), Vector128.Load(r4 + k));
                var v1 = Vector256.Create(Vector128.Load(r1 + k), Vector128.Load(r5 + k));
                var v2 = Vector256.Create(Vector128.Load(r2 + k), Vector128.Load(r6 + k));
                var v3 = Vector256.Create(Vector128.Load(r3 + k), Vector128.Load(r7 + k));
                var t0 = Avx.UnpackLow(v0, v1).AsDouble();
                var t1 = Avx.UnpackHigh(v0, v1).AsDouble();
                var t2 = Avx.UnpackLow(v2, v3).AsDouble();
                var t3 = Avx.UnpackHigh(v2, v3).AsDouble();
                v0 = Avx.UnpackLow(t0, t2).AsSingle() * factor;
                v1 = Avx.UnpackHigh(t0, t2).AsSingle() * factor;
                v2 = Avx.UnpackLow(t1, t3).AsSingle() * factor;
                v3 = Avx.UnpackHigh(t1, t3).AsSingle() * factor;
                v0.Store(target);
                v1.Store(target + MicroKernel.Width);
                v2.Store(target + 2 * MicroKernel.Width);
                v3.Store(target + 3 * MicroKernel.Width);
                sum = Vector256.MultiplyAddEstimate(v0, v0, sum);
                sum = Vector256.MultiplyAddEstimate(v1, v1, sum);
                sum = Vector256.MultiplyAddEstimate(v2, v2, sum);
                sum = Vector256.MultiplyAddEstimate(v3, v3, sum);
            }
            largest = MathF.Max(largest, Largest(sum));
        }
        return largest;
    }

    /// <summary>The squared lengths of six rows packed as [depth][6]; NaN where there is NaN.</summary>
    /// <param name="tile">The rows.</param>
    /// <param name="depth">Multiple of four: four depths of six rows are three vectors.</param>
    /// <param name="lengths">Six results.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SquaredLengths(float* tile, int depth, float* lengths)
    {
        Vector256<float> sum0, sum1, sum2;
        sum0 = sum1 = sum2 = Vector256<float>.Zero;
        for (int i = 0; i < depth; i += 4, tile += 4 * MicroKernel.Rows)
        {
            Vector256<float> v0 = Vector256.Load(tile), v1 = Vector256.Load(tile + 8), v2 = Vector256.Load(tile + 16);
            sum0 = Vector256.MultiplyAddEstimate(v0, v0, sum0);
            sum1 = Vector256.MultiplyAddEstimate(v1, v1, sum1);
            sum2 = Vector256.MultiplyAddEstimate(v2, v2, sum2);
        }
        float* sums = stackalloc float[4 * MicroKernel.Rows];
        sum0.Store(sums);
        sum1.Store(sums + 8);
        sum2.Store(sums + 16);
        for (int i = 0; i < MicroKernel.Rows; i++)
            lengths[i] = (sums[i] + sums[i + 6]) + (sums[i + 12] + sums[i + 18]);
    }

    /// <summary>
    /// Turns a row of scores into weights 2^score. The row has room for a multiple of 8 scores; those after the last become
    /// next to nothing.
    /// </summary>
    /// <returns>The sum of the weights.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Powers(float* scores, int count)
    {
        int padded = (count + 7) & ~7, i = 0;
        for (int j = count; j < padded; j++)
            scores[j] = -126;
        var sum0 = Vector256<float>.Zero;
        var sum1 = Vector256<float>.Zero;
        // Four vectors a round: the constants are loaded once for all.
        for (; i + Unit <= padded; i += Unit)
        {
            var e0 = OnlineSoftmax.NormalPower(Vector256.Load(scores + i));
            var e1 = OnlineSoftmax.NormalPower(Vector256.Load(scores + i + 8));
            e0.Store(scores + i);
            e1.Store(scores + i + 8);
            sum0 += e0;
            sum1 += e1;
            e0 = OnlineSoftmax.NormalPower(Vector256.Load(scores + i + 16));
            e1 = OnlineSoftmax.NormalPower(Vector256.Load(scores + i + 24));
            e0.Store(scores + i + 16);
            e1.Store(scores + i + 24);
            sum0 += e0;
            sum1 += e1;
        }
        for (; i < padded; i += 8)
        {
            var e = OnlineSoftmax.NormalPower(Vector256.Load(scores + i));
            e.Store(scores + i);
            sum0 += e;
        }
        return Vector256.Sum(sum0 + sum1);
    }

    /// <summary>
    /// target = source/total; may be in place. False where the total is tiny (all scores of the row far below 0) or the result isn't
    /// finite (values that overflow once multiplied): there the online softmax has to do the work.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool Divide(float* source, float total, float* target, int count)
    {
        if (!(total >= LeastTotal))
            return false;
        float factor = 1 / total;
        // 0·x is 0 for finite x only.
        var check = Vector256<float>.Zero;
        int i = 0;
        for (; i + 8 <= count; i += 8)
        {
            var v = Vector256.Load(source + i);
            check = Vector256.MultiplyAddEstimate(v, Vector256<float>.Zero, check);
            (v * factor).Store(target + i);
        }
        float rest = 0;
        for (; i < count; i++)
        {
            rest += source[i] * 0;
            target[i] = source[i] * factor;
        }
        return rest == 0 && Vector256.EqualsAll(check, Vector256<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(Vector256<float> values)
    {
        var half = Vector128.Max(values.GetLower(), values.GetUpper());
        return MathF.Max(MathF.Max(half[0], half[1]), MathF.Max(half[2], half[3]));
    }
}
