using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Diffusion.Kernels.Cuda.Tests.Offline;

/// <summary>What the assembler makes of a kernel.</summary>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="SharedBytes">Shared memory that the text declares.</param>
/// <param name="StackBytes">Local memory of a thread.</param>
/// <param name="SpillBytes">Bytes of registers that did not fit: stores and loads.</param>
internal sealed record KernelResources(int Registers, int SharedBytes, int StackBytes, int SpillBytes);

/// <summary>
/// NVIDIA's assembler, where it is installed: named by the environment variable <c>DIFFUSION_PTXAS</c>, or on the path. It needs no GPU and
/// no driver.
/// </summary>
internal static partial class Ptxas
{
    /// <summary>Path of the program, or empty.</summary>
    public static string Path { get; } = Find();

    /// <summary>Assembles a text.</summary>
    /// <param name="text">One kernel.</param>
    /// <param name="architecture">80 or 90.</param>
    public static KernelResources Assemble(string text, int architecture)
    {
        string file = System.IO.Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, text);
            var start = new ProcessStartInfo(Path) { RedirectStandardError = true, RedirectStandardOutput = true };
            foreach (string argument in new[] { "-v", "-arch", $"sm_{architecture}", file, "-o", file + ".cubin" })
                start.ArgumentList.Add(argument);
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            string report = process.StandardError.ReadToEnd() + output.Result;
            process.WaitForExit();
            if (process.ExitCode != 0)
                throw new InvalidOperationException($"ptxas: {report}");
            return new KernelResources(
                Number(Registers(), report), Number(Shared(), report), Number(Stack(), report), Number(SpillStores(), report) + Number(SpillLoads(), report));
        }
        finally
        {
            File.Delete(file);
            File.Delete(file + ".cubin");
        }
    }

    private static string Find()
    {
        if (Environment.GetEnvironmentVariable("DIFFUSION_PTXAS") is { Length: > 0 } named)
            return named;
        string program = OperatingSystem.IsWindows() ? "ptxas.exe" : "ptxas";
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.Select(folder => System.IO.Path.Combine(folder, program)).FirstOrDefault(File.Exists) ?? "";
    }

    private static int Number(Regex pattern, string report) =>
        pattern.Match(report) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex Registers();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex Shared();

    [GeneratedRegex(@"(\d+) bytes stack frame")]
    private static partial Regex Stack();

    [GeneratedRegex(@"(\d+) bytes spill stores")]
    private static partial Regex SpillStores();

    [GeneratedRegex(@"(\d+) bytes spill loads")]
    private static partial Regex SpillLoads();
}
