namespace Diffusion.Core.Formats;

/// <summary>
/// The one error for files of a model that can't be used: damaged weights, shard indexes, configurations and folders.
/// The message names the file, the field in it, what was found and what was expected.
/// </summary>
public sealed class CheckpointException : Exception
{
    /// <summary>Makes the error from its parts.</summary>
    /// <param name="file">The file or folder that was read.</param>
    /// <param name="field">The place in it, e.g. a tensor name or <c>header length</c>; empty when it is the whole file.</param>
    /// <param name="problem">What was found, what was expected and what to do.</param>
    public CheckpointException(string file, string field, string problem)
        : this(file, field, problem, null)
    {
    }

    /// <summary>Makes the error from its parts and the error underneath.</summary>
    /// <param name="file">The file or folder that was read.</param>
    /// <param name="field">The place in it; empty when it is the whole file.</param>
    /// <param name="problem">What was found, what was expected and what to do.</param>
    /// <param name="inner">The error that was caught, if any.</param>
    public CheckpointException(string file, string field, string problem, Exception? inner)
        : base(Describe(file, field, problem), inner)
    {
        File = file;
        Field = field;
    }

    /// <summary>The file or folder that was read.</summary>
    public string File { get; }

    /// <summary>The place in the file; empty when it is the whole file.</summary>
    public string Field { get; }

    /// <summary>Text for a message from a name that a file gave: control characters escaped, long names cut.</summary>
    internal static string Quote(string name)
    {
        const int Longest = 120;
        var cut = name.Length <= Longest ? name : $"{name[..Longest]}… ({name.Length} characters)";
        return "'" + string.Concat(cut.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString())) + "'";
    }

    private static string Describe(string file, string field, string problem) =>
        field.Length == 0 ? $"{file}: {problem}" : $"{file}: {field}: {problem}";
}
