using System.Collections.Immutable;
using System.Text;

namespace Diffusion.Core.Text;

/// <summary>
/// The printable stand-ins for the 256 bytes that byte-level vocabularies are written in (GPT-2, CLIP): printable Latin-1 bytes stand
/// for themselves, the others for U+0100 onwards.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly ImmutableArray<byte> Printable =
        [.. Range('!', '~'), .. Range(0xa1, 0xac), .. Range(0xae, 0xff)];

    /// <summary>The symbols in the order of CLIP's vocabulary: printable bytes first, then the others.</summary>
    internal static readonly ImmutableArray<char> Symbols =
        [.. Printable.Select(b => (char)b), .. Enumerable.Range(0, 256 - Printable.Length).Select(i => (char)(0x100 + i))];

    private static readonly ImmutableDictionary<char, byte> BytesOf = Symbols
        .Zip(Printable.Concat(Range(0, 0xff).Except(Printable)))
        .ToImmutableDictionary(pair => pair.First, pair => pair.Second);

    private static readonly ImmutableArray<char> SymbolsOf = [.. BytesOf.OrderBy(pair => pair.Value).Select(pair => pair.Key)];

    /// <summary>A text's UTF-8 bytes as symbols.</summary>
    internal static string Encode(string text) => string.Concat(Encoding.UTF8.GetBytes(text).Select(b => SymbolsOf[b]));

    /// <summary>The text that a vocabulary's symbols stand for; a sequence that is no UTF-8 becomes U+FFFD.</summary>
    internal static string Decode(string symbols)
    {
        var bytes = new List<byte>(symbols.Length);
        foreach (var rune in symbols.EnumerateRunes())
        {
            // A symbol outside of the alphabet can only come from a vocabulary that is not byte-level: it stands for itself.
            if (rune.IsBmp && BytesOf.TryGetValue((char)rune.Value, out var b)) bytes.Add(b);
            else bytes.AddRange(Encoding.UTF8.GetBytes(rune.ToString()));
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }

    private static IEnumerable<byte> Range(int first, int last) => Enumerable.Range(first, last - first + 1).Select(i => (byte)i);
}
