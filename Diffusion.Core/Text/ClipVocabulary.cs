using System.Collections.Frozen;
using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;

namespace Diffusion.Core.Text;

/// <summary>A checked byte-pair vocabulary: every merge joins two known tokens into a known one, every id is used once.</summary>
internal sealed class ClipVocabulary
{
    internal const string EndOfWord = "</w>";

    // 49152 less the 256 bytes and the two special tokens: further lines of a merges file are not read, as in the reference.
    private const int MaxMerges = 49152 - 256 - 2;

    private ClipVocabulary(FrozenDictionary<string, int> tokens, ImmutableArray<string> merges)
    {
        Tokens = tokens;
        Merges = merges;
        Texts = tokens.ToFrozenDictionary(pair => pair.Value, pair => pair.Key);
    }

    internal FrozenDictionary<string, int> Tokens { get; }

    internal FrozenDictionary<int, string> Texts { get; }

    /// <summary>"left right", in the order of their rank.</summary>
    internal ImmutableArray<string> Merges { get; }

    /// <summary>Checks a vocabulary and the lines of a merges file (with its first line, which is a heading and not read).</summary>
    internal static ClipVocabulary Create(
        IEnumerable<KeyValuePair<string, int>> tokens, IEnumerable<string> lines, string vocabularyFile, string mergesFile)
    {
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        var texts = new Dictionary<int, string>();
        foreach (var (text, id) in tokens)
        {
            if (!known.TryAdd(text, id))
                throw new TokenizerException(vocabularyFile, $"\"{text}\"", "the token is listed twice, expected each once.");
            if (!texts.TryAdd(id, text))
                throw new TokenizerException(
                    vocabularyFile, $"\"{text}\"", $"got id {id}, which \"{texts[id]}\" already has; expected each id once.");
        }
        if (known.Count == 0) throw new TokenizerException(vocabularyFile, "", "the vocabulary is empty.");

        var merges = ImmutableArray.CreateBuilder<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var number = 1;
        foreach (var line in lines.Skip(1).Take(MaxMerges))
        {
            number++;
            var parts = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length == 0) continue;
            if (parts.Length != 2)
                throw new TokenizerException(
                    mergesFile, $"line {number}", $"got {parts.Length} parts (\"{Shorten(line)}\"), expected two tokens to join.");
            foreach (var token in (string[])[parts[0], parts[1], parts[0] + parts[1]])
            {
                if (!known.ContainsKey(token))
                    throw new TokenizerException(
                        mergesFile,
                        $"line {number}",
                        $"the merge of \"{Shorten(parts[0])}\" and \"{Shorten(parts[1])}\" needs \"{Shorten(token)}\", which {vocabularyFile} does not list. "
                        + "Take both files from the same tokenizer.");
            }
            var merge = $"{parts[0]} {parts[1]}";
            if (!seen.Add(merge))
                throw new TokenizerException(mergesFile, $"line {number}", $"the merge \"{Shorten(merge)}\" is listed twice.");
            merges.Add(merge);
        }
        return new ClipVocabulary(known.ToFrozenDictionary(StringComparer.Ordinal), merges.ToImmutable());
    }

    /// <summary>
    /// OpenAI's <c>bpe_simple_vocab_16e6.txt.gz</c>: merges alone, from which the vocabulary follows (the bytes, the bytes at a word's
    /// end, the merges in order, the two special tokens).
    /// </summary>
    internal static ClipVocabulary FromSimpleVocabulary(Stream gzip, string file)
    {
        string[] lines;
        try
        {
            using var unzipped = new GZipStream(gzip, CompressionMode.Decompress, leaveOpen: true);
            using var reader = new StreamReader(unzipped, new UTF8Encoding(false, throwOnInvalidBytes: true));
            lines = [.. Lines(reader).Take(MaxMerges + 1)];
        }
        catch (Exception error) when (error is InvalidDataException or DecoderFallbackException)
        {
            throw new TokenizerException(file, "", "expected UTF-8 text packed with gzip.", error);
        }
        var symbols = ByteAlphabet.Symbols.Select(symbol => symbol.ToString()).ToArray();
        string[] order =
        [
            .. symbols,
            .. symbols.Select(symbol => symbol + EndOfWord),
            .. lines.Skip(1).Select(line => line.Replace(" ", "", StringComparison.Ordinal)),
            "<|startoftext|>",
            "<|endoftext|>",
        ];
        return Create(order.Select((text, id) => KeyValuePair.Create(text, id)), lines, file, file);
    }

    internal static IEnumerable<string> Lines(TextReader reader)
    {
        while (reader.ReadLine() is { } line) yield return line;
    }

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "…";
}
