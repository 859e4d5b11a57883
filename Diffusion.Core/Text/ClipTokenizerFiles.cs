using System.Text;

namespace Diffusion.Core.Text;

/// <summary>The contents of a <c>tokenizer/</c> folder; an absent optional file is an empty text.</summary>
/// <param name="Vocabulary"><c>vocab.json</c>: token to id.</param>
/// <param name="Merges"><c>merges.txt</c>: a heading, then a pair of tokens a line, the most important first.</param>
/// <param name="Config"><c>tokenizer_config.json</c>, or empty.</param>
/// <param name="SpecialTokensMap"><c>special_tokens_map.json</c>, or empty.</param>
/// <param name="AddedTokens"><c>added_tokens.json</c>, or empty.</param>
public sealed record ClipTokenizerFiles(
    string Vocabulary, string Merges, string Config = "", string SpecialTokensMap = "", string AddedTokens = "")
{
    internal const string VocabularyName = "vocab.json";
    internal const string MergesName = "merges.txt";
    internal const string ConfigName = "tokenizer_config.json";
    internal const string SpecialTokensMapName = "special_tokens_map.json";
    internal const string AddedTokensName = "added_tokens.json";

    // CLIP's own vocabulary has less than 1 MB; a file far beyond any tokenizer's size is refused before it is read.
    private const long MaxBytes = 64L << 20;

    /// <summary>Reads the files of a folder (an effect).</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>The contents.</returns>
    /// <exception cref="TokenizerException">The folder, its vocabulary or its merges are missing, or a file is no UTF-8 text.</exception>
    public static ClipTokenizerFiles Read(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
            throw new TokenizerException(folder, "", "there is no such folder. Pass a model's tokenizer folder.");
        return new ClipTokenizerFiles(
            Required(folder, VocabularyName),
            Required(folder, MergesName),
            Optional(folder, ConfigName),
            Optional(folder, SpecialTokensMapName),
            Optional(folder, AddedTokensName));
    }

    private static string Required(string folder, string name) =>
        Optional(folder, name) is { Length: > 0 } text
            ? text
            : throw new TokenizerException(
                Path.Combine(folder, name), "", "the file is missing or empty. A CLIP tokenizer needs vocab.json and merges.txt.");

    private static string Optional(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        var file = new FileInfo(path);
        if (!file.Exists) return "";
        if (file.Length > MaxBytes)
            throw new TokenizerException(path, "", $"got {file.Length} bytes, expected at most {MaxBytes}: no tokenizer file is as large.");
        try
        {
            // Not ReadAllText, which would take other encodings for granted where a file begins like them.
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(path)).TrimStart('\ufeff');
        }
        catch (DecoderFallbackException error)
        {
            throw new TokenizerException(path, "", "the file is no UTF-8 text.", error);
        }
    }
}
