using Diffusion.Core.Formats;
using Diffusion.Core.Text;

namespace Diffusion.Samples.TextToImage;

/// <summary>An error as the user sees it: one line and an exit code.</summary>
internal sealed record Failure(string Message, int ExitCode)
{
    public static Failure Of(Exception error, int cancelled) => error switch
    {
        Refused refused => new(refused.Message, refused.ExitCode),
        OperationCanceledException => new("Cancelled. Nothing was written.", cancelled),
        CheckpointException or TokenizerException => new($"The model can't be read: {OneLine(error)}", ExitCodes.Model),
        NotSupportedException => new($"Not supported: {OneLine(error)}", ExitCodes.Unsupported),
        ArgumentException => new(OneLine(error), ExitCodes.Usage),
        OutOfMemoryException or OverflowException => new("There isn't enough memory for this run; ask for a smaller size or fewer pictures.", ExitCodes.Memory),
        IOException or UnauthorizedAccessException => new($"The picture can't be written: {OneLine(error)}", ExitCodes.Output),
        _ => new($"Internal error ({error.GetType().Name}): {OneLine(error)}", ExitCodes.Internal),
    };

    // The runtime adds the parameter's name and value on further lines; the message itself says all of it.
    private static string OneLine(Exception error)
    {
        string message = error.Message.Split('\n')[0].TrimEnd('\r');
        int parameter = message.LastIndexOf(" (Parameter '", StringComparison.Ordinal);
        return parameter > 0 ? message[..parameter] : message;
    }
}

/// <summary>The program refuses to go on: what to tell the user.</summary>
internal sealed class Refused(string message, int exitCode, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;
}
