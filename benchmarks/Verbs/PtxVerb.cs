using System.Globalization;
using Diffusion.Kernels.Cuda;
using Diffusion.Kernels.Cuda.Tests.Offline;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>
/// What NVIDIA's assembler makes of the tensor-core kernels, as a table. It needs ptxas (named by <c>DIFFUSION_PTXAS</c>, or on the
/// path), but no GPU and no driver.
/// </summary>
internal static class PtxVerb
{
    private const int Architecture = 80, OtherArchitecture = 90;

    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (Ptxas.Path.Length == 0)
        {
            Console.Error.WriteLine("benchmarks: ptxas is neither on the path nor named by DIFFUSION_PTXAS; it is a part of the CUDA toolkit.");
            return 2;
        }
        Console.WriteLine($"| kernel | threads | registers sm_{Architecture} | sm_{OtherArchitecture} | shared memory | spills |");
        Console.WriteLine("|---|---|---|---|---|---|");
        foreach (var kernel in CudaKernelCatalog.All().Where(k => k.Name.Contains(options.Filter, StringComparison.OrdinalIgnoreCase)))
        {
            KernelResources first = Assemble(kernel, Architecture), second = Assemble(kernel, OtherArchitecture);
            int spills = first.SpillBytes + first.StackBytes + second.SpillBytes + second.StackBytes;
            Console.WriteLine(
                $"| {kernel.Name} | {kernel.Threads} | {first.Registers} | {second.Registers} | {(kernel.SharedBytes + first.SharedBytes) / 1024.0:0.0} KB | {spills} |");
        }
        return 0;
    }

    private static KernelResources Assemble(CudaKernel kernel, int architecture) =>
        Ptxas.Assemble(PtxCompiler.Compile(kernel.Method, kernel.Threads, kernel.Blocks, architecture), architecture);
}
