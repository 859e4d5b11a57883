using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The products of <see cref="MicroKernel"/> with 512-bit vectors: a row of a tile is one vector. Six sums hide the latency of multiply-adds where
/// one begins a cycle. Never inlined, like <see cref="MicroKernelFma"/>.
/// </summary>
internal static unsafe partial class MicroKernelWide
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Column6x16(
        float* packed, nint tileFloats, float* panel, nint depth, nint tiles, float* c, nint stride, float* start, nint startStride, float* bias,
        float* next)
    {
        float* end = panel + (depth & ~(nint)7) * 16;
        for (nint tile = 0; tile < tiles; tile++)
        {
            Vector512<float> c0, c1, c2, c3, c4, c5;
            c0 = c1 = c2 = c3 = c4 = c5 = bias == null ? Vector512<float>.Zero : Vector512.Load(bias);
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
            // A quarter of the next panel's lines, so that it waits in the second-level cache.
            float* a = packed, b = panel;
            nint far = (nint)(next - panel) + (tile & 3) * 16;
            while (b < end)
            {
                Sse.Prefetch1(b + far);
                Step6(a, b, 0, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step6(a, b, 1, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step6(a, b, 2, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step6(a, b, 3, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Sse.Prefetch1(b + far + 64);
                Step6(a, b, 4, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step6(a, b, 5, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step6(a, b, 6, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step6(a, b, 7, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                a += 8 * 6;
                b += 8 * 16;
            }
            if ((depth & 4) != 0)
            {
                Step6(a, b, 0, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step6(a, b, 1, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step6(a, b, 2, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
                Step6(a, b, 3, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            }
            if (start != null)
            {
                // Last, so that sums over a deep product are of partial sums.
                c0 += Vector512.Load(start);
                c1 += Vector512.Load(start + startStride);
                c2 += Vector512.Load(start + 2 * startStride);
                c3 += Vector512.Load(start + 3 * startStride);
                c4 += Vector512.Load(start + 4 * startStride);
                c5 += Vector512.Load(start + 5 * startStride);
                start += 6 * startStride;
            }
            c0.Store(c);
            c1.Store(c + stride);
            c2.Store(c + 2 * stride);
            c3.Store(c + 3 * stride);
            c4.Store(c + 4 * stride);
            c5.Store(c + 5 * stride);
            c += 6 * stride;
            packed += tileFloats;
        }
    }

    /// <summary>The first four rows of a tile of six, with the same sums as all six have.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Tile4x16(float* a, float* panel, nint depth, float* c, nint stride, float* start, nint startStride, float* bias)
    {
        Vector512<float> c0, c1, c2, c3;
        c0 = c1 = c2 = c3 = bias == null ? Vector512<float>.Zero : Vector512.Load(bias);
        float* b = panel, end = panel + (depth & ~(nint)7) * 16;
        while (b < end)
        {
            Step4(a, b, 0, ref c0, ref c1, ref c2, ref c3);
            Step4(a, b, 1, ref c0, ref c1, ref c2, ref c3);
            Step4(a, b, 2, ref c0, ref c1, ref c2, ref c3);
            Step4(a, b, 3, ref c0, ref c1, ref c2, ref c3);
            Step4(a, b, 4, ref c0, ref c1, ref c2, ref c3);
            Step4(a, b, 5, ref c0, ref c1, ref c2, ref c3);
            Step4(a, b, 6, ref c0, ref c1, ref c2, ref c3);
            Step4(a, b, 7, ref c0, ref c1, ref c2, ref c3);
            a += 8 * 6;
            b += 8 * 16;
        }
        if ((depth & 4) != 0)
        {
            Step4(a, b, 0, ref c0, ref c1, ref c2, ref c3);
            Step4(a, b, 1, ref c0, ref c1, ref c2, ref c3);
            Step4(a, b, 2, ref c0, ref c1, ref c2, ref c3);
            Step4(a, b, 3, ref c0, ref c1, ref c2, ref c3);
        }
        if (start != null)
        {
            c0 += Vector512.Load(start);
            c1 += Vector512.Load(start + startStride);
            c2 += Vector512.Load(start + 2 * startStride);
            c3 += Vector512.Load(start + 3 * startStride);
        }
        c0.Store(c);
        c1.Store(c + stride);
        c2.Store(c + 2 * stride);
        c3.Store(c + 3 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step6(
        float* a, float* b, [ConstantExpected] int step,
        ref Vector512<float> c0, ref Vector512<float> c1, ref Vector512<float> c2, ref Vector512<float> c3, ref Vector512<float> c4, ref Vector512<float> c5)
    {
        var values = Vector512.Load(b + 16 * step);
        c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6 * step]), values, c0);
        c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6 * step + 1]), values, c1);
        c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6 * step + 2]), values, c2);
        c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6 * step + 3]), values, c3);
        c4 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6 * step + 4]), values, c4);
        c5 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6 * step + 5]), values, c5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step4(
        float* a, float* b, [ConstantExpected] int step, ref Vector512<float> c0, ref Vector512<float> c1, ref Vector512<float> c2, ref Vector512<float> c3)
    {
        var values = Vector512.Load(b + 16 * step);
        c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6 * step]), values, c0);
        c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6 * step + 1]), values, c1);
        c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6 * step + 2]), values, c2);
        c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6 * step + 3]), values, c3);
    }
}
