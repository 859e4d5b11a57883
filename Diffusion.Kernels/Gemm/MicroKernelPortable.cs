using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary>The products of <see cref="MicroKernel"/> with the portable 128-bit vectors, for hardware without 256-bit fused multiply-adds.</summary>
internal static unsafe class MicroKernelPortable
{
    public static void Packed6x16(float* a, float* b, nint depth, float* c, nint stride, float* start, nint startStride, float* bias)
    {
        Packed6x8(a, b, depth, c, stride, start, startStride, bias);
        Packed6x8(a, b + 8, depth, c + 8, stride, start == null ? null : start + 8, startStride, bias == null ? null : bias + 8);
    }

    /// <summary>Any number of rows and a multiple of 4 columns, for the rarer shapes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Strided(float* a, nint lda, float* b, nint depth, float* c, nint stride, int rows, int width, bool add)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < width; column += 8)
            {
                float* p = b + column;
                var low = Vector128<float>.Zero;
                var high = Vector128<float>.Zero;
                for (nint k = 0; k < depth; k++)
                {
                    var x = Vector128.Create(a[k]);
                    low = Vector128.MultiplyAddEstimate(x, Vector128.Load(p), low);
                    high = Vector128.MultiplyAddEstimate(x, Vector128.Load(p + 4), high);
                    p += width;
                }
                if (add)
                {
                    low += Vector128.Load(c + column);
                    high += Vector128.Load(c + column + 4);
                }
                low.Store(c + column);
                high.Store(c + column + 4);
            }
            a += lda;
            c += stride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Packed6x8(float* a, float* b, nint depth, float* c, nint stride, float* start, nint startStride, float* bias)
    {
        Vector128<float> c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51;
        if (bias != null)
        {
            c00 = c10 = c20 = c30 = c40 = c50 = Vector128.Load(bias);
            c01 = c11 = c21 = c31 = c41 = c51 = Vector128.Load(bias + 4);
        }
        else
        {
            c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = c40 = c41 = c50 = c51 = Vector128<float>.Zero;
        }
        for (nint k = 0; k < depth; k++)
        {
            var b0 = Vector128.Load(b);
            var b1 = Vector128.Load(b + 4);
            var x = Vector128.Create(a[0]);
            c00 = Vector128.MultiplyAddEstimate(x, b0, c00);
            c01 = Vector128.MultiplyAddEstimate(x, b1, c01);
            x = Vector128.Create(a[1]);
            c10 = Vector128.MultiplyAddEstimate(x, b0, c10);
            c11 = Vector128.MultiplyAddEstimate(x, b1, c11);
            x = Vector128.Create(a[2]);
            c20 = Vector128.MultiplyAddEstimate(x, b0, c20);
            c21 = Vector128.MultiplyAddEstimate(x, b1, c21);
            x = Vector128.Create(a[3]);
            c30 = Vector128.MultiplyAddEstimate(x, b0, c30);
            c31 = Vector128.MultiplyAddEstimate(x, b1, c31);
            x = Vector128.Create(a[4]);
            c40 = Vector128.MultiplyAddEstimate(x, b0, c40);
            c41 = Vector128.MultiplyAddEstimate(x, b1, c41);
            x = Vector128.Create(a[5]);
            c50 = Vector128.MultiplyAddEstimate(x, b0, c50);
            c51 = Vector128.MultiplyAddEstimate(x, b1, c51);
            a += 6;
            b += 16;
        }
        if (start != null)
        {
            // Last, so that sums over a deep product are of partial sums.
            c00 += Vector128.Load(start);
            c01 += Vector128.Load(start + 4);
            start += startStride;
            c10 += Vector128.Load(start);
            c11 += Vector128.Load(start + 4);
            start += startStride;
            c20 += Vector128.Load(start);
            c21 += Vector128.Load(start + 4);
            start += startStride;
            c30 += Vector128.Load(start);
            c31 += Vector128.Load(start + 4);
            start += startStride;
            c40 += Vector128.Load(start);
            c41 += Vector128.Load(start + 4);
            start += startStride;
            c50 += Vector128.Load(start);
            c51 += Vector128.Load(start + 4);
        }
        c00.Store(c);
        c01.Store(c + 4);
        c += stride;
        c10.Store(c);
        c11.Store(c + 4);
        c += stride;
        c20.Store(c);
        c21.Store(c + 4);
        c += stride;
        c30.Store(c);
        c31.Store(c + 4);
        c += stride;
        c40.Store(c);
        c41.Store(c + 4);
        c += stride;
        c50.Store(c);
        c51.Store(c + 4);
    }
}
