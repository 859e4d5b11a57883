using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>Products with rows as they lie, for <see cref="MicroKernelWide"/>: attention's weights times values.</summary>
internal static unsafe partial class MicroKernelWide
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Strided6x16(float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = a4 + lda;
        Prefetch(c, stride);
        Vector512<float> c0, c1, c2, c3, c4, c5;
        c0 = c1 = c2 = c3 = c4 = c5 = Vector512<float>.Zero;
        nint k = 0, most = depth & ~(nint)3;
        for (; k < most; k += 4, b += 4 * 16)
        {
            StridedStep16(a, a1, a2, a3, a4, a5, k, b, 0, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            StridedStep16(a, a1, a2, a3, a4, a5, k, b, 1, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            StridedStep16(a, a1, a2, a3, a4, a5, k, b, 2, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            StridedStep16(a, a1, a2, a3, a4, a5, k, b, 3, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
        }
        for (; k < depth; k++, b += 16)
            StridedStep16(a, a1, a2, a3, a4, a5, k, b, 0, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
        if (add)
        {
            c0 += Vector512.Load(c);
            c1 += Vector512.Load(c + stride);
            c2 += Vector512.Load(c + 2 * stride);
            c3 += Vector512.Load(c + 3 * stride);
            c4 += Vector512.Load(c + 4 * stride);
            c5 += Vector512.Load(c + 5 * stride);
        }
        c0.Store(c);
        c1.Store(c + stride);
        c2.Store(c + 2 * stride);
        c3.Store(c + 3 * stride);
        c4.Store(c + 4 * stride);
        c5.Store(c + 5 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Strided6x32(float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = a4 + lda;
        Prefetch(c, stride);
        Prefetch(c + 16, stride);
        Vector512<float> c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51;
        c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = c40 = c41 = c50 = c51 = Vector512<float>.Zero;
        nint k = 0, most = depth & ~(nint)3;
        for (; k < most; k += 4, b += 4 * 32)
        {
            StridedStep32(a, a1, a2, a3, a4, a5, k, b, 0, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            StridedStep32(a, a1, a2, a3, a4, a5, k, b, 1, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            StridedStep32(a, a1, a2, a3, a4, a5, k, b, 2, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            StridedStep32(a, a1, a2, a3, a4, a5, k, b, 3, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
        }
        for (; k < depth; k++, b += 32)
            StridedStep32(a, a1, a2, a3, a4, a5, k, b, 0, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
        if (add)
        {
            c00 += Vector512.Load(c);
            c01 += Vector512.Load(c + 16);
            c10 += Vector512.Load(c + stride);
            c11 += Vector512.Load(c + stride + 16);
            c20 += Vector512.Load(c + 2 * stride);
            c21 += Vector512.Load(c + 2 * stride + 16);
            c30 += Vector512.Load(c + 3 * stride);
            c31 += Vector512.Load(c + 3 * stride + 16);
            c40 += Vector512.Load(c + 4 * stride);
            c41 += Vector512.Load(c + 4 * stride + 16);
            c50 += Vector512.Load(c + 5 * stride);
            c51 += Vector512.Load(c + 5 * stride + 16);
        }
        c00.Store(c);
        c01.Store(c + 16);
        c10.Store(c + stride);
        c11.Store(c + stride + 16);
        c20.Store(c + 2 * stride);
        c21.Store(c + 2 * stride + 16);
        c30.Store(c + 3 * stride);
        c31.Store(c + 3 * stride + 16);
        c40.Store(c + 4 * stride);
        c41.Store(c + 4 * stride + 16);
        c50.Store(c + 5 * stride);
        c51.Store(c + 5 * stride + 16);
    }

    /// <summary>The first four rows of <see cref="Strided6x16"/>, with the same sums as all six have.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Strided4x16(float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
        Vector512<float> c0, c1, c2, c3;
        c0 = c1 = c2 = c3 = Vector512<float>.Zero;
        for (nint k = 0; k < depth; k++, b += 16)
        {
            var values = Vector512.Load(b);
            c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[k]), values, c0);
            c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a1[k]), values, c1);
            c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a2[k]), values, c2);
            c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[k]), values, c3);
        }
        if (add)
        {
            c0 += Vector512.Load(c);
            c1 += Vector512.Load(c + stride);
            c2 += Vector512.Load(c + 2 * stride);
            c3 += Vector512.Load(c + 3 * stride);
        }
        c0.Store(c);
        c1.Store(c + stride);
        c2.Store(c + 2 * stride);
        c3.Store(c + 3 * stride);
    }

    /// <summary>The first four rows of <see cref="Strided6x32"/>, with the same sums as all six have.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Strided4x32(float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
        Vector512<float> c00, c01, c10, c11, c20, c21, c30, c31;
        c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = Vector512<float>.Zero;
        for (nint k = 0; k < depth; k++, b += 32)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
            Add(a[k], b0, b1, ref c00, ref c01);
            Add(a1[k], b0, b1, ref c10, ref c11);
            Add(a2[k], b0, b1, ref c20, ref c21);
            Add(a3[k], b0, b1, ref c30, ref c31);
        }
        if (add)
        {
            c00 += Vector512.Load(c);
            c01 += Vector512.Load(c + 16);
            c10 += Vector512.Load(c + stride);
            c11 += Vector512.Load(c + stride + 16);
            c20 += Vector512.Load(c + 2 * stride);
            c21 += Vector512.Load(c + 2 * stride + 16);
            c30 += Vector512.Load(c + 3 * stride);
            c31 += Vector512.Load(c + 3 * stride + 16);
        }
        c00.Store(c);
        c01.Store(c + 16);
        c10.Store(c + stride);
        c11.Store(c + stride + 16);
        c20.Store(c + 2 * stride);
        c21.Store(c + 2 * stride + 16);
        c30.Store(c + 3 * stride);
        c31.Store(c + 3 * stride + 16);
    }

    /// <summary>C[6,32] = A·B with B as it lies, <paramref name="ldb"/> floats from row to row; leaves B packed [depth][32] for the tiles after this one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Packing6x32(float* a, nint lda, float* b, nint ldb, float* packed, nint depth, float* c, nint stride)
    {
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = a4 + lda;
        Vector512<float> c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51;
        c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = c40 = c41 = c50 = c51 = Vector512<float>.Zero;
        for (nint k = 0; k < depth; k++, b += ldb, packed += 32)
        {
            // The same row of the panel after this one.
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(b + 32);
                Sse.Prefetch0(b + 48);
            }
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
            b0.Store(packed);
            b1.Store(packed + 16);
            Add(a[k], b0, b1, ref c00, ref c01);
            Add(a1[k], b0, b1, ref c10, ref c11);
            Add(a2[k], b0, b1, ref c20, ref c21);
            Add(a3[k], b0, b1, ref c30, ref c31);
            Add(a4[k], b0, b1, ref c40, ref c41);
            Add(a5[k], b0, b1, ref c50, ref c51);
        }
        c00.Store(c);
        c01.Store(c + 16);
        c10.Store(c + stride);
        c11.Store(c + stride + 16);
        c20.Store(c + 2 * stride);
        c21.Store(c + 2 * stride + 16);
        c30.Store(c + 3 * stride);
        c31.Store(c + 3 * stride + 16);
        c40.Store(c + 4 * stride);
        c41.Store(c + 4 * stride + 16);
        c50.Store(c + 5 * stride);
        c51.Store(c + 5 * stride + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StridedStep16(
        float* a, float* a1, float* a2, float* a3, float* a4, float* a5, nint k, float* b, [ConstantExpected] int step,
        ref Vector512<float> c0, ref Vector512<float> c1, ref Vector512<float> c2, ref Vector512<float> c3, ref Vector512<float> c4, ref Vector512<float> c5)
    {
        var values = Vector512.Load(b + 16 * step);
        c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[k + step]), values, c0);
        c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a1[k + step]), values, c1);
        c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a2[k + step]), values, c2);
        c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[k + step]), values, c3);
        c4 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[k + step]), values, c4);
        c5 = Vector512.FusedMultiplyAdd(Vector512.Create(a5[k + step]), values, c5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StridedStep32(
        float* a, float* a1, float* a2, float* a3, float* a4, float* a5, nint k, float* b, [ConstantExpected] int step,
        ref Vector512<float> c00, ref Vector512<float> c01, ref Vector512<float> c10, ref Vector512<float> c11, ref Vector512<float> c20,
        ref Vector512<float> c21, ref Vector512<float> c30, ref Vector512<float> c31, ref Vector512<float> c40, ref Vector512<float> c41,
        ref Vector512<float> c50, ref Vector512<float> c51)
    {
        var b0 = Vector512.Load(b + 32 * step);
        var b1 = Vector512.Load(b + 32 * step + 16);
        Add(a[k + step], b0, b1, ref c00, ref c01);
        Add(a1[k + step], b0, b1, ref c10, ref c11);
        Add(a2[k + step], b0, b1, ref c20, ref c21);
        Add(a3[k + step], b0, b1, ref c30, ref c31);
        Add(a4[k + step], b0, b1, ref c40, ref c41);
        Add(a5[k + step], b0, b1, ref c50, ref c51);
    }

    /// <summary>A row's products with one step of two vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float x, Vector512<float> b0, Vector512<float> b1, ref Vector512<float> c0, ref Vector512<float> c1)
    {
        var row = Vector512.Create(x);
        c0 = Vector512.FusedMultiplyAdd(row, b0, c0);
        c1 = Vector512.FusedMultiplyAdd(row, b1, c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* c, nint stride)
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch0(c);
        Sse.Prefetch0(c + stride);
        Sse.Prefetch0(c + 2 * stride);
        Sse.Prefetch0(c + 3 * stride);
        Sse.Prefetch0(c + 4 * stride);
        Sse.Prefetch0(c + 5 * stride);
    }
}
