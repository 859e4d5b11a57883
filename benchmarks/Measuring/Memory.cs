using System.Globalization;

namespace Diffusion.Benchmarks.Measuring;

/// <summary>Memory of this process.</summary>
internal static class Memory
{
    /// <summary>Bytes in physical memory now.</summary>
    public static long ResidentBytes
    {
        get
        {
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            return process.WorkingSet64;
        }
    }

    /// <summary>The most that it ever was.</summary>
    public static long PeakBytes
    {
        get
        {
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            return process.PeakWorkingSet64;
        }
    }

    public static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F0} MB");
}
