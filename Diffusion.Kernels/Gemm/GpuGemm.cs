using System.Collections.Immutable;
using Diffusion.Kernels.Gemm;

namespace Diffusion.Kernels.Gpu;

/// <summary>Matrix products on a GPU: with tensor cores where it has them, else by tiles.</summary>
internal static class GpuGemm
{
    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, GemmSpec spec)
    {
        if (spec.C.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        if (spec.Paired || !GpuEpilogue.Fits(spec.After))
            return GpuComposite.Prepare(context, spec, spec.Paired ? 2 : 1);
        if (CudaGemm.Supports(context, spec))
            return CudaGemm.Prepare(context, spec);
        var (b, n) = (spec.B, spec.C.Shape[2]);
        int batches = spec.C.Shape[0], depth = spec.A.Shape[2];
        bool batched = batches > 1 && b.Strides[0] != 0;
        // A GPU reads B as it lies, each thread along its column: a second copy of the weights would cost more than it saves.
        var panels = context.IsProcessor
            ? new GpuPanels(context, b.Type, batched ? batches : 1, n, depth, (1, 1), (b.Strides[0], b.Strides[2], b.Strides[1], 0, 0))
            : null;
        var shape = new MatrixParameters
        {
            Rows = spec.C.Shape[1],
            Columns = n,
            Depth = depth,
            Groups = 1,
            TapsY = 1,
            TapsX = 1,
            OutWidth = 1,
            Height = spec.C.Shape[1],
            Width = 1,
            StrideY = 1,
            StrideX = 1,
            DilationY = 1,
            DilationX = 1,
            SpreadY = 1,
            SpreadX = 1,
            Upsample = 1,
            BatchedB = batched ? 1 : 0,
            B = GpuContext.Operand(b),
            OuterB = b.Strides[0],
            DepthB = b.Strides[1],
            ColumnB = b.Strides[2],
        };
        var after = spec.After with { Inputs = ImmutableArray.CreateRange(spec.After.Inputs, AsImage) };
        return GpuProduct.Prepare(context, spec, shape, batches, AsImage(spec.A), AsImage(spec.C), after, panels, spec.ConstantB);
    }

    // Rows become pixels of an image of width 1.
    private static Layout AsImage(Layout matrix) => new(
        matrix.Type, [matrix.Shape[0], matrix.Shape[1], 1, matrix.Shape[2]], [matrix.Strides[0], matrix.Strides[1], 0, matrix.Strides[2]]);
}
