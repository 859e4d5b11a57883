using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The packed product of <see cref="MicroKernel"/> with 512-bit vectors: a row of results is one vector. Even and odd depths have sums of
/// their own, so that twelve chains hide the latency of the multiply-adds.
/// </summary>
internal static unsafe class MicroKernelWide
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Packed6x16(float* a, float* b, nint depth, float* c, nint stride, float* start, nint startStride, float* bias)
    {
        Vector512<float> c0, c1, c2, c3, c4, c5, d0, d1, d2, d3, d4, d5;
        c0 = c1 = c2 = c3 = c4 = c5 = bias == null ? Vector512<float>.Zero : Vector512.Load(bias);
        d0 = d1 = d2 = d3 = d4 = d5 = Vector512<float>.Zero;
        float* end = b + depth * 16;
        while (b < end)
        {
            var even = Vector512.Load(b);
            var odd = Vector512.Load(b + 16);
            c0 = Vector512.FusedMultiplyAdd(Vector512.Create(*a), even, c0);
            c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[1]), even, c1);
            c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[2]), even, c2);
            c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a[3]), even, c3);
            c4 = Vector512.FusedMultiplyAdd(Vector512.Create(a[4]), even, c4);
            c5 = Vector512.FusedMultiplyAdd(Vector512.Create(a[5]), even, c5);
            d0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6]), odd, d0);
            d1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[7]), odd, d1);
            d2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[8]), odd, d2);
            d3 = Vector512.FusedMultiplyAdd(Vector512.Create(a[9]), odd, d3);
            d4 = Vector512.FusedMultiplyAdd(Vector512.Create(a[10]), odd, d4);
            d5 = Vector512.FusedMultiplyAdd(Vector512.Create(a[11]), odd, d5);
            even = Vector512.Load(b + 32);
            odd = Vector512.Load(b + 48);
            c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[12]), even, c0);
            c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[13]), even, c1);
            c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[14]), even, c2);
            c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a[15]), even, c3);
            c4 = Vector512.FusedMultiplyAdd(Vector512.Create(a[16]), even, c4);
            c5 = Vector512.FusedMultiplyAdd(Vector512.Create(a[17]), even, c5);
            d0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[18]), odd, d0);
            d1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[19]), odd, d1);
            d2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[20]), odd, d2);
            d3 = Vector512.FusedMultiplyAdd(Vector512.Create(a[21]), odd, d3);
            d4 = Vector512.FusedMultiplyAdd(Vector512.Create(a[22]), odd, d4);
            d5 = Vector512.FusedMultiplyAdd(Vector512.Create(a[23]), odd, d5);
            a += 24;
            b += 64;
        }
        c0 += d0;
        c1 += d1;
        c2 += d2;
        c3 += d3;
        c4 += d4;
        c5 += d5;
        if (start != null)
        {
            c0 += Vector512.Load(start);
            c1 += Vector512.Load(start + startStride);
            c2 += Vector512.Load(start + 2 * startStride);
            c3 += Vector512.Load(start + 3 * startStride);
            c4 += Vector512.Load(start + 4 * startStride);
            c5 += Vector512.Load(start + 5 * startStride);
        }
        c0.Store(c);
        c1.Store(c + stride);
        c2.Store(c + 2 * stride);
        c3.Store(c + 3 * stride);
        c4.Store(c + 4 * stride);
        c5.Store(c + 5 * stride);
    }
}
