using System.Runtime.InteropServices;

namespace Diffusion.Core.Formats;

/// <summary>Advice to the system about pages of mapped files.</summary>
internal static partial class MappedPages
{
    private const int MadviseDontNeed = 4;

    /// <summary>
    /// Takes the whole pages of a range out of the process. They stay in the system's cache of files as long as it has room, and come
    /// back when they are touched. Only for maps of files that are never written; does nothing where it isn't known to be that harmless.
    /// </summary>
    public static void Forget(nint address, long length)
    {
        if (!OperatingSystem.IsLinux())
            return;
        nint page = Environment.SystemPageSize;
        nint first = (address + page - 1) / page * page, end = (nint)((address + length) / page * page);
        if (end <= first)
            return;
        try
        {
            // Advice only: a system that refuses it keeps the pages.
            _ = Madvise(first, (nuint)(end - first), MadviseDontNeed);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Madvise(nint address, nuint length, int advice);
}
