using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>The products of <see cref="IntegerDot"/> with 256-bit vectors: 12 sums, 2 of B, one of A and a product in 16 registers.</summary>
internal static unsafe class IntegerDotX86
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Packed6x16<TSum>(short* a, short* b, nint depth, float* c, nint stride, float* rowScales, float* columnScales, float* start, nint startStride, float* bias)
        where TSum : struct, IPairSum
    {
        Vector256<int> c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51;
        c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = c40 = c41 = c50 = c51 = Vector256<int>.Zero;
        short* end = b + depth * 16;
        int* pairs = (int*)a;
        while (b < end)
        {
            var b0 = Vector256.Load(b);
            var b1 = Vector256.Load(b + 16);
            var x = Avx2.BroadcastScalarToVector256(pairs).AsInt16();
            c00 = TSum.Add(c00, x, b0);
            c01 = TSum.Add(c01, x, b1);
            var y = Avx2.BroadcastScalarToVector256(pairs + 1).AsInt16();
            c10 = TSum.Add(c10, y, b0);
            c11 = TSum.Add(c11, y, b1);
            x = Avx2.BroadcastScalarToVector256(pairs + 2).AsInt16();
            c20 = TSum.Add(c20, x, b0);
            c21 = TSum.Add(c21, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 3).AsInt16();
            c30 = TSum.Add(c30, y, b0);
            c31 = TSum.Add(c31, y, b1);
            x = Avx2.BroadcastScalarToVector256(pairs + 4).AsInt16();
            c40 = TSum.Add(c40, x, b0);
            c41 = TSum.Add(c41, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 5).AsInt16();
            c50 = TSum.Add(c50, y, b0);
            c51 = TSum.Add(c51, y, b1);
            b0 = Vector256.Load(b + 32);
            b1 = Vector256.Load(b + 48);
            x = Avx2.BroadcastScalarToVector256(pairs + 6).AsInt16();
            c00 = TSum.Add(c00, x, b0);
            c01 = TSum.Add(c01, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 7).AsInt16();
            c10 = TSum.Add(c10, y, b0);
            c11 = TSum.Add(c11, y, b1);
            x = Avx2.BroadcastScalarToVector256(pairs + 8).AsInt16();
            c20 = TSum.Add(c20, x, b0);
            c21 = TSum.Add(c21, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 9).AsInt16();
            c30 = TSum.Add(c30, y, b0);
            c31 = TSum.Add(c31, y, b1);
            x = Avx2.BroadcastScalarToVector256(pairs + 10).AsInt16();
            c40 = TSum.Add(c40, x, b0);
            c41 = TSum.Add(c41, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 11).AsInt16();
            c50 = TSum.Add(c50, y, b0);
            c51 = TSum.Add(c51, y, b1);
            Sse.Prefetch0(b + 256);
            Sse.Prefetch0(b + 288);
            b0 = Vector256.Load(b + 64);
            b1 = Vector256.Load(b + 80);
            x = Avx2.BroadcastScalarToVector256(pairs + 12).AsInt16();
            c00 = TSum.Add(c00, x, b0);
            c01 = TSum.Add(c01, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 13).AsInt16();
            c10 = TSum.Add(c10, y, b0);
            c11 = TSum.Add(c11, y, b1);
            x = Avx2.BroadcastScalarToVector256(pairs + 14).AsInt16();
            c20 = TSum.Add(c20, x, b0);
            c21 = TSum.Add(c21, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 15).AsInt16();
            c30 = TSum.Add(c30, y, b0);
            c31 = TSum.Add(c31, y, b1);
            x = Avx2.BroadcastScalarToVector256(pairs + 16).AsInt16();
            c40 = TSum.Add(c40, x, b0);
            c41 = TSum.Add(c41, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 17).AsInt16();
            c50 = TSum.Add(c50, y, b0);
            c51 = TSum.Add(c51, y, b1);
            b0 = Vector256.Load(b + 96);
            b1 = Vector256.Load(b + 112);
            x = Avx2.BroadcastScalarToVector256(pairs + 18).AsInt16();
            c00 = TSum.Add(c00, x, b0);
            c01 = TSum.Add(c01, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 19).AsInt16();
            c10 = TSum.Add(c10, y, b0);
            c11 = TSum.Add(c11, y, b1);
            x = Avx2.BroadcastScalarToVector256(pairs + 20).AsInt16();
            c20 = TSum.Add(c20, x, b0);
            c21 = TSum.Add(c21, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 21).AsInt16();
            c30 = TSum.Add(c30, y, b0);
            c31 = TSum.Add(c31, y, b1);
            x = Avx2.BroadcastScalarToVector256(pairs + 22).AsInt16();
            c40 = TSum.Add(c40, x, b0);
            c41 = TSum.Add(c41, x, b1);
            y = Avx2.BroadcastScalarToVector256(pairs + 23).AsInt16();
            c50 = TSum.Add(c50, y, b0);
            c51 = TSum.Add(c51, y, b1);
            Sse.Prefetch0(b + 320);
            Sse.Prefetch0(b + 352);
            pairs += 24;
            b += 128;
        }
        startStride = start == null ? 0 : startStride;
        var scale0 = Vector256.Load(columnScales);
        var scale1 = Vector256.Load(columnScales + 8);
        var (bias0, bias1) = (Vector256<float>.Zero, Vector256<float>.Zero);
        if (bias != null)
            (bias0, bias1) = (Vector256.Load(bias), Vector256.Load(bias + 8));
        var row = Vector256.Create(rowScales[0]);
        Finish(c, Vector256.ConvertToSingle(c00) * (scale0 * row) + bias0, Vector256.ConvertToSingle(c01) * (scale1 * row) + bias1, start);
        c += stride;
        start += startStride;
        row = Vector256.Create(rowScales[1]);
        Finish(c, Vector256.ConvertToSingle(c10) * (scale0 * row) + bias0, Vector256.ConvertToSingle(c11) * (scale1 * row) + bias1, start);
        c += stride;
        start += startStride;
        row = Vector256.Create(rowScales[2]);
        Finish(c, Vector256.ConvertToSingle(c20) * (scale0 * row) + bias0, Vector256.ConvertToSingle(c21) * (scale1 * row) + bias1, start);
        c += stride;
        start += startStride;
        row = Vector256.Create(rowScales[3]);
        Finish(c, Vector256.ConvertToSingle(c30) * (scale0 * row) + bias0, Vector256.ConvertToSingle(c31) * (scale1 * row) + bias1, start);
        c += stride;
        start += startStride;
        row = Vector256.Create(rowScales[4]);
        Finish(c, Vector256.ConvertToSingle(c40) * (scale0 * row) + bias0, Vector256.ConvertToSingle(c41) * (scale1 * row) + bias1, start);
        c += stride;
        start += startStride;
        row = Vector256.Create(rowScales[5]);
        Finish(c, Vector256.ConvertToSingle(c50) * (scale0 * row) + bias0, Vector256.ConvertToSingle(c51) * (scale1 * row) + bias1, start);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Sum<TSum>(short* x, short* y, nint n)
        where TSum : struct, IPairSum
    {
        var first = Vector256<int>.Zero;
        var second = Vector256<int>.Zero;
        nint i = 0;
        for (; i <= n - 32; i += 32)
        {
            first = TSum.Add(first, Vector256.Load(x + i), Vector256.Load(y + i));
            second = TSum.Add(second, Vector256.Load(x + i + 16), Vector256.Load(y + i + 16));
        }
        int sum = Vector256.Sum(first + second);
        for (; i < n; i++)
            sum += x[i] * y[i];
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(float* c, Vector256<float> first, Vector256<float> second, float* start)
    {
        if (start != null)
        {
            first += Vector256.Load(start);
            second += Vector256.Load(start + 8);
        }
        first.Store(c);
        second.Store(c + 8);
    }
}
