using System.Globalization;
using System.Text;
using Diffusion.Core.Text.Unicode;

namespace Diffusion.Core.Text;

/// <summary>How a prompt is cleaned before it is cut into words.</summary>
public enum TextCleaning
{
    /// <summary>As transformers' <c>CLIPTokenizer</c>, which diffusers uses: control characters (also joiners and private use) dropped,
    /// ideographs split off, NFC, lower case. This is its cleaning without the <c>ftfy</c> package.</summary>
    Basic,

    /// <summary>As <c>CLIPTokenizerFast</c>: NFC, white space to single spaces, lower case; nothing is dropped.</summary>
    Fast,
}

/// <summary>The cleanings as functions of text. None of them fails, whatever the text.</summary>
internal static class TextCleanings
{
    internal static string Clean(this TextCleaning cleaning, string text) => cleaning == TextCleaning.Fast ? Fast(text) : Basic(text);

    private static string Basic(string text)
    {
        var kept = new StringBuilder(text.Length);
        foreach (var rune in Runes(text))
        {
            if (rune.Value is '\t' or '\n' or '\r' || Rune.GetUnicodeCategory(rune) == UnicodeCategory.SpaceSeparator) kept.Append(' ');
            // U+FFFD also stands for what was a lone surrogate.
            else if (rune == Rune.ReplacementChar || Classes.IsControl(rune)) continue;
            else if (Classes.IsIdeograph(rune)) kept.Append(' ').Append(rune.ToString()).Append(' ');
            else kept.Append(rune.ToString());
        }
        // Lower case word by word: the final sigma looks at the letters around it.
        return string.Join(' ', Words(Nfc.Normalize(kept.ToString())).Select(Lowercase.Of));
    }

    private static string Fast(string text) => Lowercase.Of(string.Join(' ', Words(Nfc.Normalize(text))));

    private static StringRuneEnumerator Runes(string text) => text.EnumerateRunes();

    private static IEnumerable<string> Words(string text)
    {
        var start = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && !Classes.IsSpace(text[i])) continue;
            if (i > start) yield return text[start..i];
            start = i + 1;
        }
    }
}
