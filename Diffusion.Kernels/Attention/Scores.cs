using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Softmax of scores that are known to lie within ±<see cref="Bound"/>, in units of ln 2: 2^score can neither overflow nor vanish, so
/// nothing has to be subtracted first. Shifting all scores of a row changes no softmax, so the result is the same.
/// </summary>
internal static unsafe class Scores
{
    /// <summary>The largest absolute score: e^41 to 1 between the largest and a score of 0.</summary>
    public const float Bound = 60;

    // Far from underflow: the weights that matter times values down to 1e-28 are normal numbers.
    private const float LeastTotal = 1f / (1 << 24);

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
    /// Turns rows of scores into weights 2^score and adds up each row's. A row has room for a multiple of 16 scores; those after the last become
    /// next to nothing.
    /// </summary>
    /// <param name="scores">The first row.</param>
    /// <param name="step">Floats from row to row.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="count">Scores in a row.</param>
    /// <param name="totals">A sum for each row, added to what is there.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Powers(float* scores, nint step, int rows, int count, float* totals)
    {
        if (MicroKernel.IsWide)
            WidePowers(scores, step, rows, count, totals);
        else
            NarrowPowers(scores, step, rows, count, totals);
    }

    /// <summary><see cref="Powers"/> by vectors of 256 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void NarrowPowers(float* scores, nint step, int rows, int count, float* totals)
    {
        // All constants stay in registers over all rows: other processes on the core leave few instructions and loads a cycle.
        var power = PowerOfTwo.Load();
        int whole = count & ~7;
        // As in WidePowers.
        var rest = Vector256.LessThan(Vector256.CreateSequence(0, 1), Vector256.Create(count - whole)).AsSingle();
        for (int i = 0; i < rows; i++, scores += step)
        {
            var sum0 = Vector256<float>.Zero;
            var sum1 = Vector256<float>.Zero;
            float* next = scores, end = scores + whole;
            for (; next + 16 <= end; next += 16)
            {
                var e0 = power.Of(Vector256.Load(next));
                var e1 = power.Of(Vector256.Load(next + 8));
                e0.Store(next);
                e1.Store(next + 8);
                sum0 += e0;
                sum1 += e1;
            }
            bool odd = next < end;
            if (odd)
            {
                var e = power.Of(Vector256.Load(next));
                e.Store(next);
                sum0 += e;
                next += 8;
            }
            if (whole < count)
            {
                var e = power.Of(Vector256.ConditionalSelect(rest, Vector256.Load(next), Vector256.Create(-126f)));
                e.Store(next);
                if (odd)
                    sum1 += e;
                else
                    sum0 += e;
            }
            totals[i] += Vector256.Sum(sum0 + sum1);
        }
    }

    /// <summary><see cref="Powers"/> by vectors of 512 bits: the same sums, as those after the last score don't show in them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WidePowers(float* scores, nint step, int rows, int count, float* totals)
    {
        var power = PowerOfTwoWide.Load();
        // Lanes of the last vector that aren't there are replaced in the register: a load right after stores to a part of it would wait for them.
        int whole = count & ~15;
        var rest = Vector512.LessThan(Vector512.CreateSequence(0, 1), Vector512.Create(count - whole)).AsSingle();
        for (int i = 0; i < rows; i++, scores += step)
        {
            var sum = Vector512<float>.Zero;
            float* next = scores;
            for (float* end = scores + whole; next < end; next += 16)
            {
                var e = power.Of(Vector512.Load(next));
                e.Store(next);
                sum += e;
            }
            if (whole < count)
            {
                var e = power.Of(Vector512.ConditionalSelect(rest, Vector512.Load(next), Vector512.Create(-126f)));
                e.Store(next);
                sum += e;
            }
            totals[i] += Vector256.Sum(sum.GetLower() + sum.GetUpper());
        }
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
}
