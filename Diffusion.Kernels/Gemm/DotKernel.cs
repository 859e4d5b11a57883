using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Sums along dense rows on both sides, without packing: for a few rows against weights that are read once. Vectors of partial
/// sums stay in memory between calls, so that a sum may run over several pieces.
/// </summary>
internal static unsafe class DotKernel
{
    /// <summary>Columns of one call.</summary>
    public const int Columns = 4;

    /// <summary>Adds the products of one row with four others to four vectors of sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add1x4(float* x, float** w, nint count, Vector<float>* sums)
    {
        float* w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
        Vector<float> s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
        Vector<float> t0 = Vector<float>.Zero, t1 = t0, t2 = t0, t3 = t0;
        nint width = Vector<float>.Count, k = 0;
        for (; k <= count - 2 * width; k += 2 * width)
        {
            var a = Vector.Load(x + k);
            var b = Vector.Load(x + k + width);
            s0 = Vector.MultiplyAddEstimate(a, Vector.Load(w0 + k), s0);
            t0 = Vector.MultiplyAddEstimate(b, Vector.Load(w0 + k + width), t0);
            s1 = Vector.MultiplyAddEstimate(a, Vector.Load(w1 + k), s1);
            t1 = Vector.MultiplyAddEstimate(b, Vector.Load(w1 + k + width), t1);
            s2 = Vector.MultiplyAddEstimate(a, Vector.Load(w2 + k), s2);
            t2 = Vector.MultiplyAddEstimate(b, Vector.Load(w2 + k + width), t2);
            s3 = Vector.MultiplyAddEstimate(a, Vector.Load(w3 + k), s3);
            t3 = Vector.MultiplyAddEstimate(b, Vector.Load(w3 + k + width), t3);
        }
        sums[0] = s0 + t0;
        sums[1] = s1 + t1;
        sums[2] = s2 + t2;
        sums[3] = s3 + t3;
        AddTail(x, w, k, count, sums);
    }

    /// <summary>Adds the products of three rows with four others to twelve vectors of sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add3x4(float** x, float** w, nint count, Vector<float>* sums)
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
        Vector<float> s00 = sums[0], s01 = sums[1], s02 = sums[2], s03 = sums[3];
        Vector<float> s10 = sums[4], s11 = sums[5], s12 = sums[6], s13 = sums[7];
        Vector<float> s20 = sums[8], s21 = sums[9], s22 = sums[10], s23 = sums[11];
        nint width = Vector<float>.Count, k = 0;
        for (; k <= count - width; k += width)
        {
            var a0 = Vector.Load(x0 + k);
            var a1 = Vector.Load(x1 + k);
            var a2 = Vector.Load(x2 + k);
            var b = Vector.Load(w0 + k);
            s00 = Vector.MultiplyAddEstimate(a0, b, s00);
            s10 = Vector.MultiplyAddEstimate(a1, b, s10);
            s20 = Vector.MultiplyAddEstimate(a2, b, s20);
            b = Vector.Load(w1 + k);
            s01 = Vector.MultiplyAddEstimate(a0, b, s01);
            s11 = Vector.MultiplyAddEstimate(a1, b, s11);
            s21 = Vector.MultiplyAddEstimate(a2, b, s21);
            b = Vector.Load(w2 + k);
            s02 = Vector.MultiplyAddEstimate(a0, b, s02);
            s12 = Vector.MultiplyAddEstimate(a1, b, s12);
            s22 = Vector.MultiplyAddEstimate(a2, b, s22);
            b = Vector.Load(w3 + k);
            s03 = Vector.MultiplyAddEstimate(a0, b, s03);
            s13 = Vector.MultiplyAddEstimate(a1, b, s13);
            s23 = Vector.MultiplyAddEstimate(a2, b, s23);
        }
        sums[0] = s00;
        sums[1] = s01;
        sums[2] = s02;
        sums[3] = s03;
        sums[4] = s10;
        sums[5] = s11;
        sums[6] = s12;
        sums[7] = s13;
        sums[8] = s20;
        sums[9] = s21;
        sums[10] = s22;
        sums[11] = s23;
        for (int i = 0; i < 3; i++)
            AddTail(x[i], w, k, count, sums + 4 * i);
    }

    /// <summary>Four sums from four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Reduce(Vector<float>* sums, float* target, int columns)
    {
        for (int j = 0; j < columns; j++)
            target[j] = Vector.Sum(sums[j]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddTail(float* x, float** w, nint from, nint count, Vector<float>* sums)
    {
        nint width = Vector<float>.Count;
        for (nint k = from; k < count; k += width)
        {
            nint n = Math.Min(width, count - k);
            var a = Tail.Load(x + k, n);
            for (int j = 0; j < Columns; j++)
                sums[j] = Vector.MultiplyAddEstimate(a, Tail.Load(w[j] + k, n), sums[j]);
        }
    }
}
