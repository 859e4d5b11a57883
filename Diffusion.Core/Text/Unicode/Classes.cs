using System.Globalization;
using System.Text;

namespace Diffusion.Core.Text.Unicode;

/// <summary>The classes of characters that the tokenizer's rules speak of.</summary>
internal static class Classes
{
    /// <summary>\p{L}.</summary>
    internal static bool IsLetter(Rune rune) => Rune.GetUnicodeCategory(rune) <= UnicodeCategory.OtherLetter;

    /// <summary>\p{N}.</summary>
    internal static bool IsNumber(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    /// <summary>General category C*: control, format, surrogate, private use and unassigned.</summary>
    internal static bool IsControl(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;

    /// <summary>White space as Python's <c>str.split</c> and <c>str.strip</c> see it: also the four separators U+001C to U+001F.</summary>
    internal static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';

    /// <summary>The ideographs that are split off, each a word of its own.</summary>
    internal static bool IsIdeograph(Rune rune) => rune.Value is (>= 0x4e00 and <= 0x9fff) or (>= 0x3400 and <= 0x4dbf)
        or (>= 0x20000 and <= 0x2a6df) or (>= 0x2a700 and <= 0x2ceaf) or (>= 0xf900 and <= 0xfaff) or (>= 0x2f800 and <= 0x2fa1f);
}
