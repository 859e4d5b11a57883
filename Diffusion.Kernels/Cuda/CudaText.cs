using System.Text.RegularExpressions;

namespace Diffusion.Kernels.Cuda;

/// <summary>Corrections to the PTX text that ILGPU makes.</summary>
internal static partial class CudaText
{
    /// <summary>
    /// Takes the promise back that a conditional branch goes the same way in all lanes of a warp (<c>bra.uni</c>). ILGPU 1.5.3 gives it for
    /// branches that do part, such as a loop over a struct whose fields come from the thread's number. The assembler may then leave
    /// the lanes apart, and the matrix instructions need them together.
    /// </summary>
    public static string WithoutPromises(string text) => GuardedUniformBranch().Replace(text, "$1bra");

    [GeneratedRegex(@"(@!?%p\d+\s+)bra\.uni\b")]
    private static partial Regex GuardedUniformBranch();
}
