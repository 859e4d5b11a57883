using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The transforms of Winograd's minimal filtering for 3×3 taps, eight channels at a time: F(2×2) with the points 0, ±1 and
/// F(4×4) with 0, ±1, ±2 (Lavin and Gray 2016, arXiv:1509.09308). The fractions of the weights' transform (G's rows have the factors
/// 1, ½, ½, 1 and ¼, −⅙, −⅙, 1/24, 1/24, 1) are applied by the outputs' transform instead, where they cost next to nothing: weights may have
/// to be transformed at each use.
/// </summary>
internal static unsafe class WinogradTransforms
{
    /// <summary>Channels of one step.</summary>
    public const int Lanes = 8;

    /// <summary>Channels with padding to whole steps.</summary>
    public static int Pad(int channels) => (channels + Lanes - 1) / Lanes * Lanes;

    /// <summary>V = Bᵀ·d·B for 4×4 pixels.</summary>
    /// <param name="pixels">16 pixels, row by row.</param>
    /// <param name="first">The first channel.</param>
    /// <param name="channels">Multiple of 8.</param>
    /// <param name="target">First result; 16 of them, <paramref name="stride"/> floats apart.</param>
    /// <param name="stride">Floats between results.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Input4(float** pixels, nint first, int channels, float* target, nint stride)
    {
        float* t = stackalloc float[16 * Lanes];
        for (nint c = first; c < first + channels; c += Lanes)
        {
            for (int j = 0; j < 4; j++)
            {
                var d0 = Vector256.Load(pixels[j] + c);
                var d1 = Vector256.Load(pixels[4 + j] + c);
                var d2 = Vector256.Load(pixels[8 + j] + c);
                var d3 = Vector256.Load(pixels[12 + j] + c);
                float* q = t + j * Lanes;
                (d0 - d2).Store(q);
                (d1 + d2).Store(q + 4 * Lanes);
                (d2 - d1).Store(q + 8 * Lanes);
                (d1 - d3).Store(q + 12 * Lanes);
            }
            float* o = target + (c - first);
            for (int i = 0; i < 4; i++)
            {
                float* r = t + i * 4 * Lanes;
                var d0 = Vector256.Load(r);
                var d1 = Vector256.Load(r + Lanes);
                var d2 = Vector256.Load(r + 2 * Lanes);
                var d3 = Vector256.Load(r + 3 * Lanes);
                (d0 - d2).Store(o);
                (d1 + d2).Store(o + stride);
                (d2 - d1).Store(o + 2 * stride);
                (d1 - d3).Store(o + 3 * stride);
                o += 4 * stride;
            }
        }
    }

    /// <summary>V = Bᵀ·d·B for 6×6 pixels; as <see cref="Input4"/> with 36 results.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Input6(float** pixels, nint first, int channels, float* target, nint stride)
    {
        float* t = stackalloc float[36 * Lanes];
        var four = Vector256.Create(4f);
        var minusFour = Vector256.Create(-4f);
        var minusFive = Vector256.Create(-5f);
        for (nint c = first; c < first + channels; c += Lanes)
        {
            for (int j = 0; j < 6; j++)
            {
                float* q = t + j * Lanes;
                var d0 = Vector256.Load(pixels[j] + c);
                var d1 = Vector256.Load(pixels[6 + j] + c);
                var d2 = Vector256.Load(pixels[12 + j] + c);
                var d3 = Vector256.Load(pixels[18 + j] + c);
                var d4 = Vector256.Load(pixels[24 + j] + c);
                var d5 = Vector256.Load(pixels[30 + j] + c);
                var even = Vector256.MultiplyAddEstimate(minusFour, d2, d4);
                var odd = Vector256.MultiplyAddEstimate(minusFour, d1, d3);
                var near = d4 - d2;
                var far = d3 - d1;
                far += far;
                Vector256.MultiplyAddEstimate(four, d0, Vector256.MultiplyAddEstimate(minusFive, d2, d4)).Store(q);
                (even + odd).Store(q + 6 * Lanes);
                (even - odd).Store(q + 12 * Lanes);
                (near + far).Store(q + 18 * Lanes);
                (near - far).Store(q + 24 * Lanes);
                Vector256.MultiplyAddEstimate(four, d1, Vector256.MultiplyAddEstimate(minusFive, d3, d5)).Store(q + 30 * Lanes);
            }
            float* o = target + (c - first);
            for (int i = 0; i < 6; i++)
            {
                float* r = t + i * 6 * Lanes;
                var d0 = Vector256.Load(r);
                var d1 = Vector256.Load(r + Lanes);
                var d2 = Vector256.Load(r + 2 * Lanes);
                var d3 = Vector256.Load(r + 3 * Lanes);
                var d4 = Vector256.Load(r + 4 * Lanes);
                var d5 = Vector256.Load(r + 5 * Lanes);
                var even = Vector256.MultiplyAddEstimate(minusFour, d2, d4);
                var odd = Vector256.MultiplyAddEstimate(minusFour, d1, d3);
                var near = d4 - d2;
                var far = d3 - d1;
                far += far;
                Vector256.MultiplyAddEstimate(four, d0, Vector256.MultiplyAddEstimate(minusFive, d2, d4)).Store(o);
                (even + odd).Store(o + stride);
                (even - odd).Store(o + 2 * stride);
                (near + far).Store(o + 3 * stride);
                (near - far).Store(o + 4 * stride);
                Vector256.MultiplyAddEstimate(four, d1, Vector256.MultiplyAddEstimate(minusFive, d3, d5)).Store(o + 5 * stride);
                o += 6 * stride;
            }
        }
    }

    /// <summary>Y = Aᵀ·m·A + bias for 2×2 outputs, Aᵀ with the factors of G's rows.</summary>
    /// <param name="products">First of 16 products, <paramref name="stride"/> floats apart.</param>
    /// <param name="stride">Floats between products.</param>
    /// <param name="channels">Multiple of 8.</param>
    /// <param name="bias">As many floats.</param>
    /// <param name="target">First output.</param>
    /// <param name="rowStride">Floats between rows of outputs.</param>
    /// <param name="columnStride">Floats between outputs.</param>
    /// <param name="rows">Rows to store.</param>
    /// <param name="columns">Columns to store.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Output4(
        float* products, nint stride, int channels, float* bias, float* target, nint rowStride, nint columnStride, int rows, int columns)
    {
        float* t = stackalloc float[8 * Lanes];
        var half = Vector256.Create(0.5f);
        for (int c = 0; c < channels; c += Lanes)
        {
            for (int j = 0; j < 4; j++)
            {
                float* q = products + c + j * stride;
                var d0 = Vector256.Load(q);
                var d1 = Vector256.Load(q + 4 * stride);
                var d2 = Vector256.Load(q + 8 * stride);
                var d3 = Vector256.Load(q + 12 * stride);
                Vector256.MultiplyAddEstimate(half, d1 + d2, d0).Store(t + j * Lanes);
                Vector256.MultiplyAddEstimate(half, d1 - d2, -d3).Store(t + (4 + j) * Lanes);
            }
            var b = Vector256.Load(bias + c);
            for (int i = 0; i < rows; i++)
            {
                float* r = t + i * 4 * Lanes;
                var d0 = Vector256.Load(r);
                var d1 = Vector256.Load(r + Lanes);
                var d2 = Vector256.Load(r + 2 * Lanes);
                var d3 = Vector256.Load(r + 3 * Lanes);
                float* o = target + i * rowStride + c;
                Vector256.MultiplyAddEstimate(half, d1 + d2, d0 + b).Store(o);
                if (columns > 1)
                    Vector256.MultiplyAddEstimate(half, d1 - d2, b - d3).Store(o + columnStride);
            }
        }
    }

    /// <summary>Y = Aᵀ·m·A + bias for 4×4 outputs; as <see cref="Output4"/> from 36 products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Output6(
        float* products, nint stride, int channels, float* bias, float* target, nint rowStride, nint columnStride, int rows, int columns)
    {
        float* t = stackalloc float[24 * Lanes];
        var quarter = Vector256.Create(1 / 4f);
        var minusSixth = Vector256.Create(-1 / 6f);
        var once = Vector256.Create(1 / 24f);
        var twice = Vector256.Create(2 / 24f);
        var fourTimes = Vector256.Create(4 / 24f);
        var eightTimes = Vector256.Create(8 / 24f);
        for (int c = 0; c < channels; c += Lanes)
        {
            for (int j = 0; j < 6; j++)
            {
                float* q = products + c + j * stride;
                var d0 = Vector256.Load(q);
                var d1 = Vector256.Load(q + 6 * stride);
                var d2 = Vector256.Load(q + 12 * stride);
                var d3 = Vector256.Load(q + 18 * stride);
                var d4 = Vector256.Load(q + 24 * stride);
                var d5 = Vector256.Load(q + 30 * stride);
                var near = (d1 + d2) * minusSixth;
                var nearOdd = (d1 - d2) * minusSixth;
                var far = d3 + d4;
                var farOdd = d3 - d4;
                Vector256.MultiplyAddEstimate(quarter, d0, Vector256.MultiplyAddEstimate(once, far, near)).Store(t + j * Lanes);
                Vector256.MultiplyAddEstimate(twice, farOdd, nearOdd).Store(t + (6 + j) * Lanes);
                Vector256.MultiplyAddEstimate(fourTimes, far, near).Store(t + (12 + j) * Lanes);
                (Vector256.MultiplyAddEstimate(eightTimes, farOdd, nearOdd) + d5).Store(t + (18 + j) * Lanes);
            }
            var b = Vector256.Load(bias + c);
            for (int i = 0; i < rows; i++)
            {
                float* r = t + i * 6 * Lanes;
                var d0 = Vector256.Load(r);
                var d1 = Vector256.Load(r + Lanes);
                var d2 = Vector256.Load(r + 2 * Lanes);
                var d3 = Vector256.Load(r + 3 * Lanes);
                var d4 = Vector256.Load(r + 4 * Lanes);
                var d5 = Vector256.Load(r + 5 * Lanes);
                var near = (d1 + d2) * minusSixth;
                var nearOdd = (d1 - d2) * minusSixth;
                var far = d3 + d4;
                var farOdd = d3 - d4;
                float* o = target + i * rowStride + c;
                (Vector256.MultiplyAddEstimate(quarter, d0, Vector256.MultiplyAddEstimate(once, far, near)) + b).Store(o);
                if (columns > 1)
                    (Vector256.MultiplyAddEstimate(twice, farOdd, nearOdd) + b).Store(o + columnStride);
                if (columns > 2)
                    (Vector256.MultiplyAddEstimate(fourTimes, far, near) + b).Store(o + 2 * columnStride);
                if (columns > 3)
                    (Vector256.MultiplyAddEstimate(eightTimes, farOdd, nearOdd) + d5 + b).Store(o + 3 * columnStride);
            }
        }
    }

    /// <summary>target += source for some pixels.</summary>
    /// <param name="source">First pixel to add.</param>
    /// <param name="sourceStride">Floats between its pixels.</param>
    /// <param name="target">First pixel to add to.</param>
    /// <param name="targetStride">Floats between its pixels.</param>
    /// <param name="pixels">Number of pixels.</param>
    /// <param name="channels">Multiple of 8.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* source, nint sourceStride, float* target, nint targetStride, int pixels, int channels)
    {
        for (int i = 0; i < pixels; i++)
        {
            for (int c = 0; c < channels; c += Lanes)
                (Vector256.Load(target + c) + Vector256.Load(source + c)).Store(target + c);
            source += sourceStride;
            target += targetStride;
        }
    }
}
