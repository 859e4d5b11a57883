using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Combinations of a dense row of float32. Sums run in float32 over short blocks, and in float64 over the blocks.</summary>
internal static unsafe class CpuSums
{
    private const int Block = 1024;

    /// <summary>Σ x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Sum(float* x, long n)
    {
        double total = 0;
        int width = Vector<float>.Count;
        for (long start = 0; start < n; start += Block)
        {
            int length = (int)Math.Min(Block, n - start), i = 0;
            float* p = x + start;
            Vector<float> a = default, b = default, c = default, d = default;
            for (; i <= length - 4 * width; i += 4 * width)
            {
                a += Vector.Load(p + i);
                b += Vector.Load(p + i + width);
                c += Vector.Load(p + i + 2 * width);
                d += Vector.Load(p + i + 3 * width);
            }
            float rest = 0;
            for (; i < length; i++)
                rest += p[i];
            total += (double)Vector.Sum((a + b) + (c + d)) + rest;
        }
        return total;
    }

    /// <summary>Σ (x − shift)².</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double SumOfSquares(float* x, float shift, long n)
    {
        double total = 0;
        int width = Vector<float>.Count;
        var s = new Vector<float>(shift);
        for (long start = 0; start < n; start += Block)
        {
            int length = (int)Math.Min(Block, n - start), i = 0;
            float* p = x + start;
            Vector<float> a = default, b = default;
            for (; i <= length - 2 * width; i += 2 * width)
            {
                var u = Vector.Load(p + i) - s;
                var v = Vector.Load(p + i + width) - s;
                a = VectorMath.Fma(u, u, a);
                b = VectorMath.Fma(v, v, b);
            }
            float rest = 0;
            for (; i < length; i++)
                rest += (p[i] - shift) * (p[i] - shift);
            total += (double)Vector.Sum(a + b) + rest;
        }
        return total;
    }

    /// <summary>Largest; NaN if any is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Maximum(float* x, long n)
    {
        var best = new Vector<float>(float.NegativeInfinity);
        long i = 0;
        for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
            best = Vector.Max(best, Vector.Load(x + i));
        float value = float.NegativeInfinity;
        for (int lane = 0; lane < Vector<float>.Count; lane++)
            value = MathF.Max(value, best[lane]);
        for (; i < n; i++)
            value = MathF.Max(value, x[i]);
        return value;
    }

    /// <summary>Smallest; NaN if any is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Minimum(float* x, long n)
    {
        var best = new Vector<float>(float.PositiveInfinity);
        long i = 0;
        for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
            best = Vector.Min(best, Vector.Load(x + i));
        float value = float.PositiveInfinity;
        for (int lane = 0; lane < Vector<float>.Count; lane++)
            value = MathF.Min(value, best[lane]);
        for (; i < n; i++)
            value = MathF.Min(value, x[i]);
        return value;
    }

    /// <summary>Π x, in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Product(float* x, long n)
    {
        double product = 1;
        for (long i = 0; i < n; i++)
            product *= x[i];
        return product;
    }

    /// <summary>target = e^(x − shift); gives their sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double ExpSum(float* x, float shift, float* target, long n)
    {
        double total = 0;
        var s = new Vector<float>(shift);
        for (long start = 0; start < n; start += Block)
        {
            int length = (int)Math.Min(Block, n - start), i = 0;
            float* p = x + start, t = target + start;
            Vector<float> sum = default;
            for (; i <= length - Vector<float>.Count; i += Vector<float>.Count)
            {
                var e = VectorMath.Exp(Vector.Load(p + i) - s);
                Vector.Store(e, t + i);
                sum += e;
            }
            float rest = 0;
            if (i < length)
            {
                Tail.Store(t + i, VectorMath.Exp(Tail.Load(p + i, length - i) - s), length - i);
                for (; i < length; i++)
                    rest += t[i];
            }
            total += (double)Vector.Sum(sum) + rest;
        }
        return total;
    }

    /// <summary>target = x·factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(float* x, float factor, float* target, long n)
    {
        var f = new Vector<float>(factor);
        long i = 0;
        for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
            Vector.Store(Vector.Load(x + i) * f, target + i);
        for (; i < n; i++)
            target[i] = x[i] * factor;
    }
}
