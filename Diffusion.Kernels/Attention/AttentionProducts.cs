using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <content>The products of a strip of queries with keys, and of their weights with values.</content>
internal sealed unsafe partial class CpuAttention
{
    /// <summary>Scores of a strip of queries with a block of keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void MultiplyKeys(in Block block, int first, int rows, float* k, int n)
    {
        float* q = block.Queries + first * paddedDepth;
        for (int p = 0; p * Width < n; p++)
        {
            float* panel = k + p * Width * paddedDepth, next = panel + Width * paddedDepth;
            PanelProduct.MultiplyColumn(q, (long)Unit * paddedDepth, panel, paddedDepth, rows, block.Scores + p * Width, scoreStep, null, 0, null, next);
        }
    }

    /// <summary>The same with queries as they lie.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void MultiplyFewKeys(in Block block, int first, int rows, float* k, int n)
    {
        float* q = block.Queries + first * paddedDepth;
        for (int p = 0; p * Width < n; p++, k += Width * paddedDepth)
        {
            for (int i = 0; i < rows; i += Unit)
                MultiplyRows(Width, rows - i, q + i * paddedDepth, paddedDepth, k, depth, block.Scores + i * scoreStep + p * Width, scoreStep, false);
        }
    }

    /// <summary>A tile of rows as they lie: four if there are no more, where that saves time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyRows(int columns, int rows, float* a, nint lda, float* b, nint depth, float* c, nint stride, bool add)
    {
        if (rows <= 4 && MicroKernel.HasStrided4(columns))
            MicroKernel.Strided4(columns, a, lda, b, depth, c, stride, add);
        else if (columns == Width)
            MicroKernel.Strided(a, lda, b, depth, c, stride, add);
        else
            MicroKernel.StridedWide(columns, a, lda, b, depth, c, stride, add);
    }

    /// <summary>
    /// results += weights · values of one block of keys; the first block sets them. The last tile moves up until it ends with the last
    /// row, where there are rows enough; otherwise it fills more rows than asked for. Wide panels are packed from <paramref name="source"/> if given.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddValues(float* weights, float* values, int key, int depth, int count, float* results, long step, float* source = null)
    {
        bool add = key > 0;
        for (int p = 0; p < panels.Narrow; p++)
        {
            float* panel = values + ((long)p * keys + key) * Width;
            for (int i = 0; i < count; i += Unit)
            {
                int row = add ? i : LastRow(i, count, Unit, Width);
                MultiplyRows(Width, count - i, weights + row * scoreStep, scoreStep, panel, depth, results + row * step + p * Width, (nint)step, add);
            }
        }
        int columns = panels.WideColumns, rows = panels.WideRows;
        values += (long)panels.Narrow * Width * keys + (long)key * columns;
        results += panels.Narrow * Width;
        for (int p = 0; p < panels.Wide; p++, values += (long)columns * keys, results += columns)
        {
            int i = 0;
            if (source != null)
            {
                MicroKernel.Packing(columns, weights, scoreStep, source, (nint)spec.V.Strides[2], values, depth, results, (nint)step);
                source += columns;
                i = rows;
            }
            for (; i < count; i += rows)
            {
                int row = add ? i : LastRow(i, count, rows, columns);
                MultiplyRows(columns, count - i, weights + row * scoreStep, scoreStep, values, depth, results + row * step, (nint)step, add);
            }
        }
    }

    /// <summary>Where a tile of <paramref name="rows"/> (or of four, where that is enough) begins that is to end with the last row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int LastRow(int row, int count, int rows, int columns) =>
        Math.Min(row, Math.Max(0, count - (MicroKernel.HasStrided4(columns) && count - row <= 4 ? 4 : rows)));
}
