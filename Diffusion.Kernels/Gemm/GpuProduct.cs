using System.Collections.Immutable;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// The host's half of the matrix kernels: packs B once if it is constant, else in the workspace, and makes A float32 there for a
/// processor.
/// </summary>
internal static class GpuProduct
{
    private const int Alignment = 256;

    /// <summary>Prepares a product.</summary>
    /// <param name="context">The device.</param>
    /// <param name="spec">The contract: A and B are its first operands; it isn't empty, and the machine runs its epilogue.</param>
    /// <param name="shape">Everything but operands.</param>
    /// <param name="batches">Batches.</param>
    /// <param name="a">[batch, y, x, channel].</param>
    /// <param name="output">[batch, y, x, column].</param>
    /// <param name="after">The epilogue, over the output's four axes.</param>
    /// <param name="panels">How B is packed; null where it is read as it lies, as <paramref name="shape"/> then says.</param>
    /// <param name="constant">Whether B never changes.</param>
    public static PreparedKernel Prepare(
        GpuContext context, KernelSpec spec, MatrixParameters shape, int batches, Layout a, Layout output, Epilogue after, GpuPanels? panels, bool constant)
    {
        bool alone = context.IsProcessor;
        long packed = constant || panels is null ? 0 : Aligned(panels.Bytes);
        PreparedKernel? convert = null;
        var left = a;
        if (alone && a.Type != ElementType.Float32)
        {
            left = Layout.Contiguous(ElementType.Float32, a.Shape);
            convert = GpuElementwise.Prepare(context, new ElementwiseSpec(ElementwiseProgram.Identity, [a], left));
        }
        int rowsOfTile = alone ? GpuMatrix.ProcessorRows : GpuMatrix.Tile, columnsOfTile = alone ? GpuMatrix.ProcessorColumns : GpuMatrix.Tile;
        shape.RowTiles = (shape.Rows + rowsOfTile - 1) / rowsOfTile;
        shape.ColumnTiles = (shape.Columns + columnsOfTile - 1) / columnsOfTile;
        shape.A = GpuContext.Operand(left);
        panels?.Describe(ref shape);
        var epilogue = GpuEpilogue.Create(context, after, output)!;
        var kernel = alone ? context.Kernels.Get<MatrixParameters>(GpuMatrix.RunAlone) : context.Kernels.Get<MatrixParameters>(GpuMatrix.RunTiled, GpuMatrix.Tile);
        long groups = (long)batches * shape.Groups * shape.RowTiles * shape.ColumnTiles;
        var staged = new BufferSlice[2];
        void Launch(in KernelArguments arguments)
        {
            var p = shape;
            var (left, right) = (arguments.Operands[0], arguments.Operands[1]);
            if (!constant && panels is not null)
            {
                panels.Pack(right, arguments.Workspace);
                right = arguments.Workspace;
            }
            if (convert is not null)
            {
                (staged[0], staged[1]) = (left, arguments.Workspace with { ByteOffset = arguments.Workspace.ByteOffset + packed });
                convert.Launch(new KernelArguments { Operands = staged });
                left = staged[1];
            }
            GpuContext.Bind(ref p.A, left);
            GpuContext.Bind(ref p.B, right);
            p.Machine = epilogue.Bind(arguments.Operands, arguments.Scalars);
            kernel.Launch(groups, alone ? 1 : GpuMatrix.Tile, in p);
        }
        ImmutableArray<OperandPacking> packings = constant && panels is not null ? [new OperandPacking(1, panels.Key, panels.Bytes, panels.Pack)] : [];
        long workspace = packed + (convert is null ? 0 : left.Count * sizeof(float));
        return new PreparedKernel(spec, alone ? "tile-4x16" : "tile-64x64", workspace, packings, Launch);
    }

    /// <summary>A length rounded up so that what follows is aligned.</summary>
    public static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
