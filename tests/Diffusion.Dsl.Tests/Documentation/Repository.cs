namespace Diffusion.Dsl.Tests.Documentation;

/// <summary>The files that the documentation speaks of.</summary>
internal static class Repository
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>A file's lines without indentation and empty lines.</summary>
    public static string[] Lines(string path) =>
        [.. File.ReadLines(Path.Combine(Root, path)).Select(line => line.Trim()).Where(line => line.Length > 0)];

    private static string Find(string folder) =>
        File.Exists(Path.Combine(folder, "Diffusion.slnx")) ? folder
        : Find(Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The repository's root wasn't found."));
}
