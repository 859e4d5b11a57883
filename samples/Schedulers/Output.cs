namespace Diffusion.Samples.SchedulerPlots;

/// <summary>Whether a file can be written, asked before anything is computed.</summary>
internal static class Output
{
    public static void Check(string path, params string[] endings)
    {
        if (!endings.Contains(Path.GetExtension(path).ToLowerInvariant()))
            throw new ArgumentException($"--out must end in {string.Join(" or ", endings)}; got '{path}'.");
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder))
            throw new ArgumentException($"--out {path}: the folder {folder} doesn't exist; create it first.");
        if (Directory.Exists(path))
            throw new ArgumentException($"--out {path} is a folder; give the name of a file.");
    }
}
