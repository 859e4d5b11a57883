namespace Diffusion.Core.Text;

/// <summary>A tokenizer's files do not make a tokenizer: names the file, the place in it and what is wrong.</summary>
public sealed class TokenizerException : Exception
{
    /// <summary>A problem at one place of one file.</summary>
    /// <param name="file">The file, as the user knows it.</param>
    /// <param name="field">The field or line.</param>
    /// <param name="problem">What was got, what was expected and what to do.</param>
    public TokenizerException(string file, string field, string problem)
        : this(file, field, problem, null)
    {
    }

    /// <summary>A problem that another exception told of.</summary>
    /// <param name="file">The file, as the user knows it.</param>
    /// <param name="field">The field or line.</param>
    /// <param name="problem">What was got, what was expected and what to do.</param>
    /// <param name="inner">The exception behind it, if any.</param>
    public TokenizerException(string file, string field, string problem, Exception? inner)
        : base(field.Length == 0 ? $"{file}: {problem}" : $"{file}: {field}: {problem}", inner)
    {
        File = file;
        Field = field;
    }

    /// <summary>The file.</summary>
    public string File { get; }

    /// <summary>The field or line; empty where the problem is with the whole file.</summary>
    public string Field { get; }
}
