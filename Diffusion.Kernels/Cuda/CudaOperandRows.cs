using Diffusion.Kernels.Gpu;

namespace Diffusion.Kernels.Cuda;

/// <summary>
/// The host's half of <see cref="MatrixRows"/>: an operand read in place if its rows are dense and have the kernel's type, else copied
/// there first.
/// </summary>
internal sealed class CudaOperandRows
{
    private readonly MatrixRows template;
    private readonly PreparedKernel? copy;
    private readonly BufferSlice[] staged = new BufferSlice[2];
    private readonly long steps;

    /// <summary>Plans an operand.</summary>
    /// <param name="context">The device.</param>
    /// <param name="layout">[matrix, row, depth]; matrices may be repeated by a stride of 0.</param>
    /// <param name="type">What the kernel multiplies.</param>
    /// <param name="align">Whether rows that don't begin at multiples of 16 bytes are worth a copy: they are for weights, copied once.</param>
    public CudaOperandRows(GpuContext context, Layout layout, ElementType type, bool align)
    {
        int matrices = layout.Strides[0] == 0 ? Math.Min(layout.Shape[0], 1) : layout.Shape[0], rows = layout.Shape[1], depth = layout.Shape[2], size = type.Size();
        var read = layout;
        bool dense = layout.Type == type && (depth <= 1 || layout.Strides[2] == 1);
        if (!dense || (align && CudaAddress.Alignment(CudaAddress.Step(layout, 0) | CudaAddress.Step(layout, 1)) < MmaTile.ChunkBytes))
        {
            const int chunk = MmaTile.ChunkBytes;
            long pitch = ((long)depth * size + chunk - 1) / chunk * chunk / size;
            read = new Layout(type, [matrices, rows, depth], [rows * pitch, pitch, 1]);
            copy = GpuElementwise.Prepare(context, new ElementwiseSpec(ElementwiseProgram.Identity, [layout with { Shape = read.Shape }], read));
            CopyBytes = matrices * rows * pitch * size;
        }
        SameType = layout.Type == type;
        steps = CudaAddress.Step(read, 0) | CudaAddress.Step(read, 1);
        template = new MatrixRows
        {
            BatchBytes = matrices <= 1 ? 0 : read.Strides[0] * size,
            RowBytes = read.Strides[1] * size,
            Rows = rows,
            Depth = depth * size,
        };
    }

    /// <summary>Bytes of the copy; 0 for an operand read in place.</summary>
    public long CopyBytes { get; }

    /// <summary>Whether a copy only moves elements, so that a weight's may replace it.</summary>
    public bool SameType { get; }

    /// <summary>Makes the copy.</summary>
    public void Copy(BufferSlice source, BufferSlice target)
    {
        (staged[0], staged[1]) = (source, target);
        copy!.Launch(new KernelArguments { Operands = staged });
    }

    /// <summary>The rows at a place: of the operand itself, or of its copy.</summary>
    public MatrixRows At(BufferSlice place)
    {
        var rows = template;
        rows.Address = CudaAddress.Of(place);
        rows.Alignment = CudaAddress.Alignment(rows.Address | steps);
        return rows;
    }
}
