using System.Collections.Immutable;
using System.Text;

namespace Diffusion.Core.Images;

/// <summary>The rules for text that can be kept in a picture file (PNG specification, chapter "Textual information").</summary>
internal static class ImageText
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static ImmutableSortedDictionary<string, string> Empty { get; } =
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    public static string CheckedKeyword(string keyword)
    {
        ArgumentNullException.ThrowIfNull(keyword);
        return keyword.Length is >= 1 and <= 79 && keyword.All(IsPrintableLatin1)
            && keyword[0] != ' ' && keyword[^1] != ' ' && !keyword.Contains("  ", StringComparison.Ordinal)
            ? keyword
            : throw new ArgumentException(
                $"Image.WithText: got the keyword \"{keyword}\"; expected 1 to 79 printable Latin-1 characters "
                + "without leading, trailing or double spaces.",
                nameof(keyword));
    }

    public static string CheckedValue(string keyword, string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (value.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"Image.WithText: the value of \"{keyword}\" has the character U+0000, which "
                + "no picture file can hold; remove it.", nameof(value));
        }

        try
        {
            _ = StrictUtf8.GetByteCount(value);
            return value;
        }
        catch (EncoderFallbackException error)
        {
            throw new ArgumentException(
                $"Image.WithText: the value of \"{keyword}\" has half of a surrogate pair, which is no Unicode text; "
                + "remove it.", nameof(value), error);
        }
    }

    /// <summary>Whether a value can be a plain Latin-1 chunk; other text is written as UTF-8.</summary>
    public static bool IsPlain(string value) => value.All(c => c == '\n' || IsPrintableLatin1(c) || c == '\u00a0');

    public static byte[] Utf8(string value) => StrictUtf8.GetBytes(value);

    public static string FromUtf8(ReadOnlySpan<byte> bytes) => StrictUtf8.GetString(bytes);

    private static bool IsPrintableLatin1(char c) => c is (>= ' ' and <= '~') or (>= '¡' and <= 'ÿ');
}
