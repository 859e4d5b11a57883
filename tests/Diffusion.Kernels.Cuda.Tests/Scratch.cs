using Diffusion.Kernels.Cuda.Tests.Offline;
using Diffusion.Kernels.Gemm;
namespace Diffusion.Kernels.Cuda.Tests;
public sealed class Scratch
{
    [Fact]
    public void Dump()
    {
        foreach (var mma in new[] { typeof(Float16Mma), typeof(BFloat16Mma), typeof(TensorFloat32Mma), typeof(Int8Mma) })
        foreach (var (tile, n) in new[] { (typeof(LargeTile), 256), (typeof(SmallTile), 128) })
        {
            var m = typeof(CudaGemmKernels).GetMethod("Multiply")!.MakeGenericMethod(mma, tile, typeof(MatrixRows), typeof(MatrixCursor), typeof(PlainStore));
            var s = PtxCompiler.Compile(m, n);
            System.IO.File.WriteAllText($"/tmp/ptxas/{mma.Name}{tile.Name}.ptx", s);
        }
    }
}
