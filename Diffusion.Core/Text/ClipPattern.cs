using System.Buffers;
using System.Text;
using Diffusion.Core.Text.Unicode;

namespace Diffusion.Core.Text;

/// <summary>
/// CLIP's rule for cutting cleaned text into words: a special token, an English contraction ('s 't 're 've 'm 'll 'd), a run of letters,
/// a single digit, or a run of anything else that is no space. Written as a scanner over code points, since .NET's regular expressions
/// see UTF-16 halves where the rule speaks of letters.
/// </summary>
internal static class ClipPattern
{
    // The rule names these two by their text, whatever the tokenizer's own special tokens are called.
    private static readonly string[] Literals = ["<|startoftext|>", "<|endoftext|>"];
    private static readonly string[] Contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    /// <summary>Whether the word is one of the two literal special tokens.</summary>
    internal static bool IsLiteral(string word) => Literals.Contains(word, StringComparer.Ordinal);

    /// <summary>The words of a cleaned text, in order.</summary>
    internal static IEnumerable<string> Words(string text)
    {
        var start = 0;
        while (start < text.Length)
        {
            var length = WordAt(text.AsSpan(start));
            if (length > 0) yield return text.Substring(start, length);
            start += Math.Max(1, length);
        }
    }

    // 0 at a space.
    private static int WordAt(ReadOnlySpan<char> text)
    {
        foreach (var literal in Literals)
        {
            if (text.StartsWith(literal, StringComparison.Ordinal)) return literal.Length;
        }
        foreach (var contraction in Contractions)
        {
            if (text.StartsWith(contraction, StringComparison.Ordinal)) return contraction.Length;
        }
        // The rule ignores case, and the long s is a case of s that lower-casing leaves alone.
        if (text.StartsWith("'ſ", StringComparison.Ordinal)) return 2;

        var (kind, length) = First(text);
        if (kind is Kind.Space or Kind.Number) return kind == Kind.Space ? 0 : length;
        while (length < text.Length)
        {
            var next = First(text[length..]);
            if (next.Kind != kind) break;
            length += next.Length;
        }
        return length;
    }

    private enum Kind
    {
        Space,
        Letter,
        Number,
        Other,
    }

    private static (Kind Kind, int Length) First(ReadOnlySpan<char> text)
    {
        _ = Rune.DecodeFromUtf16(text, out var rune, out var length) == OperationStatus.Done;
        var kind = Classes.IsLetter(rune) ? Kind.Letter
            : Classes.IsNumber(rune) ? Kind.Number
            : Rune.IsWhiteSpace(rune) ? Kind.Space
            : Kind.Other;
        return (kind, length);
    }
}
