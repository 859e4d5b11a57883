using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The transforms of minimal filtering for 3×3 taps of stride 2 and tiles of 2×2 outputs, eight channels at a time (Yepez and Ko 2020, "Stride 2 1-D,
/// 2-D, and 3-D Winograd for Convolutional Neural Networks"). Along one axis y0 = g0·d0 + g1·d1 + g2·d2 and y1 = g0·d2 + g1·d3 + g2·d4: pixels of even
/// index meet two taps, F(2,2) with the points 0, 1 and infinity, those of odd index meet one. That is five products instead of six, 25 instead of 36
/// for a tile, by additions alone: (d0 − d2)·g0, d2·(g0 + g2), (d4 − d2)·g2, d1·g1, d3·g1.
/// </summary>
internal static unsafe class WinogradStridedTransforms
{
    /// <summary>Pixels a side of a tile, and elements.</summary>
    public const int Edge = 5;

    private const int Lanes = WinogradTransforms.Lanes;

    /// <summary>The 25 elements of 5×5 pixels.</summary>
    /// <param name="pixels">25 pixels, row by row.</param>
    /// <param name="first">The first channel.</param>
    /// <param name="channels">Multiple of 8.</param>
    /// <param name="target">First result; 25 of them, <paramref name="stride"/> floats apart.</param>
    /// <param name="stride">Floats between results.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Input(float** pixels, nint first, int channels, float* target, nint stride)
    {
        for (nint c = first; c < first + channels; c += Lanes, target += Lanes)
        {
            Row(pixels, pixels + 2 * Edge, c, target, stride);
            Row(pixels + 2 * Edge, c, target + Edge * stride, stride);
            Row(pixels + 4 * Edge, pixels + 2 * Edge, c, target + 2 * Edge * stride, stride);
            Row(pixels + Edge, c, target + 3 * Edge * stride, stride);
            Row(pixels + 3 * Edge, c, target + 4 * Edge * stride, stride);
        }
    }

    /// <summary>Sums of products + bias for 2×2 outputs.</summary>
    /// <param name="products">First of 25 products, <paramref name="stride"/> floats apart.</param>
    /// <param name="stride">Floats between products.</param>
    /// <param name="channels">Multiple of 8.</param>
    /// <param name="bias">As many floats.</param>
    /// <param name="target">First output.</param>
    /// <param name="rowStride">Floats between rows of outputs.</param>
    /// <param name="columnStride">Floats between outputs.</param>
    /// <param name="rows">Rows to store.</param>
    /// <param name="columns">Columns to store.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Output(
        float* products, nint stride, int channels, float* bias, float* target, nint rowStride, nint columnStride, int rows, int columns)
    {
        nint row = Edge * stride;
        for (int c = 0; c < channels; c += Lanes, products += Lanes, target += Lanes)
        {
            var b = Vector256.Load(bias + c);
            var both0 = Left(products + row, stride) + b;
            var both1 = Right(products + row, stride) + b;
            (both0 + (Left(products, stride) + Left(products + 3 * row, stride))).Store(target);
            if (columns > 1)
                (both1 + (Right(products, stride) + Right(products + 3 * row, stride))).Store(target + columnStride);
            if (rows == 1)
                continue;
            (both0 + (Left(products + 2 * row, stride) + Left(products + 4 * row, stride))).Store(target + rowStride);
            if (columns > 1)
                (both1 + (Right(products + 2 * row, stride) + Right(products + 4 * row, stride))).Store(target + rowStride + columnStride);
        }
    }

    /// <summary>A row of elements from a row of pixels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(float** p, nint c, float* target, nint stride) =>
        Row(Vector256.Load(p[0] + c), Vector256.Load(p[1] + c), Vector256.Load(p[2] + c), Vector256.Load(p[3] + c), Vector256.Load(p[4] + c), target, stride);

    /// <summary>A row of elements from the difference of two rows of pixels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(float** p, float** q, nint c, float* target, nint stride) => Row(
        Vector256.Load(p[0] + c) - Vector256.Load(q[0] + c),
        Vector256.Load(p[1] + c) - Vector256.Load(q[1] + c),
        Vector256.Load(p[2] + c) - Vector256.Load(q[2] + c),
        Vector256.Load(p[3] + c) - Vector256.Load(q[3] + c),
        Vector256.Load(p[4] + c) - Vector256.Load(q[4] + c),
        target,
        stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(
        Vector256<float> d0, Vector256<float> d1, Vector256<float> d2, Vector256<float> d3, Vector256<float> d4, float* target, nint stride)
    {
        (d0 - d2).Store(target);
        d2.Store(target + stride);
        (d4 - d2).Store(target + 2 * stride);
        d1.Store(target + 3 * stride);
        d3.Store(target + 4 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Left(float* row, nint stride) =>
        Vector256.Load(row) + Vector256.Load(row + 3 * stride) + Vector256.Load(row + stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Right(float* row, nint stride) =>
        Vector256.Load(row + 2 * stride) + Vector256.Load(row + 4 * stride) + Vector256.Load(row + stride);
}
