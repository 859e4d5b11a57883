using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Products of Winograd's F(4×4) with weights as they are stored: a row of six transformed elements of four tiles times sixteen outputs, whose
/// 24 sums fill 24 of 32 registers of 512 bits. The taps are transformed in registers on the way, by additions only: these begin beside the multiply-adds, which are
/// what a round is bound by (24 multiply-adds, 9 to 18 additions, at most 9 loads besides those that multiply-adds do). Nothing of the transformed
/// weights is ever stored. Never inlined, like <see cref="MicroKernelWide"/>.
/// </summary>
internal static unsafe class WinogradRows
{
    /// <summary>Tiles that are multiplied at once.</summary>
    public const int Tiles = 4;

    /// <summary>Elements of a row.</summary>
    public const int Edge = 6;

    private const int Width = MicroKernel.Width;
    private const int Taps = 9 * Width;

    /// <summary>A row of G without its factors, applied to three rows of taps.</summary>
    private interface IPoint
    {
        /// <summary>One column: the taps of rows 0, 1 and 2 lie 3·16 floats apart.</summary>
        static abstract Vector512<float> At(float* taps);
    }

    /// <summary>Whether the processor has what this needs.</summary>
    public static bool IsSupported => MicroKernel.IsWide;

    /// <summary>C[6][4,16] = start + A·U with U = one row of G·g·Gᵀ.</summary>
    /// <param name="row">Which row of elements, 0…5.</param>
    /// <param name="a">Elements of four tiles, [channels][6][4].</param>
    /// <param name="taps">Weights of 16 outputs, [channels][9][16].</param>
    /// <param name="channels">At least 1.</param>
    /// <param name="c">First result: [element][tile][16].</param>
    /// <param name="stride">Floats between elements.</param>
    /// <param name="start">What to add to, laid out like C: C itself, or null.</param>
    /// <param name="next">What will be needed next, to be brought nearer; any address will do.</param>
    /// <param name="nextStep">Bytes of it for each channel, at most 128.</param>
    public static void Multiply(int row, float* a, float* taps, nint channels, float* c, nint stride, float* start, byte* next, nint nextStep)
    {
        switch (row)
        {
            case 0:
                Multiply<Zero>(a, taps, channels, c, stride, start, next, nextStep);
                break;
            case 1:
                Multiply<One>(a, taps, channels, c, stride, start, next, nextStep);
                break;
            case 2:
                Multiply<MinusOne>(a, taps, channels, c, stride, start, next, nextStep);
                break;
            case 3:
                Multiply<Two>(a, taps, channels, c, stride, start, next, nextStep);
                break;
            case 4:
                Multiply<MinusTwo>(a, taps, channels, c, stride, start, next, nextStep);
                break;
            default:
                Multiply<Infinity>(a, taps, channels, c, stride, start, next, nextStep);
                break;
        }
    }

    /// <summary>Packs one row of elements of four tiles as [channels][6][4].</summary>
    /// <param name="elements">First channel of each element of the first tile; the other tiles follow.</param>
    /// <param name="tileStride">Floats between tiles.</param>
    /// <param name="elementStride">Floats between elements.</param>
    /// <param name="channels">Multiple of 4.</param>
    /// <param name="target">24 floats for each channel.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(float* elements, nint tileStride, nint elementStride, nint channels, float* target)
    {
        for (nint k = 0; k < channels; k += 4)
        {
            float* to = target + k * (Edge * Tiles);
            for (int e = 0; e < Edge; e++, to += Tiles)
            {
                float* from = elements + e * elementStride + k;
                var v0 = Vector128.Load(from);
                var v1 = Vector128.Load(from + tileStride);
                var v2 = Vector128.Load(from + 2 * tileStride);
                var v3 = Vector128.Load(from + 3 * tileStride);
                var t0 = Sse.UnpackLow(v0, v1);
                var t1 = Sse.UnpackHigh(v0, v1);
                var t2 = Sse.UnpackLow(v2, v3);
                var t3 = Sse.UnpackHigh(v2, v3);
                Sse.MoveLowToHigh(t0, t2).Store(to);
                Sse.MoveHighToLow(t2, t0).Store(to + Edge * Tiles);
                Sse.MoveLowToHigh(t1, t3).Store(to + 2 * Edge * Tiles);
                Sse.MoveHighToLow(t3, t1).Store(to + 3 * Edge * Tiles);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Multiply<TPoint>(float* a, float* taps, nint channels, float* c, nint stride, float* start, byte* next, nint nextStep)
        where TPoint : struct, IPoint
    {
        Vector512<float> c0, c1, c2, c3, c4, c5, c6, c7;
        Vector512<float> c8, c9, c10, c11, c12, c13, c14, c15;
        Vector512<float> c16, c17, c18, c19, c20, c21, c22, c23;
        c0 = c1 = c2 = c3 = c4 = c5 = c6 = c7 = Vector512<float>.Zero;
        c8 = c9 = c10 = c11 = c12 = c13 = c14 = c15 = Vector512<float>.Zero;
        c16 = c17 = c18 = c19 = c20 = c21 = c22 = c23 = Vector512<float>.Zero;
        float* end = taps + channels * Taps;
        while (taps < end)
        {
            Sse.Prefetch1(next);
            Sse.Prefetch1(next + 64);
            next += nextStep;
            var g0 = TPoint.At(taps);
            c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[0]), g0, c0);
            c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[1]), g0, c1);
            c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[2]), g0, c2);
            c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a[3]), g0, c3);
            var g2 = TPoint.At(taps + 2 * Width);
            c20 = Vector512.FusedMultiplyAdd(Vector512.Create(a[20]), g2, c20);
            c21 = Vector512.FusedMultiplyAdd(Vector512.Create(a[21]), g2, c21);
            c22 = Vector512.FusedMultiplyAdd(Vector512.Create(a[22]), g2, c22);
            c23 = Vector512.FusedMultiplyAdd(Vector512.Create(a[23]), g2, c23);
            var g1 = TPoint.At(taps + Width);
            var even = g0 + g2;
            var u = even + g1;
            c4 = Vector512.FusedMultiplyAdd(Vector512.Create(a[4]), u, c4);
            c5 = Vector512.FusedMultiplyAdd(Vector512.Create(a[5]), u, c5);
            c6 = Vector512.FusedMultiplyAdd(Vector512.Create(a[6]), u, c6);
            c7 = Vector512.FusedMultiplyAdd(Vector512.Create(a[7]), u, c7);
            u = even - g1;
            c8 = Vector512.FusedMultiplyAdd(Vector512.Create(a[8]), u, c8);
            c9 = Vector512.FusedMultiplyAdd(Vector512.Create(a[9]), u, c9);
            c10 = Vector512.FusedMultiplyAdd(Vector512.Create(a[10]), u, c10);
            c11 = Vector512.FusedMultiplyAdd(Vector512.Create(a[11]), u, c11);
            // 1·g0 ± 2·g1 + 4·g2 = g0 + 2·(2·g2 ± g1)
            g2 += g2;
            u = g2 + g1;
            u = g0 + (u + u);
            c12 = Vector512.FusedMultiplyAdd(Vector512.Create(a[12]), u, c12);
            c13 = Vector512.FusedMultiplyAdd(Vector512.Create(a[13]), u, c13);
            c14 = Vector512.FusedMultiplyAdd(Vector512.Create(a[14]), u, c14);
            c15 = Vector512.FusedMultiplyAdd(Vector512.Create(a[15]), u, c15);
            u = g2 - g1;
            u = g0 + (u + u);
            c16 = Vector512.FusedMultiplyAdd(Vector512.Create(a[16]), u, c16);
            c17 = Vector512.FusedMultiplyAdd(Vector512.Create(a[17]), u, c17);
            c18 = Vector512.FusedMultiplyAdd(Vector512.Create(a[18]), u, c18);
            c19 = Vector512.FusedMultiplyAdd(Vector512.Create(a[19]), u, c19);
            a += Edge * Tiles;
            taps += Taps;
        }
        if (start != null)
        {
            c0 += Vector512.Load(start);
            c1 += Vector512.Load(start + 16);
            c2 += Vector512.Load(start + 32);
            c3 += Vector512.Load(start + 48);
            start += stride;
            c4 += Vector512.Load(start);
            c5 += Vector512.Load(start + 16);
            c6 += Vector512.Load(start + 32);
            c7 += Vector512.Load(start + 48);
            start += stride;
            c8 += Vector512.Load(start);
            c9 += Vector512.Load(start + 16);
            c10 += Vector512.Load(start + 32);
            c11 += Vector512.Load(start + 48);
            start += stride;
            c12 += Vector512.Load(start);
            c13 += Vector512.Load(start + 16);
            c14 += Vector512.Load(start + 32);
            c15 += Vector512.Load(start + 48);
            start += stride;
            c16 += Vector512.Load(start);
            c17 += Vector512.Load(start + 16);
            c18 += Vector512.Load(start + 32);
            c19 += Vector512.Load(start + 48);
            start += stride;
            c20 += Vector512.Load(start);
            c21 += Vector512.Load(start + 16);
            c22 += Vector512.Load(start + 32);
            c23 += Vector512.Load(start + 48);
        }
        c0.Store(c);
        c1.Store(c + 16);
        c2.Store(c + 32);
        c3.Store(c + 48);
        c += stride;
        c4.Store(c);
        c5.Store(c + 16);
        c6.Store(c + 32);
        c7.Store(c + 48);
        c += stride;
        c8.Store(c);
        c9.Store(c + 16);
        c10.Store(c + 32);
        c11.Store(c + 48);
        c += stride;
        c12.Store(c);
        c13.Store(c + 16);
        c14.Store(c + 32);
        c15.Store(c + 48);
        c += stride;
        c16.Store(c);
        c17.Store(c + 16);
        c18.Store(c + 32);
        c19.Store(c + 48);
        c += stride;
        c20.Store(c);
        c21.Store(c + 16);
        c22.Store(c + 32);
        c23.Store(c + 48);
    }

    private readonly struct Zero : IPoint
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> At(float* taps) => Vector512.Load(taps);
    }

    private readonly struct One : IPoint
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> At(float* taps) =>
            Vector512.Load(taps) + Vector512.Load(taps + 6 * Width) + Vector512.Load(taps + 3 * Width);
    }

    private readonly struct MinusOne : IPoint
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> At(float* taps) =>
            Vector512.Load(taps) + Vector512.Load(taps + 6 * Width) - Vector512.Load(taps + 3 * Width);
    }

    private readonly struct Two : IPoint
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> At(float* taps)
        {
            var g2 = Vector512.Load(taps + 6 * Width);
            var half = g2 + g2 + Vector512.Load(taps + 3 * Width);
            return Vector512.Load(taps) + (half + half);
        }
    }

    private readonly struct MinusTwo : IPoint
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> At(float* taps)
        {
            var g2 = Vector512.Load(taps + 6 * Width);
            var half = g2 + g2 - Vector512.Load(taps + 3 * Width);
            return Vector512.Load(taps) + (half + half);
        }
    }

    private readonly struct Infinity : IPoint
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> At(float* taps) => Vector512.Load(taps + 6 * Width);
    }
}
