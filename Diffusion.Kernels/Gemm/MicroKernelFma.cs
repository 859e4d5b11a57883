using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The products of <see cref="MicroKernel"/> with 256-bit fused multiply-adds: 12 sums, 2 of B and 2 of A in 16 registers. Never inlined: within a
/// loop of its caller's a kernel has too few registers left and takes four times as long.
/// </summary>
internal static unsafe class MicroKernelFma
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Column6x16(
        float* packed, nint tileFloats, float* panel, nint depth, nint tiles, float* c, nint stride, float* start, nint startStride, float* bias,
        float* next)
    {
        float* end = panel + (depth & ~(nint)7) * 16;
        for (nint tile = 0; tile < tiles; tile++)
        {
            Vector256<float> c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51;
            if (bias != null)
            {
                c00 = c10 = c20 = c30 = c40 = c50 = Vector256.Load(bias);
                c01 = c11 = c21 = c31 = c41 = c51 = Vector256.Load(bias + 8);
            }
            else
            {
                c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = c40 = c41 = c50 = c51 = Vector256<float>.Zero;
            }
            // The results' lines may come from far: ask for them before the products are there.
            Sse.Prefetch0(c);
            Sse.Prefetch0(c + stride);
            Sse.Prefetch0(c + 2 * stride);
            Sse.Prefetch0(c + 3 * stride);
            Sse.Prefetch0(c + 4 * stride);
            Sse.Prefetch0(c + 5 * stride);
            if (start != c && start != null)
            {
                Sse.Prefetch0(start);
                Sse.Prefetch0(start + startStride);
                Sse.Prefetch0(start + 2 * startStride);
                Sse.Prefetch0(start + 3 * startStride);
                Sse.Prefetch0(start + 4 * startStride);
                Sse.Prefetch0(start + 5 * startStride);
            }
            // A quarter of the next panel's lines, so that it waits in the second-level cache. Only the first tile asks for this panel's own lines:
            // the others find them in the first-level cache.
            float* a = packed, b = panel;
            nint far = (nint)(next - panel) + (tile & 3) * 16;
            if (tile == 0)
            {
                while (b < end)
                {
                    Sse.Prefetch1(b + far);
                    Step6x16(a, b, 0, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                    Sse.Prefetch0(b + 256);
                    Step6x16(a, b, 1, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                    Sse.Prefetch0(b + 272);
                    Step6x16(a, b, 2, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                    Sse.Prefetch0(b + 288);
                    Step6x16(a, b, 3, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                    Sse.Prefetch0(b + 304);
                    Sse.Prefetch1(b + far + 64);
                    Step6x16(a, b, 4, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                    Sse.Prefetch0(b + 320);
                    Step6x16(a, b, 5, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                    Sse.Prefetch0(b + 336);
                    Step6x16(a, b, 6, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                    Sse.Prefetch0(b + 352);
                    Step6x16(a, b, 7, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                    Sse.Prefetch0(b + 368);
                    a += 8 * 6;
                    b += 8 * 16;
                }
            }
            while (b < end)
            {
                Sse.Prefetch1(b + far);
                Step6x16(a, b, 0, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Step6x16(a, b, 1, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Step6x16(a, b, 2, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Step6x16(a, b, 3, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Sse.Prefetch1(b + far + 64);
                Step6x16(a, b, 4, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Step6x16(a, b, 5, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Step6x16(a, b, 6, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Step6x16(a, b, 7, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                a += 8 * 6;
                b += 8 * 16;
            }
            if ((depth & 4) != 0)
            {
                Step6x16(a, b, 0, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Step6x16(a, b, 1, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Step6x16(a, b, 2, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
                Step6x16(a, b, 3, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            }
            if (start != null)
            {
                // Last, so that sums over a deep product are of partial sums.
                float* from = start;
                c00 += Vector256.Load(from);
                c01 += Vector256.Load(from + 8);
                from += startStride;
                c10 += Vector256.Load(from);
                c11 += Vector256.Load(from + 8);
                from += startStride;
                c20 += Vector256.Load(from);
                c21 += Vector256.Load(from + 8);
                from += startStride;
                c30 += Vector256.Load(from);
                c31 += Vector256.Load(from + 8);
                from += startStride;
                c40 += Vector256.Load(from);
                c41 += Vector256.Load(from + 8);
                from += startStride;
                c50 += Vector256.Load(from);
                c51 += Vector256.Load(from + 8);
                start = from + startStride;
            }
            c00.Store(c);
            c01.Store(c + 8);
            c += stride;
            c10.Store(c);
            c11.Store(c + 8);
            c += stride;
            c20.Store(c);
            c21.Store(c + 8);
            c += stride;
            c30.Store(c);
            c31.Store(c + 8);
            c += stride;
            c40.Store(c);
            c41.Store(c + 8);
            c += stride;
            c50.Store(c);
            c51.Store(c + 8);
            c += stride;
            packed += tileFloats;
        }
    }

    /// <summary>The first four rows of a tile of six.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Tile4x16(float* a, float* panel, nint depth, float* c, nint stride, float* start, nint startStride, float* bias)
    {
        Vector256<float> c00, c01, c10, c11, c20, c21, c30, c31;
        c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = Vector256<float>.Zero;
        if (bias != null)
        {
            c00 = c10 = c20 = c30 = Vector256.Load(bias);
            c01 = c11 = c21 = c31 = Vector256.Load(bias + 8);
        }
        float* b = panel, end = panel + (depth & ~(nint)7) * 16;
        while (b < end)
        {
            Step4x16(a, b, 0, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            Step4x16(a, b, 1, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            Step4x16(a, b, 2, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            Step4x16(a, b, 3, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            Step4x16(a, b, 4, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            Step4x16(a, b, 5, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            Step4x16(a, b, 6, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            Step4x16(a, b, 7, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            a += 8 * 6;
            b += 8 * 16;
        }
        if ((depth & 4) != 0)
        {
            Step4x16(a, b, 0, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            Step4x16(a, b, 1, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            Step4x16(a, b, 2, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
            Step4x16(a, b, 3, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31);
        }
        if (start != null)
        {
            c00 += Vector256.Load(start);
            c01 += Vector256.Load(start + 8);
            c10 += Vector256.Load(start + startStride);
            c11 += Vector256.Load(start + startStride + 8);
            c20 += Vector256.Load(start + 2 * startStride);
            c21 += Vector256.Load(start + 2 * startStride + 8);
            c30 += Vector256.Load(start + 3 * startStride);
            c31 += Vector256.Load(start + 3 * startStride + 8);
        }
        c00.Store(c);
        c01.Store(c + 8);
        c10.Store(c + stride);
        c11.Store(c + stride + 8);
        c20.Store(c + 2 * stride);
        c21.Store(c + 2 * stride + 8);
        c30.Store(c + 3 * stride);
        c31.Store(c + 3 * stride + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Strided6x16(float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = a4 + lda;
        Sse.Prefetch0(c);
        Sse.Prefetch0(c + stride);
        Sse.Prefetch0(c + 2 * stride);
        Sse.Prefetch0(c + 3 * stride);
        Sse.Prefetch0(c + 4 * stride);
        Sse.Prefetch0(c + 5 * stride);
        Vector256<float> c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51;
        c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = c40 = c41 = c50 = c51 = Vector256<float>.Zero;
        nint k = 0, most = depth & ~(nint)7;
        while (k < most)
        {
            StridedStep6x16(a, a1, a2, a3, a4, a5, k, b, 0, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            StridedStep6x16(a, a1, a2, a3, a4, a5, k, b, 1, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            StridedStep6x16(a, a1, a2, a3, a4, a5, k, b, 2, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            StridedStep6x16(a, a1, a2, a3, a4, a5, k, b, 3, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            StridedStep6x16(a, a1, a2, a3, a4, a5, k, b, 4, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            StridedStep6x16(a, a1, a2, a3, a4, a5, k, b, 5, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            StridedStep6x16(a, a1, a2, a3, a4, a5, k, b, 6, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            StridedStep6x16(a, a1, a2, a3, a4, a5, k, b, 7, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            k += 8;
            b += 8 * 16;
        }
        while (k < depth)
        {
            StridedStep6x16(a, a1, a2, a3, a4, a5, k, b, 0, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            k++;
            b += 16;
        }
        if (add)
        {
            c00 += Vector256.Load(c);
            c01 += Vector256.Load(c + 8);
            c10 += Vector256.Load(c + stride);
            c11 += Vector256.Load(c + stride + 8);
            c20 += Vector256.Load(c + 2 * stride);
            c21 += Vector256.Load(c + 2 * stride + 8);
            c30 += Vector256.Load(c + 3 * stride);
            c31 += Vector256.Load(c + 3 * stride + 8);
            c40 += Vector256.Load(c + 4 * stride);
            c41 += Vector256.Load(c + 4 * stride + 8);
            c50 += Vector256.Load(c + 5 * stride);
            c51 += Vector256.Load(c + 5 * stride + 8);
        }
        c00.Store(c);
        c01.Store(c + 8);
        c += stride;
        c10.Store(c);
        c11.Store(c + 8);
        c += stride;
        c20.Store(c);
        c21.Store(c + 8);
        c += stride;
        c30.Store(c);
        c31.Store(c + 8);
        c += stride;
        c40.Store(c);
        c41.Store(c + 8);
        c += stride;
        c50.Store(c);
        c51.Store(c + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Strided4x24(float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
        Sse.Prefetch0(c);
        Sse.Prefetch0(c + stride);
        Sse.Prefetch0(c + 2 * stride);
        Sse.Prefetch0(c + 3 * stride);
        Vector256<float> c00, c01, c02, c10, c11, c12, c20, c21, c22, c30, c31, c32;
        c00 = c01 = c02 = c10 = c11 = c12 = c20 = c21 = c22 = c30 = c31 = c32 = Vector256<float>.Zero;
        nint k = 0, most = depth & ~(nint)7;
        while (k < most)
        {
            StridedStep4x24(a, a1, a2, a3, k, b, 0, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            StridedStep4x24(a, a1, a2, a3, k, b, 1, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            StridedStep4x24(a, a1, a2, a3, k, b, 2, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            StridedStep4x24(a, a1, a2, a3, k, b, 3, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            StridedStep4x24(a, a1, a2, a3, k, b, 4, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            StridedStep4x24(a, a1, a2, a3, k, b, 5, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            StridedStep4x24(a, a1, a2, a3, k, b, 6, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            StridedStep4x24(a, a1, a2, a3, k, b, 7, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            k += 8;
            b += 8 * 24;
        }
        while (k < depth)
        {
            StridedStep4x24(a, a1, a2, a3, k, b, 0, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            k++;
            b += 24;
        }
        if (add)
        {
            c00 += Vector256.Load(c);
            c01 += Vector256.Load(c + 8);
            c02 += Vector256.Load(c + 16);
            c10 += Vector256.Load(c + stride);
            c11 += Vector256.Load(c + stride + 8);
            c12 += Vector256.Load(c + stride + 16);
            c20 += Vector256.Load(c + 2 * stride);
            c21 += Vector256.Load(c + 2 * stride + 8);
            c22 += Vector256.Load(c + 2 * stride + 16);
            c30 += Vector256.Load(c + 3 * stride);
            c31 += Vector256.Load(c + 3 * stride + 8);
            c32 += Vector256.Load(c + 3 * stride + 16);
        }
        Store(c, c00, c01, c02);
        Store(c + stride, c10, c11, c12);
        Store(c + 2 * stride, c20, c21, c22);
        Store(c + 3 * stride, c30, c31, c32);
    }

    /// <summary>C[4,24] = A·B with B as it lies, <paramref name="ldb"/> floats from row to row; leaves B packed [depth][24] for the tiles after this one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Packing4x24(float* a, nint lda, float* b, nint ldb, float* packed, nint depth, float* c, nint stride)
    {
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
        Vector256<float> c00, c01, c02, c10, c11, c12, c20, c21, c22, c30, c31, c32;
        c00 = c01 = c02 = c10 = c11 = c12 = c20 = c21 = c22 = c30 = c31 = c32 = Vector256<float>.Zero;
        for (nint k = 0; k < depth; k++, b += ldb, packed += 24)
        {
            Vector256<float> b0 = Vector256.Load(b), b1 = Vector256.Load(b + 8), b2 = Vector256.Load(b + 16);
            Store(packed, b0, b1, b2);
            Add(Avx.BroadcastScalarToVector256(a + k), b0, b1, b2, ref c00, ref c01, ref c02);
            Add(Avx.BroadcastScalarToVector256(a1 + k), b0, b1, b2, ref c10, ref c11, ref c12);
            Add(Avx.BroadcastScalarToVector256(a2 + k), b0, b1, b2, ref c20, ref c21, ref c22);
            Add(Avx.BroadcastScalarToVector256(a3 + k), b0, b1, b2, ref c30, ref c31, ref c32);
        }
        Store(c, c00, c01, c02);
        Store(c + stride, c10, c11, c12);
        Store(c + 2 * stride, c20, c21, c22);
        Store(c + 3 * stride, c30, c31, c32);
    }

    // One step in depth. What is constant, like the number of the step, ends in the instructions' addresses: other processes on the same core leave
    // a kernel about half of the instructions a cycle, and 12 multiplications with their 8 loads need nearly all of them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step6x16(
        float* a, float* b, [ConstantExpected] int step,
        ref Vector256<float> c00, ref Vector256<float> c01, ref Vector256<float> c10, ref Vector256<float> c11, ref Vector256<float> c20,
        ref Vector256<float> c21, ref Vector256<float> c30, ref Vector256<float> c31, ref Vector256<float> c40, ref Vector256<float> c41,
        ref Vector256<float> c50, ref Vector256<float> c51)
    {
        var b0 = Vector256.Load(b + 16 * step);
        var b1 = Vector256.Load(b + 16 * step + 8);
        Add(Avx.BroadcastScalarToVector256(a + 6 * step), b0, b1, ref c00, ref c01);
        Add(Avx.BroadcastScalarToVector256(a + 6 * step + 1), b0, b1, ref c10, ref c11);
        Add(Avx.BroadcastScalarToVector256(a + 6 * step + 2), b0, b1, ref c20, ref c21);
        Add(Avx.BroadcastScalarToVector256(a + 6 * step + 3), b0, b1, ref c30, ref c31);
        Add(Avx.BroadcastScalarToVector256(a + 6 * step + 4), b0, b1, ref c40, ref c41);
        Add(Avx.BroadcastScalarToVector256(a + 6 * step + 5), b0, b1, ref c50, ref c51);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step4x16(
        float* a, float* b, [ConstantExpected] int step,
        ref Vector256<float> c00, ref Vector256<float> c01, ref Vector256<float> c10, ref Vector256<float> c11, ref Vector256<float> c20,
        ref Vector256<float> c21, ref Vector256<float> c30, ref Vector256<float> c31)
    {
        var b0 = Vector256.Load(b + 16 * step);
        var b1 = Vector256.Load(b + 16 * step + 8);
        Add(Avx.BroadcastScalarToVector256(a + 6 * step), b0, b1, ref c00, ref c01);
        Add(Avx.BroadcastScalarToVector256(a + 6 * step + 1), b0, b1, ref c10, ref c11);
        Add(Avx.BroadcastScalarToVector256(a + 6 * step + 2), b0, b1, ref c20, ref c21);
        Add(Avx.BroadcastScalarToVector256(a + 6 * step + 3), b0, b1, ref c30, ref c31);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StridedStep6x16(
        float* a, float* a1, float* a2, float* a3, float* a4, float* a5, nint k, float* b, [ConstantExpected] int step,
        ref Vector256<float> c00, ref Vector256<float> c01, ref Vector256<float> c10, ref Vector256<float> c11, ref Vector256<float> c20,
        ref Vector256<float> c21, ref Vector256<float> c30, ref Vector256<float> c31, ref Vector256<float> c40, ref Vector256<float> c41,
        ref Vector256<float> c50, ref Vector256<float> c51)
    {
        var b0 = Vector256.Load(b + 16 * step);
        var b1 = Vector256.Load(b + 16 * step + 8);
        Add(Avx.BroadcastScalarToVector256(a + k + step), b0, b1, ref c00, ref c01);
        Add(Avx.BroadcastScalarToVector256(a1 + k + step), b0, b1, ref c10, ref c11);
        Add(Avx.BroadcastScalarToVector256(a2 + k + step), b0, b1, ref c20, ref c21);
        Add(Avx.BroadcastScalarToVector256(a3 + k + step), b0, b1, ref c30, ref c31);
        Add(Avx.BroadcastScalarToVector256(a4 + k + step), b0, b1, ref c40, ref c41);
        Add(Avx.BroadcastScalarToVector256(a5 + k + step), b0, b1, ref c50, ref c51);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StridedStep4x24(
        float* a, float* a1, float* a2, float* a3, nint k, float* b, [ConstantExpected] int step,
        ref Vector256<float> c00, ref Vector256<float> c01, ref Vector256<float> c02, ref Vector256<float> c10, ref Vector256<float> c11,
        ref Vector256<float> c12, ref Vector256<float> c20, ref Vector256<float> c21, ref Vector256<float> c22, ref Vector256<float> c30,
        ref Vector256<float> c31, ref Vector256<float> c32)
    {
        var b0 = Vector256.Load(b + 24 * step);
        var b1 = Vector256.Load(b + 24 * step + 8);
        var b2 = Vector256.Load(b + 24 * step + 16);
        Add(Avx.BroadcastScalarToVector256(a + k + step), b0, b1, b2, ref c00, ref c01, ref c02);
        Add(Avx.BroadcastScalarToVector256(a1 + k + step), b0, b1, b2, ref c10, ref c11, ref c12);
        Add(Avx.BroadcastScalarToVector256(a2 + k + step), b0, b1, b2, ref c20, ref c21, ref c22);
        Add(Avx.BroadcastScalarToVector256(a3 + k + step), b0, b1, b2, ref c30, ref c31, ref c32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector256<float> v0, Vector256<float> v1, Vector256<float> v2)
    {
        v0.Store(c);
        v1.Store(c + 8);
        v2.Store(c + 16);
    }

    /// <summary>A row's products with one step of a panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(Vector256<float> x, Vector256<float> b0, Vector256<float> b1, ref Vector256<float> c0, ref Vector256<float> c1)
    {
        c0 = Fma.MultiplyAdd(x, b0, c0);
        c1 = Fma.MultiplyAdd(x, b1, c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        Vector256<float> x, Vector256<float> b0, Vector256<float> b1, Vector256<float> b2, ref Vector256<float> c0, ref Vector256<float> c1,
        ref Vector256<float> c2)
    {
        Add(x, b0, b1, ref c0, ref c1);
        c2 = Fma.MultiplyAdd(x, b2, c2);
    }
}
