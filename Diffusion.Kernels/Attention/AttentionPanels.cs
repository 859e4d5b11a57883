using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>Queries, keys and values of one head as <see cref="CpuAttention"/> multiplies them.</summary>
internal static unsafe class AttentionPanels
{
    private const int Width = MicroKernel.Width;

    // Of queries that are asked for before they are copied.
    private const int AheadFloats = 1024;

    /// <summary>Packs keys into panels of sixteen, [depth][16], and multiplies them by a factor.</summary>
    /// <param name="layout">The keys, [batch, heads, keys, depth].</param>
    /// <param name="source">The first key.</param>
    /// <param name="count">Number of keys.</param>
    /// <param name="factor">The factor.</param>
    /// <param name="target">The first panel; each has the padded depth.</param>
    /// <returns>The largest squared length of a key after the multiplication; NaN where there is NaN.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float PackKeys(Layout layout, byte* source, int count, float factor, float* target)
    {
        float* scratch = stackalloc float[PanelPacking.ColumnScratch];
        int depth = layout.Shape[3], padded = MicroKernel.PadDepth(depth);
        long step = layout.Strides[2] * layout.Type.Size();
        bool dense = Avx.IsSupported && layout.Type == ElementType.Float32 && layout.Strides[3] == 1 && depth % 4 == 0;
        float largest = 0;
        for (int key = 0; key < count; key += Width, source += Width * step, target += Width * padded)
        {
            new Span<float>(target + depth * Width, (padded - depth) * Width).Clear();
            if (dense && count - key >= Width)
            {
                largest = MathF.Max(largest, PackSixteen((float*)source, (nint)layout.Strides[2], factor, depth, target));
                continue;
            }
            PanelPacking.PackColumns(layout.Type, source, layout.Strides[3], layout.Strides[2], depth, Math.Min(Width, count - key), target, scratch);
            largest = MathF.Max(largest, ScaleKeys(target, factor, depth));
        }
        return largest;
    }

    /// <summary>Packs the values of some keys into panels.</summary>
    /// <param name="layout">The values, [batch, heads, keys, size].</param>
    /// <param name="source">The first of these keys' values.</param>
    /// <param name="count">Number of keys.</param>
    /// <param name="panels">The panels.</param>
    /// <param name="first">The first key's number.</param>
    /// <param name="target">The head's first panel; each has room for all keys.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackValues(Layout layout, byte* source, int count, ValuePanels panels, int first, float* target)
    {
        float* scratch = stackalloc float[PanelPacking.ColumnScratch];
        int keys = layout.Shape[2], size = layout.Shape[3], narrow = panels.Narrow, columns = panels.WideColumns;
        long row = layout.Strides[2], step = layout.Strides[3], bytes = layout.Type.Size();
        for (int p = 0; p < narrow; p++)
        {
            PanelPacking.PackColumns(
                layout.Type, source + p * Width * step * bytes, row, step, count, Math.Min(Width, size - p * Width),
                target + ((long)p * keys + first) * Width, scratch);
        }
        source += narrow * Width * step * bytes;
        target += (long)narrow * Width * keys + (long)first * columns;
        for (int p = 0, column = narrow * Width; p < panels.Wide; p++, column += columns, source += columns * step * bytes, target += (long)columns * keys)
            PackWide(layout.Type, source, row * bytes, step, count, Math.Min(columns, size - column), columns, target);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackWide(ElementType type, byte* source, long row, long step, int count, int columns, int width, float* target)
    {
        bool dense = type == ElementType.Float32 && step == 1 && columns == width;
        for (int i = 0; i < count; i++, target += width, source += row)
        {
            if (dense)
            {
                for (int j = 0; j < width; j += 8)
                    Vector256.Load((float*)source + j).Store(target + j);
                continue;
            }
            CpuConvert.Load(type, source, step, target, columns);
            for (int j = columns; j < width; j++)
                target[j] = 0;
        }
    }

    /// <summary>Packs queries into tiles of six, [depth][6]; the last one is repeated where some are missing.</summary>
    /// <param name="layout">The queries, [batch, heads, queries, depth].</param>
    /// <param name="source">The first query.</param>
    /// <param name="count">Number of queries.</param>
    /// <param name="packed">The first tile; each has the padded depth.</param>
    /// <param name="lengths">Their squared lengths, with room for whole tiles.</param>
    /// <param name="strip">Room for a tile.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackQueries(Layout layout, byte* source, int count, float* packed, float* lengths, float* strip)
    {
        int depth = layout.Shape[3], padded = MicroKernel.PadDepth(depth);
        bool dense = layout.Type == ElementType.Float32 && (depth == 1 || layout.Strides[3] == 1);
        long step = layout.Strides[2] * layout.Type.Size();
        float** rows = stackalloc float*[MicroKernel.Rows];
        for (int first = 0; first < count; first += MicroKernel.Rows, packed += MicroKernel.Rows * padded)
        {
            for (int i = 0; i < MicroKernel.Rows; i++)
            {
                byte* query = source + Math.Min(first + i, count - 1) * step;
                rows[i] = dense ? (float*)query : strip + i * padded;
                if (!dense)
                    CpuConvert.Load(layout.Type, query, depth == 1 ? 1 : layout.Strides[3], rows[i], depth);
                else if (Sse.IsSupported)
                    Prefetch(query + MicroKernel.Rows * step, depth);
            }
            PanelPacking.PackRows(rows, depth, packed);
            PanelPacking.ClearDepth(packed, depth, padded);
            Scores.SquaredLengths(packed, padded, lengths + first);
        }
    }

    /// <summary>Copies queries for few keys, which don't make up for packing tiles.</summary>
    /// <param name="layout">The queries, [batch, heads, queries, depth].</param>
    /// <param name="source">The first query.</param>
    /// <param name="count">Number of queries.</param>
    /// <param name="target">[queries][padded depth].</param>
    /// <param name="lengths">Their squared lengths; NaN where there is NaN.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CopyQueries(Layout layout, byte* source, int count, float* target, float* lengths)
    {
        int depth = layout.Shape[3], padded = MicroKernel.PadDepth(depth), ahead = Math.Max(4, AheadFloats / Math.Max(1, depth));
        bool dense = layout.Type == ElementType.Float32 && (depth == 1 || layout.Strides[3] == 1);
        long step = layout.Strides[2] * layout.Type.Size();
        for (int i = 0; i < count; i++, source += step, target += padded)
        {
            float* row = dense ? (float*)source : target;
            if (!dense)
                CpuConvert.Load(layout.Type, source, depth == 1 ? 1 : layout.Strides[3], target, depth);
            else if (Sse.IsSupported)
                Prefetch(source + ahead * step, depth);
            var sum0 = Vector256<float>.Zero;
            var sum1 = Vector256<float>.Zero;
            int k = 0;
            for (; k + 16 <= depth; k += 16)
            {
                Vector256<float> v0 = Vector256.Load(row + k), v1 = Vector256.Load(row + k + 8);
                v0.Store(target + k);
                v1.Store(target + k + 8);
                sum0 = Vector256.MultiplyAddEstimate(v0, v0, sum0);
                sum1 = Vector256.MultiplyAddEstimate(v1, v1, sum1);
            }
            float sum = Vector256.Sum(sum0 + sum1);
            for (; k < depth; k++)
            {
                target[k] = row[k];
                sum += row[k] * row[k];
            }
            lengths[i] = sum;
        }
    }

    /// <summary>Asks for a row of the next tile: a head's rows are short pieces far apart, which the hardware doesn't foresee.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* row, int depth)
    {
        for (int at = 0; at < depth * sizeof(float); at += 64)
            Sse.Prefetch0(row + at);
    }

    /// <summary>Multiplies a packed panel [depth][16] of keys by a factor.</summary>
    /// <returns>The largest squared length of a key; NaN where there is NaN.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float ScaleKeys(float* panel, float factor, int depth)
    {
        var sum0 = Vector256<float>.Zero;
        var sum1 = Vector256<float>.Zero;
        for (int i = 0; i < depth; i++, panel += MicroKernel.Width)
        {
            var v0 = Vector256.Load(panel) * factor;
            var v1 = Vector256.Load(panel + 8) * factor;
            v0.Store(panel);
            v1.Store(panel + 8);
            sum0 = Vector256.MultiplyAddEstimate(v0, v0, sum0);
            sum1 = Vector256.MultiplyAddEstimate(v1, v1, sum1);
        }
        return Largest(Vector256.Max(sum0, sum1));
    }

    /// <summary>Sixteen keys as they lie into a panel [depth][16], multiplied by a factor.</summary>
    /// <param name="keys">The first key.</param>
    /// <param name="stride">Floats from key to key.</param>
    /// <param name="factor">The factor.</param>
    /// <param name="depth">Multiple of four.</param>
    /// <param name="panel">The panel.</param>
    /// <returns>The largest squared length of a key; NaN where there is NaN.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float PackSixteen(float* keys, nint stride, float factor, nint depth, float* panel)
    {
        float largest = 0;
        for (int half = 0; half < MicroKernel.Width; half += 8, keys += 8 * stride)
        {
            float* r1 = keys + stride, r2 = r1 + stride, r3 = r2 + stride, r4 = r3 + stride, r5 = r4 + stride, r6 = r5 + stride, r7 = r6 + stride;
            float* target = panel + half;
            // One sum would make each step wait for four multiply-adds of the step before.
            Vector256<float> sum0, sum1, sum2, sum3;
            sum0 = sum1 = sum2 = sum3 = Vector256<float>.Zero;
            for (nint k = 0; k < depth; k += 4, target += 4 * MicroKernel.Width)
            {
                if ((k & 15) == 0)
                    PrefetchEight(keys + 8 * stride + k, stride);
                var v0 = Vector256.Create(Vector128.Load(keys + k), Vector128.Load(r4 + k));
                var v1 = Vector256.Create(Vector128.Load(r1 + k), Vector128.Load(r5 + k));
                var v2 = Vector256.Create(Vector128.Load(r2 + k), Vector128.Load(r6 + k));
                var v3 = Vector256.Create(Vector128.Load(r3 + k), Vector128.Load(r7 + k));
                var t0 = Avx.UnpackLow(v0, v1).AsDouble();
                var t1 = Avx.UnpackHigh(v0, v1).AsDouble();
                var t2 = Avx.UnpackLow(v2, v3).AsDouble();
                var t3 = Avx.UnpackHigh(v2, v3).AsDouble();
                v0 = Avx.UnpackLow(t0, t2).AsSingle() * factor;
                v1 = Avx.UnpackHigh(t0, t2).AsSingle() * factor;
                v2 = Avx.UnpackLow(t1, t3).AsSingle() * factor;
                v3 = Avx.UnpackHigh(t1, t3).AsSingle() * factor;
                v0.Store(target);
                v1.Store(target + MicroKernel.Width);
                v2.Store(target + 2 * MicroKernel.Width);
                v3.Store(target + 3 * MicroKernel.Width);
                sum0 = Vector256.MultiplyAddEstimate(v0, v0, sum0);
                sum1 = Vector256.MultiplyAddEstimate(v1, v1, sum1);
                sum2 = Vector256.MultiplyAddEstimate(v2, v2, sum2);
                sum3 = Vector256.MultiplyAddEstimate(v3, v3, sum3);
            }
            largest = MathF.Max(largest, Largest((sum0 + sum1) + (sum2 + sum3)));
        }
        return largest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchEight(float* keys, nint stride)
    {
        Sse.Prefetch0(keys);
        Sse.Prefetch0(keys + stride);
        Sse.Prefetch0(keys + 2 * stride);
        Sse.Prefetch0(keys + 3 * stride);
        Sse.Prefetch0(keys + 4 * stride);
        Sse.Prefetch0(keys + 5 * stride);
        Sse.Prefetch0(keys + 6 * stride);
        Sse.Prefetch0(keys + 7 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(Vector256<float> values)
    {
        var half = Vector128.Max(values.GetLower(), values.GetUpper());
        return MathF.Max(MathF.Max(half[0], half[1]), MathF.Max(half[2], half[3]));
    }
}
