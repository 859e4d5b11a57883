using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// From the number of a row (all axes but the last, flattened) to the offset of its first element. Axes that lie evenly are
/// merged, so the usual row costs one multiplication.
/// </summary>
internal sealed class RowMap
{
    private readonly long[] strides;
    private readonly uint[] lengths;

    private RowMap(uint[] lengths, long[] strides)
    {
        this.lengths = lengths;
        this.strides = strides;
    }

    /// <summary>Makes the map from outer axes.</summary>
    public static RowMap Create(ImmutableArray<int> shape, ImmutableArray<long> strides, int axes)
    {
        var merged = new List<(uint Length, long Stride)>();
        for (int i = 0; i < axes; i++)
        {
            if (shape[i] == 1)
                continue;
            if (merged.Count > 0 && merged[^1].Stride == strides[i] * shape[i] && merged[^1].Length * (long)shape[i] <= uint.MaxValue)
                merged[^1] = (merged[^1].Length * (uint)shape[i], strides[i]);
            else
                merged.Add(((uint)shape[i], strides[i]));
        }
        if (merged.Count == 0)
            merged.Add((1, 0));
        return new RowMap([.. merged.Select(m => m.Length)], [.. merged.Select(m => m.Stride)]);
    }

    /// <summary>Elements from each row to the next where that is one number, else −1.</summary>
    public long Stride => strides.Length == 1 ? strides[0] : -1;

    /// <summary>Offset in elements of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Offset(long row) => strides.Length == 1 ? row * strides[0] : Split(row);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private long Split(long row)
    {
        long offset = 0;
        for (int i = strides.Length - 1; i > 0; i--)
        {
            long quotient = row <= uint.MaxValue ? (uint)row / lengths[i] : row / lengths[i];
            offset += (row - quotient * lengths[i]) * strides[i];
            row = quotient;
        }
        return offset + row * strides[0];
    }
}
