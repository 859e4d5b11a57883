using System.Text.RegularExpressions;
using Diffusion.Kernels.Cuda.Tests.Emulator;

namespace Diffusion.Kernels.Cuda.Tests.Offline;

/// <summary>Every tensor-core kernel, compiled without a driver: what its text has and does not have.</summary>
public sealed partial class OfflineTests
{
    private const int SharedWithoutOptIn = 48 * 1024;

    // A multiprocessor's registers; the least that compute capability 8.0 and up have.
    private const int RegistersOfMultiprocessor = 65536;

    private static readonly Dictionary<string, CudaKernel> Kernels = CudaKernelCatalog.All().ToDictionary(k => k.Name);

    public static IEnumerable<TheoryDataRow<string, int>> Cases =>
        from name in Kernels.Keys
        from architecture in new[] { 80, 90 }
        select new TheoryDataRow<string, int>(name, architecture);

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_text_uses_tensor_cores_and_no_local_memory(string name, int architecture)
    {
        var kernel = Kernels[name];
        string text = PtxCompiler.Compile(kernel.Method, kernel.Threads, kernel.Blocks, architecture);
        Assert.DoesNotContain(".local", text, StringComparison.Ordinal);
        Assert.Matches(Multiplication(), text);
        Assert.Contains("ldmatrix.sync.aligned.m8n8.x4", text, StringComparison.Ordinal);
        Assert.Contains("cp.async.cg.shared.global", text, StringComparison.Ordinal);
        Assert.Contains($".maxntid {kernel.Threads}, 1, 1", text, StringComparison.Ordinal);
        Assert.DoesNotMatch(PromisedBranch(), text);
        Assert.InRange(kernel.SharedBytes + PtxParser.Parse(text).StaticSharedBytes, 1, SharedWithoutOptIn);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_text_is_the_same_when_it_is_compiled_again(string name, int architecture)
    {
        var kernel = Kernels[name];
        string first = PtxCompiler.Compile(kernel.Method, kernel.Threads, kernel.Blocks, architecture);
        Assert.Equal(first, PtxCompiler.CompileAgain(kernel.Method, kernel.Threads, kernel.Blocks, architecture));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_assembler_keeps_everything_in_registers(string name, int architecture)
    {
        Assert.SkipWhen(Ptxas.Path.Length == 0, "ptxas is neither on the path nor named by DIFFUSION_PTXAS.");
        var kernel = Kernels[name];
        var resources = Ptxas.Assemble(PtxCompiler.Compile(kernel.Method, kernel.Threads, kernel.Blocks, architecture), architecture);
        Assert.Equal(0, resources.StackBytes);
        Assert.Equal(0, resources.SpillBytes);
        Assert.InRange(resources.Registers * kernel.Threads, 1, RegistersOfMultiprocessor);
    }

    [GeneratedRegex(@"mma\.sync\.aligned\.m16n8k(8|16|32)\.row\.col")]
    private static partial Regex Multiplication();

    [GeneratedRegex(@"@!?%p\d+\s+bra\.uni")]
    private static partial Regex PromisedBranch();
}
