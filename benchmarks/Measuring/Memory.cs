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

    /// <summary>Bytes that could be taken without swapping: what Linux says is available, elsewhere what the process may use and doesn't yet.</summary>
    public static long AvailableBytes
    {
        get
        {
            const string file = "/proc/meminfo", name = "MemAvailable:";
            string? line = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal)) : null;
            return line is null ? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - ResidentBytes
                : long.Parse(line[name.Length..^2].Trim(), CultureInfo.InvariantCulture) * 1024;
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
