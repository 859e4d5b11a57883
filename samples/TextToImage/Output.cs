using Diffusion.Core.Images;

namespace Diffusion.Samples.TextToImage;

/// <summary>Whether a picture could be written, asked before it is made.</summary>
internal static class Output
{
    public static void Check(string path)
    {
        if (path.Length == 0)
            throw new Refused("--out needs the name of a file.", ExitCodes.Output);
        try
        {
            _ = ImageCodec.FormatOf(path);
        }
        catch (NotSupportedException error)
        {
            throw new Refused($"--out {path}: {error.Message}", ExitCodes.Output, error);
        }

        if (Directory.Exists(path))
            throw new Refused($"--out {path} is a folder; give the name of a file.", ExitCodes.Output);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder))
            throw new Refused($"--out {path}: the folder {folder} doesn't exist; create it first.", ExitCodes.Output);
        try
        {
            // The only sure way to know whether a folder can be written to; the file is gone when it is closed.
            string trial = Path.Combine(folder, $".{Path.GetFileName(path)}.{Environment.ProcessId}.tmp");
            using var file = new FileStream(trial, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new Refused($"--out {path}: the folder {folder} can't be written to: {error.Message}", ExitCodes.Output, error);
        }
    }
}
