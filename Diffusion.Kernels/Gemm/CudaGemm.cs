using System.Collections.Immutable;
using Diffusion.Kernels.Cuda;
using Diffusion.Kernels.Gpu;

namespace Diffusion.Kernels.Gemm;

/// <summary>Matrix products on the tensor cores of an NVIDIA GPU.</summary>
internal static class CudaGemm
{
    /// <summary>Whether the device has tensor cores that multiply these types. The epilogue must be one that the machine runs.</summary>
    public static bool Supports(GpuContext context, GemmSpec spec) =>
        !spec.Paired && CudaProducts.Choose(context, spec.A.Type, spec.B.Type, exact: false) != MmaType.None;

    /// <summary>Prepares a supported spec that is not empty.</summary>
    public static PreparedKernel Prepare(GpuContext context, GemmSpec spec)
    {
        var type = CudaProducts.Choose(context, spec.A.Type, spec.B.Type, exact: false);
        var storage = CudaProducts.Storage(type);
        int batches = spec.C.Shape[0], rows = spec.C.Shape[1], columns = spec.C.Shape[2], depth = spec.A.Shape[2];
        var a = new CudaOperandRows(context, spec.A, storage, align: false);
        // B's columns are rows along the depth.
        var transposed = new Layout(spec.B.Type, [spec.B.Shape[0], columns, depth], [spec.B.Strides[0], spec.B.Strides[2], spec.B.Strides[1]]);
        var b = new CudaOperandRows(context, transposed, storage, align: spec.ConstantB);
        var after = spec.After with { Inputs = ImmutableArray.CreateRange(spec.After.Inputs, AsImage) };
        var epilogue = GpuEpilogue.Create(context, after, AsImage(spec.C))!;
        var launch = CudaProducts.Plan<MatrixRows, MatrixCursor>(context, type, batches, rows, columns);
        bool packs = spec.ConstantB && b.CopyBytes > 0 && b.SameType;
        long aBytes = GpuProduct.Aligned(a.CopyBytes), bBytes = packs ? 0 : b.CopyBytes;
        int slabs = MmaTile.Slabs(depth * storage.Size());
        ImmutableArray<OperandPacking> packings = packs
            ? [new OperandPacking(1, $"cuda-rows-{storage}-{spec.B.Shape[0]}x{columns}x{depth}", b.CopyBytes, b.Copy)]
            : [];
        return new PreparedKernel(spec, launch.Name, aBytes + bBytes, packings, (in arguments) =>
        {
            BufferSlice left = arguments.Operands[0], right = arguments.Operands[1], place = arguments.Workspace;
            if (aBytes > 0)
            {
                a.Copy(left, place);
                left = place;
            }
            if (bBytes > 0)
            {
                place = place with { ByteOffset = place.ByteOffset + aBytes };
                b.Copy(right, place);
                right = place;
            }
            launch.Run(new CudaProductParameters<MatrixRows, ImageStore>
            {
                A = a.At(left),
                B = b.At(right),
                Rows = rows,
                Columns = columns,
                Slabs = slabs,
                Store = new ImageStore { Machine = epilogue.Bind(arguments.Operands, arguments.Scalars), Pixels = rows, Width = 1 },
            });
        });
    }

    // Rows become pixels of an image of width 1.
    private static Layout AsImage(Layout matrix) => new(
        matrix.Type, [matrix.Shape[0], matrix.Shape[1], 1, matrix.Shape[2]], [matrix.Strides[0], matrix.Strides[1], 0, matrix.Strides[2]]);
}
