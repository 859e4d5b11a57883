using System.Runtime.InteropServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Asks Linux to back large allocations with huge pages: gigabytes of weights in small pages cost a fault each 4 KiB when they
/// are first written, and more translation misses than the processor can hide when they are read. Advice only.
/// </summary>
internal static partial class HugePages
{
    /// <summary>Size of a huge page on x86-64 and (with small pages of 4 KiB) on ARM64.</summary>
    public const int Size = 2 << 20;

    // Most weights of a network are a few megabytes each. The tail after the last whole page stays in small pages.
    private const long MinimumBytes = Size;
    private const int MadviseHugePage = 14;

    private static readonly bool IsLinux = OperatingSystem.IsLinux() && !OperatingSystem.IsAndroid();

    /// <summary>The alignment for an allocation of that size.</summary>
    public static nuint AlignmentFor(long bytes) => IsLinux && bytes >= MinimumBytes ? (nuint)Size : CpuMemory.Alignment;

    /// <summary>Gives the advice, if the allocation is large enough. Whether it is followed doesn't matter.</summary>
    public static unsafe void Advise(void* memory, long bytes)
    {
        if (!IsLinux || bytes < MinimumBytes)
            return;
        try
        {
            // Whole pages only: a page shared with another allocation is none of our business.
            _ = Madvise((nint)memory, (nuint)(bytes / Size * Size), MadviseHugePage);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Madvise(nint address, nuint length, int advice);
}
