using System.Reflection;
using Diffusion.Kernels.Attention;
using Diffusion.Kernels.Convolution;
using Diffusion.Kernels.Gemm;

namespace Diffusion.Kernels.Cuda;

/// <summary>A tensor-core kernel as it is compiled and launched.</summary>
/// <param name="Name">What it multiplies, in what type and tile.</param>
/// <param name="Method">The closed method.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="Blocks">Blocks that must fit a multiprocessor at once; 0 if the assembler may choose.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
internal sealed record CudaKernel(string Name, MethodInfo Method, int Threads, int Blocks, int SharedBytes);

/// <summary>All tensor-core kernels that a backend may launch: what tests compile and what a report lists.</summary>
internal static class CudaKernelCatalog
{
    /// <summary>The kernels as they are launched.</summary>
    public static IEnumerable<CudaKernel> All() => All<ImageStore, HeadStore>();

    /// <summary>The kernels with other stores.</summary>
    /// <typeparam name="TStore">What becomes of products' and convolutions' results.</typeparam>
    /// <typeparam name="THeadStore">What becomes of attention's.</typeparam>
    public static IEnumerable<CudaKernel> All<TStore, THeadStore>()
        where TStore : struct, IResultStore
        where THeadStore : struct, IResultStore
    {
        foreach (var kernel in Products<MatrixRows, MatrixCursor, TStore>("gemm"))
            yield return kernel;
        yield return Product<Int8Mma, LargeTile, MatrixRows, MatrixCursor, TStore>("gemm");
        yield return Product<Int8Mma, SmallTile, MatrixRows, MatrixCursor, TStore>("gemm");
        foreach (var kernel in Products<PatchRows, PatchCursor, TStore>("convolution"))
            yield return kernel;
        foreach (var kernel in Attentions<Float16Attention, THeadStore>().Concat(Attentions<BFloat16Attention, THeadStore>()))
            yield return kernel;
    }

    private static IEnumerable<CudaKernel> Products<TRows, TCursor, TStore>(string what)
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
        where TStore : struct, IResultStore =>
    [
        Product<Float16Mma, LargeTile, TRows, TCursor, TStore>(what),
        Product<Float16Mma, SmallTile, TRows, TCursor, TStore>(what),
        Product<BFloat16Mma, LargeTile, TRows, TCursor, TStore>(what),
        Product<BFloat16Mma, SmallTile, TRows, TCursor, TStore>(what),
        Product<TensorFloat32Mma, LargeTile, TRows, TCursor, TStore>(what),
        Product<TensorFloat32Mma, SmallTile, TRows, TCursor, TStore>(what),
        Product<SplitFloat32Mma, LargeTile, TRows, TCursor, TStore>(what),
        Product<SplitFloat32Mma, SmallTile, TRows, TCursor, TStore>(what),
    ];

    private static CudaKernel Product<TMma, TTile, TRows, TCursor, TStore>(string what)
        where TMma : struct, IMma
        where TTile : struct, IMmaTile
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
        where TStore : struct, IResultStore => new(
        $"{what} {typeof(TMma).Name.Replace("Mma", "", StringComparison.Ordinal)} {TTile.Rows}x{TTile.Columns}",
        ((Action<CudaProductParameters<TRows, TStore>>)CudaGemmKernels.Multiply<TMma, TTile, TRows, TCursor, TStore>).Method,
        TTile.Threads,
        TTile.Blocks / TMma.Parts,
        MmaTile.SharedBytes<TTile>());

    private static IEnumerable<CudaKernel> Attentions<TMma, TStore>()
        where TMma : struct, IAttentionMma
        where TStore : struct, IResultStore =>
    [
        Attention<TMma, Head48, TStore>(),
        Attention<TMma, Head64, TStore>(),
        Attention<TMma, Head80, TStore>(),
        Attention<TMma, Head128, TStore>(),
        Attention<TMma, Head160, TStore>(),
        Attention<TMma, Head256, TStore>(),
    ];

    private static CudaKernel Attention<TMma, THead, TStore>()
        where TMma : struct, IAttentionMma
        where THead : struct, IHeadTile
        where TStore : struct, IResultStore => new(
        $"attention {typeof(TMma).Name.Replace("Attention", "", StringComparison.Ordinal)} {typeof(THead).Name}",
        ((Action<CudaAttentionParameters<TStore>>)CudaAttentionKernels.Attend<TMma, THead, TStore>).Method,
        CudaAttentionKernels.Threads<THead>(),
        0,
        CudaAttentionKernels.SharedBytes<THead>());
}
