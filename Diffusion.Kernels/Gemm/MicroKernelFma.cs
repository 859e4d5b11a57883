using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>The products of <see cref="MicroKernel"/> with 256-bit fused multiply-adds: 12 sums, 2 of B and 2 of A in 16 registers.</summary>
internal static unsafe class MicroKernelFma
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Column6x16(
        float* packed, nint tileFloats, float* panel, nint depth, nint tiles, float* c, nint stride, float* start, nint startStride, float* bias,
        float* next)
    {
        float* end = panel + depth * 16;
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
            // A quarter of the next panel's lines, a line a round, so that it waits in the second-level cache.
            float* a = packed, b = panel, ahead = next + (tile & 3) * depth * 4;
            while (b < end)
            {
                Sse.Prefetch1(ahead);
                ahead += 16;
                var b0 = Vector256.Load(b);
                var b1 = Vector256.Load(b + 8);
                var x = Avx.BroadcastScalarToVector256(a);
                c00 = Fma.MultiplyAdd(x, b0, c00);
                c01 = Fma.MultiplyAdd(x, b1, c01);
                var y = Avx.BroadcastScalarToVector256(a + 1);
                c10 = Fma.MultiplyAdd(y, b0, c10);
                c11 = Fma.MultiplyAdd(y, b1, c11);
                x = Avx.BroadcastScalarToVector256(a + 2);
                c20 = Fma.MultiplyAdd(x, b0, c20);
                c21 = Fma.MultiplyAdd(x, b1, c21);
                y = Avx.BroadcastScalarToVector256(a + 3);
                c30 = Fma.MultiplyAdd(y, b0, c30);
                c31 = Fma.MultiplyAdd(y, b1, c31);
                x = Avx.BroadcastScalarToVector256(a + 4);
                c40 = Fma.MultiplyAdd(x, b0, c40);
                c41 = Fma.MultiplyAdd(x, b1, c41);
                y = Avx.BroadcastScalarToVector256(a + 5);
                c50 = Fma.MultiplyAdd(y, b0, c50);
                c51 = Fma.MultiplyAdd(y, b1, c51);
                b0 = Vector256.Load(b + 16);
                b1 = Vector256.Load(b + 24);
                x = Avx.BroadcastScalarToVector256(a + 6);
                c00 = Fma.MultiplyAdd(x, b0, c00);
                c01 = Fma.MultiplyAdd(x, b1, c01);
                y = Avx.BroadcastScalarToVector256(a + 7);
                c10 = Fma.MultiplyAdd(y, b0, c10);
                c11 = Fma.MultiplyAdd(y, b1, c11);
                x = Avx.BroadcastScalarToVector256(a + 8);
                c20 = Fma.MultiplyAdd(x, b0, c20);
                c21 = Fma.MultiplyAdd(x, b1, c21);
                y = Avx.BroadcastScalarToVector256(a + 9);
                c30 = Fma.MultiplyAdd(y, b0, c30);
                c31 = Fma.MultiplyAdd(y, b1, c31);
                x = Avx.BroadcastScalarToVector256(a + 10);
                c40 = Fma.MultiplyAdd(x, b0, c40);
                c41 = Fma.MultiplyAdd(x, b1, c41);
                y = Avx.BroadcastScalarToVector256(a + 11);
                c50 = Fma.MultiplyAdd(y, b0, c50);
                c51 = Fma.MultiplyAdd(y, b1, c51);
                Sse.Prefetch0(b + 256);
                b0 = Vector256.Load(b + 32);
                b1 = Vector256.Load(b + 40);
                x = Avx.BroadcastScalarToVector256(a + 12);
                c00 = Fma.MultiplyAdd(x, b0, c00);
                c01 = Fma.MultiplyAdd(x, b1, c01);
                y = Avx.BroadcastScalarToVector256(a + 13);
                c10 = Fma.MultiplyAdd(y, b0, c10);
                c11 = Fma.MultiplyAdd(y, b1, c11);
                x = Avx.BroadcastScalarToVector256(a + 14);
                c20 = Fma.MultiplyAdd(x, b0, c20);
                c21 = Fma.MultiplyAdd(x, b1, c21);
                y = Avx.BroadcastScalarToVector256(a + 15);
                c30 = Fma.MultiplyAdd(y, b0, c30);
                c31 = Fma.MultiplyAdd(y, b1, c31);
                x = Avx.BroadcastScalarToVector256(a + 16);
                c40 = Fma.MultiplyAdd(x, b0, c40);
                c41 = Fma.MultiplyAdd(x, b1, c41);
                y = Avx.BroadcastScalarToVector256(a + 17);
                c50 = Fma.MultiplyAdd(y, b0, c50);
                c51 = Fma.MultiplyAdd(y, b1, c51);
                b0 = Vector256.Load(b + 48);
                b1 = Vector256.Load(b + 56);
                x = Avx.BroadcastScalarToVector256(a + 18);
                c00 = Fma.MultiplyAdd(x, b0, c00);
                c01 = Fma.MultiplyAdd(x, b1, c01);
                y = Avx.BroadcastScalarToVector256(a + 19);
                c10 = Fma.MultiplyAdd(y, b0, c10);
                c11 = Fma.MultiplyAdd(y, b1, c11);
                x = Avx.BroadcastScalarToVector256(a + 20);
                c20 = Fma.MultiplyAdd(x, b0, c20);
                c21 = Fma.MultiplyAdd(x, b1, c21);
                y = Avx.BroadcastScalarToVector256(a + 21);
                c30 = Fma.MultiplyAdd(y, b0, c30);
                c31 = Fma.MultiplyAdd(y, b1, c31);
                x = Avx.BroadcastScalarToVector256(a + 22);
                c40 = Fma.MultiplyAdd(x, b0, c40);
                c41 = Fma.MultiplyAdd(x, b1, c41);
                y = Avx.BroadcastScalarToVector256(a + 23);
                c50 = Fma.MultiplyAdd(y, b0, c50);
                c51 = Fma.MultiplyAdd(y, b1, c51);
                Sse.Prefetch0(b + 272);
                Sse.Prefetch0(b + 288);
                Sse.Prefetch0(b + 304);
                a += 24;
                b += 64;
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
        nint k = 0;
        float* end = b + (depth & ~(nint)1) * 16;
        while (b < end)
        {
            var b0 = Vector256.Load(b);
            var b1 = Vector256.Load(b + 8);
            var x = Avx.BroadcastScalarToVector256(a + k);
            c00 = Fma.MultiplyAdd(x, b0, c00);
            c01 = Fma.MultiplyAdd(x, b1, c01);
            var y = Avx.BroadcastScalarToVector256(a1 + k);
            c10 = Fma.MultiplyAdd(y, b0, c10);
            c11 = Fma.MultiplyAdd(y, b1, c11);
            x = Avx.BroadcastScalarToVector256(a2 + k);
            c20 = Fma.MultiplyAdd(x, b0, c20);
            c21 = Fma.MultiplyAdd(x, b1, c21);
            y = Avx.BroadcastScalarToVector256(a3 + k);
            c30 = Fma.MultiplyAdd(y, b0, c30);
            c31 = Fma.MultiplyAdd(y, b1, c31);
            x = Avx.BroadcastScalarToVector256(a4 + k);
            c40 = Fma.MultiplyAdd(x, b0, c40);
            c41 = Fma.MultiplyAdd(x, b1, c41);
            y = Avx.BroadcastScalarToVector256(a5 + k);
            c50 = Fma.MultiplyAdd(y, b0, c50);
            c51 = Fma.MultiplyAdd(y, b1, c51);
            b0 = Vector256.Load(b + 16);
            b1 = Vector256.Load(b + 24);
            x = Avx.BroadcastScalarToVector256(a + k + 1);
            c00 = Fma.MultiplyAdd(x, b0, c00);
            c01 = Fma.MultiplyAdd(x, b1, c01);
            y = Avx.BroadcastScalarToVector256(a1 + k + 1);
            c10 = Fma.MultiplyAdd(y, b0, c10);
            c11 = Fma.MultiplyAdd(y, b1, c11);
            x = Avx.BroadcastScalarToVector256(a2 + k + 1);
            c20 = Fma.MultiplyAdd(x, b0, c20);
            c21 = Fma.MultiplyAdd(x, b1, c21);
            y = Avx.BroadcastScalarToVector256(a3 + k + 1);
            c30 = Fma.MultiplyAdd(y, b0, c30);
            c31 = Fma.MultiplyAdd(y, b1, c31);
            x = Avx.BroadcastScalarToVector256(a4 + k + 1);
            c40 = Fma.MultiplyAdd(x, b0, c40);
            c41 = Fma.MultiplyAdd(x, b1, c41);
            y = Avx.BroadcastScalarToVector256(a5 + k + 1);
            c50 = Fma.MultiplyAdd(y, b0, c50);
            c51 = Fma.MultiplyAdd(y, b1, c51);
            k += 2;
            b += 32;
        }
        if ((depth & 1) != 0)
        {
            var b0 = Vector256.Load(b);
            var b1 = Vector256.Load(b + 8);
            var x = Avx.BroadcastScalarToVector256(a + k);
            c00 = Fma.MultiplyAdd(x, b0, c00);
            c01 = Fma.MultiplyAdd(x, b1, c01);
            x = Avx.BroadcastScalarToVector256(a1 + k);
            c10 = Fma.MultiplyAdd(x, b0, c10);
            c11 = Fma.MultiplyAdd(x, b1, c11);
            x = Avx.BroadcastScalarToVector256(a2 + k);
            c20 = Fma.MultiplyAdd(x, b0, c20);
            c21 = Fma.MultiplyAdd(x, b1, c21);
            x = Avx.BroadcastScalarToVector256(a3 + k);
            c30 = Fma.MultiplyAdd(x, b0, c30);
            c31 = Fma.MultiplyAdd(x, b1, c31);
            x = Avx.BroadcastScalarToVector256(a4 + k);
            c40 = Fma.MultiplyAdd(x, b0, c40);
            c41 = Fma.MultiplyAdd(x, b1, c41);
            x = Avx.BroadcastScalarToVector256(a5 + k);
            c50 = Fma.MultiplyAdd(x, b0, c50);
            c51 = Fma.MultiplyAdd(x, b1, c51);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Strided4x24(float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
        Sse.Prefetch0(c);
        Sse.Prefetch0(c + stride);
        Sse.Prefetch0(c + 2 * stride);
        Sse.Prefetch0(c + 3 * stride);
        Vector256<float> c00, c01, c02, c10, c11, c12, c20, c21, c22, c30, c31, c32;
        c00 = c01 = c02 = c10 = c11 = c12 = c20 = c21 = c22 = c30 = c31 = c32 = Vector256<float>.Zero;
        for (nint k = 0; k < depth; k++)
        {
            var b0 = Vector256.Load(b);
            var b1 = Vector256.Load(b + 8);
            var b2 = Vector256.Load(b + 16);
            b += 24;
            var x = Avx.BroadcastScalarToVector256(a + k);
            c00 = Fma.MultiplyAdd(x, b0, c00);
            c01 = Fma.MultiplyAdd(x, b1, c01);
            c02 = Fma.MultiplyAdd(x, b2, c02);
            x = Avx.BroadcastScalarToVector256(a1 + k);
            c10 = Fma.MultiplyAdd(x, b0, c10);
            c11 = Fma.MultiplyAdd(x, b1, c11);
            c12 = Fma.MultiplyAdd(x, b2, c12);
            x = Avx.BroadcastScalarToVector256(a2 + k);
            c20 = Fma.MultiplyAdd(x, b0, c20);
            c21 = Fma.MultiplyAdd(x, b1, c21);
            c22 = Fma.MultiplyAdd(x, b2, c22);
            x = Avx.BroadcastScalarToVector256(a3 + k);
            c30 = Fma.MultiplyAdd(x, b0, c30);
            c31 = Fma.MultiplyAdd(x, b1, c31);
            c32 = Fma.MultiplyAdd(x, b2, c32);
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
        c00.Store(c);
        c01.Store(c + 8);
        c02.Store(c + 16);
        c += stride;
        c10.Store(c);
        c11.Store(c + 8);
        c12.Store(c + 16);
        c += stride;
        c20.Store(c);
        c21.Store(c + 8);
        c22.Store(c + 16);
        c += stride;
        c30.Store(c);
        c31.Store(c + 8);
        c32.Store(c + 16);
    }
}
