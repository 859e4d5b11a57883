using System.Text.RegularExpressions;

namespace Diffusion.Kernels.Cuda;

/// <summary>Corrections to the PTX text that ILGPU makes.</summary>
internal static partial class CudaText
{
    /// <summary>All corrections.</summary>
    public static string Correct(string text) => WithAlignedSharedMemory(WithoutPromises(text));

    /// <summary>
    /// Takes the promise back that a conditional branch goes the same way in all lanes of a warp (<c>bra.uni</c>). ILGPU 1.5.3 gives it for
    /// branches that do part, such as a loop over a struct whose fields come from the thread's number. The assembler may then leave
    /// the lanes apart, and the matrix instructions need them together.
    /// </summary>
    private static string WithoutPromises(string text) => GuardedUniformBranch().Replace(text, "$1bra");

    /// <summary>
    /// Aligns dynamic shared memory for copies of 16 bytes and for whole banks; ILGPU aligns it for one element.
    /// </summary>
    private static string WithAlignedSharedMemory(string text) => DynamicShared().Replace(text, "${1}128$2");

    [GeneratedRegex(@"(\.extern\s+\.shared\s+\.align\s+)\d+(\s+\.b8\s+__dyn_shared_alloca)")]
    private static partial Regex DynamicShared();

    [GeneratedRegex(@"(@!?%p\d+\s+)bra\.uni\b")]
    private static partial Regex GuardedUniformBranch();
}
