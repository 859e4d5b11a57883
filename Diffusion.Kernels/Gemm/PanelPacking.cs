using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>Brings operands into the order in which <see cref="MicroKernel"/> reads them.</summary>
internal static unsafe class PanelPacking
{
    private const int Strip = 64;

    /// <summary>Floats of scratch that <see cref="PackColumns"/> needs.</summary>
    public const int ColumnScratch = MicroKernel.Width * Strip;

    /// <summary>Six dense rows into [depth][6], from any number of columns.</summary>
    /// <param name="rows">Six row pointers.</param>
    /// <param name="count">Columns.</param>
    /// <param name="target">6·count floats.</param>
    /// <param name="ahead">Floats from a row to the one that is packed six rows later, to be brought nearer; any number will do, 0 asks for nothing.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackRows(float** rows, nint count, float* target, nint ahead = 0)
    {
        nint done = Avx.IsSupported ? PackRowsAvx(rows, count, target, ahead) : Sse2.IsSupported ? PackRowsSse(rows, count, target) : 0;
        for (nint k = done; k < count; k++)
        {
            for (int i = 0; i < MicroKernel.Rows; i++)
                target[k * MicroKernel.Rows + i] = rows[i][k];
        }
    }

    /// <summary>Writes zeros from one depth of a [depth][6] tile to another.</summary>
    public static void ClearDepth(float* tile, nint from, nint to) =>
        new Span<float>(tile + from * MicroKernel.Rows, (int)((to - from) * MicroKernel.Rows)).Clear();

    /// <summary>
    /// A panel [depth][16] from a matrix of any strides and storage type; columns that aren't there are 0.
    /// </summary>
    /// <param name="type">Storage type.</param>
    /// <param name="source">The panel's first element.</param>
    /// <param name="depthStride">Elements from one depth to the next.</param>
    /// <param name="columnStride">Elements from one column to the next.</param>
    /// <param name="depth">Depth.</param>
    /// <param name="columns">Columns that are there, 0…16.</param>
    /// <param name="target">16·depth floats.</param>
    /// <param name="scratch"><see cref="ColumnScratch"/> floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackColumns(
        ElementType type, byte* source, long depthStride, long columnStride, int depth, int columns, float* target, float* scratch)
    {
        const int width = MicroKernel.Width;
        int size = type.Size();
        if (columnStride == 1 && type == ElementType.Float32 && columns == width)
        {
            for (int k = 0; k < depth; k++, source += depthStride * sizeof(float), target += width)
            {
                Vector256.Load((float*)source).Store(target);
                Vector256.Load((float*)source + 8).Store(target + 8);
            }
            return;
        }
        if (columnStride == 1)
        {
            for (int k = 0; k < depth; k++, source += depthStride * size, target += width)
            {
                CpuConvert.Load(type, source, 1, target, columns);
                for (int j = columns; j < width; j++)
                    target[j] = 0;
            }
            return;
        }
        float** rows = stackalloc float*[width];
        for (int k = 0; k < depth; k += Strip)
        {
            int n = Math.Min(Strip, depth - k);
            for (int j = 0; j < width; j++)
            {
                byte* column = source + (j * columnStride + k * depthStride) * size;
                rows[j] = scratch + j * Strip;
                if (j >= columns)
                    new Span<float>(rows[j], n).Clear();
                else if (type == ElementType.Float32 && depthStride == 1)
                    rows[j] = (float*)column;
                else
                    CpuConvert.Load(type, column, depthStride, rows[j], n);
            }
            Transpose16(rows, n, target + (nint)k * width);
        }
    }

    /// <summary>Sixteen rows into [depth][16].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose16(float** rows, int depth, float* target)
    {
        const int width = MicroKernel.Width;
        int k = 0;
        if (Sse.IsSupported)
        {
            for (; k + 4 <= depth; k += 4)
            {
                float* q = target + k * width;
                for (int j = 0; j < width; j += 4)
                {
                    var v0 = Vector128.Load(rows[j] + k);
                    var v1 = Vector128.Load(rows[j + 1] + k);
                    var v2 = Vector128.Load(rows[j + 2] + k);
                    var v3 = Vector128.Load(rows[j + 3] + k);
                    var t0 = Sse.UnpackLow(v0, v1);
                    var t1 = Sse.UnpackHigh(v0, v1);
                    var t2 = Sse.UnpackLow(v2, v3);
                    var t3 = Sse.UnpackHigh(v2, v3);
                    Sse.MoveLowToHigh(t0, t2).Store(q + j);
                    Sse.MoveHighToLow(t2, t0).Store(q + width + j);
                    Sse.MoveLowToHigh(t1, t3).Store(q + 2 * width + j);
                    Sse.MoveHighToLow(t3, t1).Store(q + 3 * width + j);
                }
            }
        }
        for (; k < depth; k++)
        {
            for (int j = 0; j < width; j++)
                target[k * width + j] = rows[j][k];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static nint PackRowsAvx(float** rows, nint count, float* target, nint ahead)
    {
        float* r0 = rows[0], r1 = rows[1], r2 = rows[2], r3 = rows[3], r4 = rows[4], r5 = rows[5];
        double* d = (double*)target;
        nint k = 0;
        for (; k + 16 <= count; k += 16, d += 48)
        {
            // A cache line of each of the rows after these: six short streams, which the hardware doesn't foresee.
            if (ahead != 0)
            {
                Sse.Prefetch1(r0 + ahead + k);
                Sse.Prefetch1(r1 + ahead + k);
                Sse.Prefetch1(r2 + ahead + k);
                Sse.Prefetch1(r3 + ahead + k);
                Sse.Prefetch1(r4 + ahead + k);
                Sse.Prefetch1(r5 + ahead + k);
            }
            PackEight(r0 + k, r1 + k, r2 + k, r3 + k, r4 + k, r5 + k, d);
            PackEight(r0 + k + 8, r1 + k + 8, r2 + k + 8, r3 + k + 8, r4 + k + 8, r5 + k + 8, d + 24);
        }
        if (k + 8 <= count)
        {
            PackEight(r0 + k, r1 + k, r2 + k, r3 + k, r4 + k, r5 + k, d);
            k += 8;
        }
        return k;
    }

    /// <summary>Eight columns: pairs of rows, then thirds of pairs of columns, then whole vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PackEight(float* r0, float* r1, float* r2, float* r3, float* r4, float* r5, double* d)
    {
        Vector256<float> v0 = Vector256.Load(r0), v1 = Vector256.Load(r1), v2 = Vector256.Load(r2);
        Vector256<float> v3 = Vector256.Load(r3), v4 = Vector256.Load(r4), v5 = Vector256.Load(r5);
        Vector256<double> a = Avx.UnpackLow(v0, v1).AsDouble(), b = Avx.UnpackLow(v2, v3).AsDouble(), c = Avx.UnpackLow(v4, v5).AsDouble();
        Vector256<double> x = Avx.UnpackHigh(v0, v1).AsDouble(), y = Avx.UnpackHigh(v2, v3).AsDouble(), z = Avx.UnpackHigh(v4, v5).AsDouble();
        Vector256<double> p0 = Avx.UnpackLow(a, b), p1 = Avx.Shuffle(c, a, 0b1010), p2 = Avx.UnpackHigh(b, c);
        Vector256<double> p3 = Avx.UnpackLow(x, y), p4 = Avx.Shuffle(z, x, 0b1010), p5 = Avx.UnpackHigh(y, z);
        Avx.Permute2x128(p0, p1, 0x20).Store(d);
        Avx.Permute2x128(p2, p3, 0x20).Store(d + 4);
        Avx.Permute2x128(p4, p5, 0x20).Store(d + 8);
        Avx.Permute2x128(p0, p1, 0x31).Store(d + 12);
        Avx.Permute2x128(p2, p3, 0x31).Store(d + 16);
        Avx.Permute2x128(p4, p5, 0x31).Store(d + 20);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static nint PackRowsSse(float** rows, nint count, float* d)
    {
        float* r0 = rows[0], r1 = rows[1], r2 = rows[2], r3 = rows[3], r4 = rows[4], r5 = rows[5];
        nint k = 0;
        for (; k + 4 <= count; k += 4, d += 24)
        {
            var v0 = Vector128.Load(r0 + k);
            var v1 = Vector128.Load(r1 + k);
            var v2 = Vector128.Load(r2 + k);
            var v3 = Vector128.Load(r3 + k);
            var v4 = Vector128.Load(r4 + k);
            var v5 = Vector128.Load(r5 + k);
            var t0 = Sse.UnpackLow(v0, v1);
            var t1 = Sse.UnpackHigh(v0, v1);
            var t2 = Sse.UnpackLow(v2, v3);
            var t3 = Sse.UnpackHigh(v2, v3);
            var t4 = Sse.UnpackLow(v4, v5);
            var t5 = Sse.UnpackHigh(v4, v5);
            Sse.MoveLowToHigh(t0, t2).Store(d);
            Sse.MoveHighToLow(t2, t0).Store(d + 6);
            Sse.MoveLowToHigh(t1, t3).Store(d + 12);
            Sse.MoveHighToLow(t3, t1).Store(d + 18);
            Sse2.StoreScalar((double*)(d + 4), t4.AsDouble());
            Sse2.StoreHigh((double*)(d + 10), t4.AsDouble());
            Sse2.StoreScalar((double*)(d + 16), t5.AsDouble());
            Sse2.StoreHigh((double*)(d + 22), t5.AsDouble());
        }
        return k;
    }
}
