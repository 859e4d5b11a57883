using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>Adds products of neighbouring 16-bit integers to 32-bit sums.</summary>
internal interface IPairSum
{
    /// <summary>sums[i] + x[2i]·y[2i] + x[2i+1]·y[2i+1].</summary>
    static abstract Vector256<int> Add(Vector256<int> sums, Vector256<short> x, Vector256<short> y);
}

/// <summary>A product and a sum (AVX2).</summary>
internal readonly struct Avx2PairSum : IPairSum
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sums, Vector256<short> x, Vector256<short> y) => sums + Avx2.MultiplyAddAdjacent(x, y);
}

/// <summary>One instruction (VNNI).</summary>
internal readonly struct VnniPairSum : IPairSum
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sums, Vector256<short> x, Vector256<short> y) => AvxVnni.MultiplyWideningAndAdd(sums, x, y);
}

/// <summary>Products of integers with exact sums.</summary>
internal static unsafe class IntegerDot
{
    /// <summary>Packed depths are multiples of this.</summary>
    public const int DepthUnit = 8;

    /// <summary>Which instructions are used.</summary>
    public static string Instructions => AvxVnni.IsSupported ? "vnni" : Avx2.IsSupported ? "avx2" : "portable";

    /// <summary>The depth that packed operands have.</summary>
    public static int PadDepth(int depth) => (depth + DepthUnit - 1) / DepthUnit * DepthUnit;

    /// <summary>C[6,16] = (A·B)·row scale·column scale + bias + start.</summary>
    /// <param name="a">[depth/2][6][2].</param>
    /// <param name="b">[depth/2][16][2].</param>
    /// <param name="depth">Multiple of <see cref="DepthUnit"/>.</param>
    /// <param name="c">First result.</param>
    /// <param name="stride">Floats between rows of results.</param>
    /// <param name="rowScales">Six.</param>
    /// <param name="columnScales">Sixteen.</param>
    /// <param name="start">What to add to each element, or null.</param>
    /// <param name="startStride">Floats between its rows.</param>
    /// <param name="bias">Sixteen values to add to each row, or null.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Packed(short* a, short* b, nint depth, float* c, nint stride, float* rowScales, float* columnScales, float* start, nint startStride, float* bias)
    {
        if (AvxVnni.IsSupported)
            IntegerDotX86.Packed6x16<VnniPairSum>(a, b, depth, c, stride, rowScales, columnScales, start, startStride, bias);
        else if (Avx2.IsSupported)
            IntegerDotX86.Packed6x16<Avx2PairSum>(a, b, depth, c, stride, rowScales, columnScales, start, startStride, bias);
        else
            PackedPortable(a, b, depth, c, stride, rowScales, columnScales, start, startStride, bias);
    }

    /// <summary>Σ x·y over any length.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Sum(short* x, short* y, nint n)
    {
        if (AvxVnni.IsSupported)
            return IntegerDotX86.Sum<VnniPairSum>(x, y, n);
        return Avx2.IsSupported ? IntegerDotX86.Sum<Avx2PairSum>(x, y, n) : SumPortable(x, y, n);
    }

    /// <summary>The same as <see cref="Packed"/> without x86 instructions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackedPortable(short* a, short* b, nint depth, float* c, nint stride, float* rowScales, float* columnScales, float* start, nint startStride, float* bias)
    {
        for (int j = 0; j < MicroKernel.Width; j += Vector<int>.Count)
        {
            Vector<int> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
            int* pairs = (int*)b + j;
            short* x = a;
            for (nint k = 0; k < depth; k += 2, pairs += MicroKernel.Width, x += 2 * MicroKernel.Rows)
            {
                var both = Vector.Load(pairs);
                var even = Vector.ShiftRightArithmetic(Vector.ShiftLeft(both, 16), 16);
                var odd = Vector.ShiftRightArithmetic(both, 16);
                s0 += even * x[0] + odd * x[1];
                s1 += even * x[2] + odd * x[3];
                s2 += even * x[4] + odd * x[5];
                s3 += even * x[6] + odd * x[7];
                s4 += even * x[8] + odd * x[9];
                s5 += even * x[10] + odd * x[11];
            }
            var scales = Vector.Load(columnScales + j);
            var add = bias == null ? Vector<float>.Zero : Vector.Load(bias + j);
            float* target = c + j, from = start == null ? null : start + j;
            Finish(target, Vector.ConvertToSingle(s0) * (scales * rowScales[0]) + add, from, 0 * startStride);
            Finish(target + stride, Vector.ConvertToSingle(s1) * (scales * rowScales[1]) + add, from, 1 * startStride);
            Finish(target + 2 * stride, Vector.ConvertToSingle(s2) * (scales * rowScales[2]) + add, from, 2 * startStride);
            Finish(target + 3 * stride, Vector.ConvertToSingle(s3) * (scales * rowScales[3]) + add, from, 3 * startStride);
            Finish(target + 4 * stride, Vector.ConvertToSingle(s4) * (scales * rowScales[4]) + add, from, 4 * startStride);
            Finish(target + 5 * stride, Vector.ConvertToSingle(s5) * (scales * rowScales[5]) + add, from, 5 * startStride);
        }
    }

    /// <summary>The same as <see cref="Sum"/> without x86 instructions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int SumPortable(short* x, short* y, nint n)
    {
        var sums = Vector<int>.Zero;
        nint i = 0;
        for (; i <= n - Vector<short>.Count; i += Vector<short>.Count)
        {
            Vector.Widen(Vector.Load(x + i), out var x0, out var x1);
            Vector.Widen(Vector.Load(y + i), out var y0, out var y1);
            sums += x0 * y0 + x1 * y1;
        }
        int sum = Vector.Sum(sums);
        for (; i < n; i++)
            sum += x[i] * y[i];
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(float* target, Vector<float> value, float* start, nint offset) =>
        Vector.Store(start == null ? value : value + Vector.Load(start + offset), target);
}
