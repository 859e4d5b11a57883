using System.Buffers;

namespace Diffusion.Core.Formats;

/// <summary>
/// Checks names that come from files and become part of a path. What passes is one plain name on every system, so the same model
/// folder is accepted or refused everywhere.
/// </summary>
internal static class PlainName
{
    private const int Longest = 255;

    private static readonly SearchValues<char> Forbidden = SearchValues.Create("*?\"<>|");
    private static readonly string[] Devices = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    private static readonly string[] Ports = ["COM", "LPT"];

    /// <summary>What is wrong with the name; empty when it can be used inside a folder.</summary>
    public static string Problem(string name) =>
        name.Length == 0 ? "is empty"
        : name.Length > Longest ? $"has {name.Length} characters, more than a file name can ({Longest})"
        : name is "." or ".." || name.AsSpan().ContainsAny('/', '\\', ':') ? "leads out of the folder"
        : name.AsSpan().ContainsAny(Forbidden) || name.Any(char.IsControl) ? "holds characters that a file name can't on every system"
        : name[^1] is '.' or ' ' || name[0] == ' ' ? "begins or ends with a space, or ends with a dot"
        : IsDevice(name.Split('.')[0].Trim()) ? "names a device of Windows"
        : "";

    /// <summary>
    /// Refuses a symbolic link that leaves the folder, except to the blobs of a download cache: its <c>snapshots/revision</c> folder
    /// holds nothing but links into the <c>blobs</c> folder beside <c>snapshots</c>.
    /// </summary>
    /// <exception cref="CheckpointException">The link leads elsewhere.</exception>
    public static void RefuseLinkOut(string folder, string path, string source, string field)
    {
        var target = new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName;
        if (target is null)
            return;

        var home = Path.GetFullPath(folder);
        if (IsInside(target, Final(home)) || CacheOf(home) is { } cache && IsInside(target, Final(Path.Combine(cache, "blobs"))))
            return;

        throw new CheckpointException(source, field, $"{path} is a link to {target}, out of the model's folder. Copy the file into the folder.");
    }

    private static bool IsDevice(string stem) =>
        Devices.Contains(stem, StringComparer.OrdinalIgnoreCase)
        || stem.Length == 4 && char.IsAsciiDigit(stem[3]) && Ports.Contains(stem[..3], StringComparer.OrdinalIgnoreCase);

    private static bool IsInside(string path, string folder) =>
        path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static string Final(string folder) => Directory.Exists(folder)
        ? new DirectoryInfo(folder).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? folder
        : folder;

    private static string? CacheOf(string folder)
    {
        for (var at = folder; Path.GetDirectoryName(at) is { } parent; at = parent)
        {
            if (Path.GetFileName(parent) == "snapshots")
                return Path.GetDirectoryName(parent);
        }

        return null;
    }
}
