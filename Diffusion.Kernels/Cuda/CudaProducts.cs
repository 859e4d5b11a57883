using Diffusion.Kernels.Gemm;
using Diffusion.Kernels.Gpu;

namespace Diffusion.Kernels.Cuda;

/// <summary>What the tensor cores multiply.</summary>
internal enum MmaType
{
    /// <summary>No type of theirs.</summary>
    None,

    /// <summary>See <see cref="Float16Mma"/>.</summary>
    Float16,

    /// <summary>See <see cref="BFloat16Mma"/>.</summary>
    BFloat16,

    /// <summary>See <see cref="TensorFloat32Mma"/>.</summary>
    TensorFloat32,

    /// <summary>See <see cref="SplitFloat32Mma"/>.</summary>
    SplitFloat32,

    /// <summary>See <see cref="Int8Mma"/>.</summary>
    Int8,
}

/// <summary>Choices that products and convolutions on tensor cores share.</summary>
internal static class CudaProducts
{
    /// <summary>How two element types are multiplied: both the same, or float32 by a narrower float, which becomes float32.</summary>
    /// <param name="context">The device.</param>
    /// <param name="a">Left.</param>
    /// <param name="b">Right.</param>
    /// <param name="exact">Whether float32 must keep its accuracy.</param>
    public static MmaType Choose(GpuContext context, ElementType a, ElementType b, bool exact) => (a, b) switch
    {
        _ when !context.HasTensorCores => MmaType.None,
        (ElementType.Float16, ElementType.Float16) => MmaType.Float16,
        (ElementType.BFloat16, ElementType.BFloat16) => MmaType.BFloat16,
        (ElementType.Int8, ElementType.Int8) => MmaType.Int8,
        (ElementType.Float32, ElementType.Float32 or ElementType.Float16 or ElementType.BFloat16) =>
            context.FastFloat32 && !exact ? MmaType.TensorFloat32 : MmaType.SplitFloat32,
        _ => MmaType.None,
    };

    /// <summary>How operands of a type are stored.</summary>
    public static ElementType Storage(MmaType type) => type switch
    {
        MmaType.Float16 => ElementType.Float16,
        MmaType.BFloat16 => ElementType.BFloat16,
        MmaType.Int8 => ElementType.Int8,
        _ => ElementType.Float32,
    };

    /// <summary>Plans the launch of a product.</summary>
    /// <typeparam name="TRows">A's rows.</typeparam>
    /// <typeparam name="TCursor">A's cursor.</typeparam>
    /// <param name="context">The device.</param>
    /// <param name="type">What is multiplied.</param>
    /// <param name="batches">Number of products.</param>
    /// <param name="rows">Rows of each.</param>
    /// <param name="columns">Columns of each.</param>
    public static CudaProductLaunch<TRows> Plan<TRows, TCursor>(GpuContext context, MmaType type, int batches, int rows, int columns)
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct =>
        // The large tile moves half as much memory; the small one is better where there would be fewer large tiles than multiprocessors.
        rows > SmallTile.Rows && columns > SmallTile.Columns && Tiles<LargeTile>(batches, rows, columns) >= context.Accelerator.NumMultiprocessors
            ? Plan<LargeTile, TRows, TCursor>(context, type, Tiles<LargeTile>(batches, rows, columns))
            : Plan<SmallTile, TRows, TCursor>(context, type, Tiles<SmallTile>(batches, rows, columns));

    private static CudaProductLaunch<TRows> Plan<TTile, TRows, TCursor>(GpuContext context, MmaType type, long tiles)
        where TTile : struct, IMmaTile
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct => type switch
        {
            MmaType.Float16 => Plan<Float16Mma, TTile, TRows, TCursor>(context, tiles),
            MmaType.BFloat16 => Plan<BFloat16Mma, TTile, TRows, TCursor>(context, tiles),
            MmaType.TensorFloat32 => Plan<TensorFloat32Mma, TTile, TRows, TCursor>(context, tiles),
            MmaType.SplitFloat32 => Plan<SplitFloat32Mma, TTile, TRows, TCursor>(context, tiles),
            MmaType.Int8 => Plan<Int8Mma, TTile, TRows, TCursor>(context, tiles),
            _ => throw new NotSupportedException($"CudaProducts: tensor cores don't multiply {type}; use the portable kernel."),
        };

    private static CudaProductLaunch<TRows> Plan<TMma, TTile, TRows, TCursor>(GpuContext context, long tiles)
        where TMma : struct, IMma
        where TTile : struct, IMmaTile
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct => new(
        context.Kernels.Get<CudaProductParameters<TRows, ImageStore>>(CudaGemmKernels.Multiply<TMma, TTile, TRows, TCursor, ImageStore>, TTile.Threads, TTile.Blocks / TMma.Parts),
        tiles,
        TTile.Threads,
        MmaTile.SharedBytes<TTile>(),
        $"mma-{typeof(TMma).Name.Replace("Mma", "", StringComparison.Ordinal)}-{TTile.Rows}x{TTile.Columns}");

    private static long Tiles<TTile>(int batches, int rows, int columns)
        where TTile : struct, IMmaTile =>
        (long)batches * ((rows + TTile.Rows - 1) / TTile.Rows) * ((columns + TTile.Columns - 1) / TTile.Columns);
}

/// <summary>A product kernel with its launch's shape.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Tiles">Blocks.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
/// <param name="Name">For diagnostics.</param>
internal sealed record CudaProductLaunch<TRows>(GpuKernel<CudaProductParameters<TRows, ImageStore>> Kernel, long Tiles, int Threads, int SharedBytes, string Name)
    where TRows : struct
{
    /// <summary>Enqueues it.</summary>
    public void Run(in CudaProductParameters<TRows, ImageStore> parameters) => Kernel.Launch(Tiles, Threads, in parameters, SharedBytes);
}
