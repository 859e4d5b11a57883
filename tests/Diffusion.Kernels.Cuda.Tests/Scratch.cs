using Diffusion.Kernels.Cuda.Tests.Offline;
namespace Diffusion.Kernels.Cuda.Tests;
public sealed class Scratch
{
    [Fact]
    public void Dump()
    {
        System.IO.Directory.CreateDirectory("/tmp/ptxas/real");
        foreach (var k in CudaKernelCatalog.All<PlainStore, PlainStore>()) System.IO.File.WriteAllText($"/tmp/ptxas/real/{k.Name.Replace(' ','-')}.ptx", PtxCompiler.Compile(k.Method, k.Threads));
        foreach (var k in CudaKernelCatalog.All<ImageStore, HeadStore>()) System.IO.File.WriteAllText($"/tmp/ptxas/real/{k.Name.Replace(' ','-')}-real.ptx", PtxCompiler.Compile(k.Method, k.Threads));
    }
}
