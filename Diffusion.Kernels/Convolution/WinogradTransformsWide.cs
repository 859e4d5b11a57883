using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The transforms of <see cref="WinogradTransforms"/> for F(4×4) with vectors of 512 bits, whose 32 registers hold what is passed through memory
/// with 256.
/// </summary>
internal static unsafe class WinogradTransformsWide
{
    /// <summary>Channels of one step.</summary>
    public const int Lanes = 16;

    /// <summary>V = Bᵀ·d·B for 6×6 pixels.</summary>
    /// <param name="pixels">36 pixels, row by row.</param>
    /// <param name="first">The first channel.</param>
    /// <param name="channels">Multiple of 16.</param>
    /// <param name="target">First result; 36 of them, <paramref name="stride"/> floats apart.</param>
    /// <param name="stride">Floats between results.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Input6(float** pixels, nint first, int channels, float* target, nint stride)
    {
        for (nint c = first; c < first + channels; c += Lanes, target += Lanes)
        {
            Row(
                Outer(pixels, c), Outer(pixels + 1, c), Outer(pixels + 2, c), Outer(pixels + 3, c), Outer(pixels + 4, c), Outer(pixels + 5, c),
                target, stride);
            var near0 = NearEven(pixels + 0, c);
            var nearOdd0 = NearOdd(pixels + 0, c);
            var near1 = NearEven(pixels + 1, c);
            var nearOdd1 = NearOdd(pixels + 1, c);
            var near2 = NearEven(pixels + 2, c);
            var nearOdd2 = NearOdd(pixels + 2, c);
            var near3 = NearEven(pixels + 3, c);
            var nearOdd3 = NearOdd(pixels + 3, c);
            var near4 = NearEven(pixels + 4, c);
            var nearOdd4 = NearOdd(pixels + 4, c);
            var near5 = NearEven(pixels + 5, c);
            var nearOdd5 = NearOdd(pixels + 5, c);
            Row(
                near0 + nearOdd0, near1 + nearOdd1, near2 + nearOdd2, near3 + nearOdd3, near4 + nearOdd4, near5 + nearOdd5,
                target + 6 * stride, stride);
            Row(
                near0 - nearOdd0, near1 - nearOdd1, near2 - nearOdd2, near3 - nearOdd3, near4 - nearOdd4, near5 - nearOdd5,
                target + 12 * stride, stride);
            var far0 = FarEven(pixels + 0, c);
            var farOdd0 = FarOdd(pixels + 0, c);
            var far1 = FarEven(pixels + 1, c);
            var farOdd1 = FarOdd(pixels + 1, c);
            var far2 = FarEven(pixels + 2, c);
            var farOdd2 = FarOdd(pixels + 2, c);
            var far3 = FarEven(pixels + 3, c);
            var farOdd3 = FarOdd(pixels + 3, c);
            var far4 = FarEven(pixels + 4, c);
            var farOdd4 = FarOdd(pixels + 4, c);
            var far5 = FarEven(pixels + 5, c);
            var farOdd5 = FarOdd(pixels + 5, c);
            Row(
                far0 + farOdd0, far1 + farOdd1, far2 + farOdd2, far3 + farOdd3, far4 + farOdd4, far5 + farOdd5,
                target + 18 * stride, stride);
            Row(
                far0 - farOdd0, far1 - farOdd1, far2 - farOdd2, far3 - farOdd3, far4 - farOdd4, far5 - farOdd5,
                target + 24 * stride, stride);
            float** below = pixels + 6;
            Row(
                Outer(below, c), Outer(below + 1, c), Outer(below + 2, c), Outer(below + 3, c), Outer(below + 4, c), Outer(below + 5, c),
                target + 30 * stride, stride);
        }
    }

    /// <summary>Y = Aᵀ·m·A + bias + residual for 4×4 outputs, Aᵀ with the factors of G's rows.</summary>
    /// <param name="products">First of 36 products of 16 channels, <paramref name="stride"/> floats apart.</param>
    /// <param name="stride">Floats between products.</param>
    /// <param name="bias">16 floats.</param>
    /// <param name="target">First output.</param>
    /// <param name="rowStride">Floats between rows of outputs.</param>
    /// <param name="columnStride">Floats between outputs.</param>
    /// <param name="residual">The first value to add, or null.</param>
    /// <param name="residualRow">Floats between its rows.</param>
    /// <param name="residualColumn">Floats between its values.</param>
    /// <param name="rows">Rows to store.</param>
    /// <param name="columns">Columns to store.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Output6(
        float* products, nint stride, float* bias, float* target, nint rowStride, nint columnStride, float* residual, nint residualRow, nint residualColumn,
        int rows, int columns)
    {
        Vector512<float> p0, p1, p2, p3, q0, q1, q2, q3;
        var b = Vector512.Load(bias);
        Columns(products, stride, out p0, out p1, out p2, out p3);
        var top0 = Vector512.FusedMultiplyAdd(p0, Vector512.Create(1 / 4f), b);
        var top1 = Vector512.FusedMultiplyAdd(p1, Vector512.Create(1 / 4f), b);
        var top2 = Vector512.FusedMultiplyAdd(p2, Vector512.Create(1 / 4f), b);
        var top3 = Vector512.FusedMultiplyAdd(p3, Vector512.Create(1 / 4f), b);
        Columns(products + 30 * stride, stride, out p0, out p1, out p2, out p3);
        var bottom0 = p0 + b;
        var bottom1 = p1 + b;
        var bottom2 = p2 + b;
        var bottom3 = p3 + b;
        Columns(products + 6 * stride, stride, out p0, out p1, out p2, out p3);
        Columns(products + 12 * stride, stride, out q0, out q1, out q2, out q3);
        var sum0 = p0 + q0;
        var difference0 = p0 - q0;
        top0 = Vector512.FusedMultiplyAdd(sum0, Vector512.Create(-1 / 6f), top0);
        var second0 = Vector512.FusedMultiplyAdd(difference0, Vector512.Create(-1 / 6f), b);
        var third0 = Vector512.FusedMultiplyAdd(sum0, Vector512.Create(-1 / 6f), b);
        bottom0 = Vector512.FusedMultiplyAdd(difference0, Vector512.Create(-1 / 6f), bottom0);
        var sum1 = p1 + q1;
        var difference1 = p1 - q1;
        top1 = Vector512.FusedMultiplyAdd(sum1, Vector512.Create(-1 / 6f), top1);
        var second1 = Vector512.FusedMultiplyAdd(difference1, Vector512.Create(-1 / 6f), b);
        var third1 = Vector512.FusedMultiplyAdd(sum1, Vector512.Create(-1 / 6f), b);
        bottom1 = Vector512.FusedMultiplyAdd(difference1, Vector512.Create(-1 / 6f), bottom1);
        var sum2 = p2 + q2;
        var difference2 = p2 - q2;
        top2 = Vector512.FusedMultiplyAdd(sum2, Vector512.Create(-1 / 6f), top2);
        var second2 = Vector512.FusedMultiplyAdd(difference2, Vector512.Create(-1 / 6f), b);
        var third2 = Vector512.FusedMultiplyAdd(sum2, Vector512.Create(-1 / 6f), b);
        bottom2 = Vector512.FusedMultiplyAdd(difference2, Vector512.Create(-1 / 6f), bottom2);
        var sum3 = p3 + q3;
        var difference3 = p3 - q3;
        top3 = Vector512.FusedMultiplyAdd(sum3, Vector512.Create(-1 / 6f), top3);
        var second3 = Vector512.FusedMultiplyAdd(difference3, Vector512.Create(-1 / 6f), b);
        var third3 = Vector512.FusedMultiplyAdd(sum3, Vector512.Create(-1 / 6f), b);
        bottom3 = Vector512.FusedMultiplyAdd(difference3, Vector512.Create(-1 / 6f), bottom3);
        Columns(products + 18 * stride, stride, out p0, out p1, out p2, out p3);
        Columns(products + 24 * stride, stride, out q0, out q1, out q2, out q3);
        sum0 = p0 + q0;
        difference0 = p0 - q0;
        top0 = Vector512.FusedMultiplyAdd(sum0, Vector512.Create(1 / 24f), top0);
        second0 = Vector512.FusedMultiplyAdd(difference0, Vector512.Create(2 / 24f), second0);
        third0 = Vector512.FusedMultiplyAdd(sum0, Vector512.Create(4 / 24f), third0);
        bottom0 = Vector512.FusedMultiplyAdd(difference0, Vector512.Create(8 / 24f), bottom0);
        sum1 = p1 + q1;
        difference1 = p1 - q1;
        top1 = Vector512.FusedMultiplyAdd(sum1, Vector512.Create(1 / 24f), top1);
        second1 = Vector512.FusedMultiplyAdd(difference1, Vector512.Create(2 / 24f), second1);
        third1 = Vector512.FusedMultiplyAdd(sum1, Vector512.Create(4 / 24f), third1);
        bottom1 = Vector512.FusedMultiplyAdd(difference1, Vector512.Create(8 / 24f), bottom1);
        sum2 = p2 + q2;
        difference2 = p2 - q2;
        top2 = Vector512.FusedMultiplyAdd(sum2, Vector512.Create(1 / 24f), top2);
        second2 = Vector512.FusedMultiplyAdd(difference2, Vector512.Create(2 / 24f), second2);
        third2 = Vector512.FusedMultiplyAdd(sum2, Vector512.Create(4 / 24f), third2);
        bottom2 = Vector512.FusedMultiplyAdd(difference2, Vector512.Create(8 / 24f), bottom2);
        sum3 = p3 + q3;
        difference3 = p3 - q3;
        top3 = Vector512.FusedMultiplyAdd(sum3, Vector512.Create(1 / 24f), top3);
        second3 = Vector512.FusedMultiplyAdd(difference3, Vector512.Create(2 / 24f), second3);
        third3 = Vector512.FusedMultiplyAdd(sum3, Vector512.Create(4 / 24f), third3);
        bottom3 = Vector512.FusedMultiplyAdd(difference3, Vector512.Create(8 / 24f), bottom3);
        Store(top0, top1, top2, top3, target, columnStride, residual, residualColumn, columns);
        if (rows > 1)
            Store(second0, second1, second2, second3, target + rowStride, columnStride, Next(residual, residualRow), residualColumn, columns);
        if (rows > 2)
            Store(third0, third1, third2, third3, target + 2 * rowStride, columnStride, Next(residual, 2 * residualRow), residualColumn, columns);
        if (rows > 3)
            Store(bottom0, bottom1, bottom2, bottom3, target + 3 * rowStride, columnStride, Next(residual, 3 * residualRow), residualColumn, columns);
    }

    // Row i of Bᵀ: 4, 0, −5, 0, 1, 0; from the next row of pixels on for the last one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Outer(float** column, nint c) => Outer(Vector512.Load(column[0] + c), Vector512.Load(column[12] + c), Vector512.Load(column[24] + c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Outer(Vector512<float> d0, Vector512<float> d2, Vector512<float> d4) =>
        Vector512.FusedMultiplyAdd(Vector512.Create(4f), d0, Vector512.FusedMultiplyAdd(Vector512.Create(-5f), d2, d4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> NearEven(float** column, nint c) =>
        Vector512.FusedMultiplyAdd(Vector512.Create(-4f), Vector512.Load(column[12] + c), Vector512.Load(column[24] + c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> NearOdd(float** column, nint c) =>
        Vector512.FusedMultiplyAdd(Vector512.Create(-4f), Vector512.Load(column[6] + c), Vector512.Load(column[18] + c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> FarEven(float** column, nint c) => Vector512.Load(column[24] + c) - Vector512.Load(column[12] + c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> FarOdd(float** column, nint c)
    {
        var half = Vector512.Load(column[18] + c) - Vector512.Load(column[6] + c);
        return half + half;
    }

    /// <summary>One row of results from a row of which the columns are done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(
        Vector512<float> d0, Vector512<float> d1, Vector512<float> d2, Vector512<float> d3, Vector512<float> d4, Vector512<float> d5, float* target, nint stride)
    {
        var even = Vector512.FusedMultiplyAdd(Vector512.Create(-4f), d2, d4);
        var odd = Vector512.FusedMultiplyAdd(Vector512.Create(-4f), d1, d3);
        var near = d4 - d2;
        var far = d3 - d1;
        far += far;
        Outer(d0, d2, d4).Store(target);
        (even + odd).Store(target + stride);
        (even - odd).Store(target + 2 * stride);
        (near + far).Store(target + 3 * stride);
        (near - far).Store(target + 4 * stride);
        Outer(d1, d3, d5).Store(target + 5 * stride);
    }

    /// <summary>A row of products, summed for the four columns of outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Columns(
        float* row, nint stride, out Vector512<float> t0, out Vector512<float> t1, out Vector512<float> t2, out Vector512<float> t3)
    {
        var d1 = Vector512.Load(row + stride);
        var d2 = Vector512.Load(row + 2 * stride);
        var d3 = Vector512.Load(row + 3 * stride);
        var d4 = Vector512.Load(row + 4 * stride);
        var near = (d1 + d2) * Vector512.Create(-1 / 6f);
        var nearOdd = (d1 - d2) * Vector512.Create(-1 / 6f);
        var far = d3 + d4;
        var farOdd = d3 - d4;
        t0 = Vector512.FusedMultiplyAdd(Vector512.Load(row), Vector512.Create(1 / 4f), Vector512.FusedMultiplyAdd(far, Vector512.Create(1 / 24f), near));
        t1 = Vector512.FusedMultiplyAdd(farOdd, Vector512.Create(2 / 24f), nearOdd);
        t2 = Vector512.FusedMultiplyAdd(far, Vector512.Create(4 / 24f), near);
        t3 = Vector512.FusedMultiplyAdd(farOdd, Vector512.Create(8 / 24f), nearOdd) + Vector512.Load(row + 5 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Next(float* residual, nint offset) => residual == null ? null : residual + offset;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(
        Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3, float* target, nint stride, float* residual, nint residualStride,
        int columns)
    {
        if (residual != null)
        {
            y0 += Vector512.Load(residual);
            if (columns > 1)
                y1 += Vector512.Load(residual + residualStride);
            if (columns > 2)
                y2 += Vector512.Load(residual + 2 * residualStride);
            if (columns > 3)
                y3 += Vector512.Load(residual + 3 * residualStride);
        }
        y0.Store(target);
        if (columns > 1)
            y1.Store(target + stride);
        if (columns > 2)
            y2.Store(target + 2 * stride);
        if (columns > 3)
            y3.Store(target + 3 * stride);
    }
}
