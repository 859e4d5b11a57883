using System.Buffers;
using System.Globalization;
using System.Text;

namespace Diffusion.Core.Text.Unicode;

/// <summary>
/// Lower case by the full mappings of the Unicode Standard (3.13), as Python's <c>str.lower</c>: one character may become two (İ), and a
/// capital sigma at the end of a word becomes ς.
/// </summary>
internal static class Lowercase
{
    private const int CapitalSigma = 0x3a3, CapitalDottedI = 0x130;

    // Word_Break = MidLetter, MidNumLet or Single_Quote: ignorable besides the general categories below.
    private const string IgnorablePunctuation =
        "'.:·\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a";

    internal static string Of(string text)
    {
        var lower = new StringBuilder(text.Length);
        var index = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                CapitalDottedI => lower.Append("i\u0307"),
                CapitalSigma => lower.Append(EndsWord(text, index) ? 'ς' : 'σ'),
                _ => lower.Append(Rune.ToLowerInvariant(rune).ToString()),
            };
            index += rune.Utf16SequenceLength;
        }
        return lower.ToString();
    }

    // Final_Sigma: a cased letter before and none after, ignorable characters left out.
    private static bool EndsWord(string text, int index) =>
        IsCased(Before(text, index)) && !IsCased(After(text, index + 1));

    private static Rune Before(string text, int index)
    {
        while (index > 0)
        {
            if (Rune.DecodeLastFromUtf16(text.AsSpan(0, index), out var rune, out var length) != OperationStatus.Done) return default;
            if (!IsIgnorable(rune)) return rune;
            index -= length;
        }
        return default;
    }

    private static Rune After(string text, int index)
    {
        while (index < text.Length)
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(index), out var rune, out var length) != OperationStatus.Done) return default;
            if (!IsIgnorable(rune)) return rune;
            index += length;
        }
        return default;
    }

    private static bool IsIgnorable(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark
        or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol
        || (rune.IsBmp && IgnorablePunctuation.Contains((char)rune.Value, StringComparison.Ordinal));

    // Letters with case, and the numerals and symbols that Other_Lowercase and Other_Uppercase add. (Modifier letters are ignorable.)
    private static bool IsCased(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter
        or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        || rune.Value is 0xaa or 0xba or (>= 0x2160 and <= 0x217f) or (>= 0x24b6 and <= 0x24e9)
            or (>= 0x1f130 and <= 0x1f149) or (>= 0x1f150 and <= 0x1f169) or (>= 0x1f170 and <= 0x1f189);
}
