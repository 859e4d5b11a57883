using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Reads rows (all axes but the last, flattened) of an operand as float32, without a copy where they are that already.</summary>
internal sealed unsafe class CpuRows
{
    private readonly RowMap rows;
    private readonly ElementType type;
    private readonly int size, columns;
    private readonly long columnStride, rowStride;

    private CpuRows(Layout layout)
    {
        type = layout.Type;
        size = type.Size();
        columns = layout.Shape[^1];
        columnStride = columns == 1 ? 1 : layout.Strides[^1];
        rows = RowMap.Create(layout.Shape, layout.Strides, layout.Rank - 1);
        rowStride = rows.Stride;
        IsDirect = type == ElementType.Float32 && columnStride == 1;
    }

    /// <summary>Whether rows can be read where they are.</summary>
    public bool IsDirect { get; }

    /// <summary>Describes an operand with at least one axis.</summary>
    public static CpuRows Create(Layout layout) => new(layout);

    /// <summary>Some rows: where they are if they lie evenly as float32, else converted into scratch of <paramref name="padded"/> floats a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public float* Load(byte* origin, long row, int count, float* scratch, nint padded, out nint stride)
    {
        if (IsDirect && (rowStride >= 0 || count == 1))
        {
            stride = (nint)rowStride;
            return (float*)origin + rows.Offset(row);
        }
        for (int r = 0; r < count; r++)
            Copy(origin, row + r, scratch + r * padded);
        stride = padded;
        return scratch;
    }

    /// <summary>Copies and converts one row.</summary>
    public void Copy(byte* origin, long row, float* target) => CpuConvert.Load(type, origin + rows.Offset(row) * size, columnStride, target, columns);
}
