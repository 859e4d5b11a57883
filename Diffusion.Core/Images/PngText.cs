using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;

namespace Diffusion.Core.Images;

/// <summary>The text chunks of a PNG file. What a compressed chunk may grow to is limited before it is inflated.</summary>
internal static class PngText
{
    public static ImmutableSortedDictionary<string, string> Read(
        byte[] file, ImmutableArray<PngChunk> chunks, int maxBytes, string name)
    {
        var text = ImageText.Empty.ToBuilder();
        var left = maxBytes;
        foreach (var chunk in chunks)
        {
            if (chunk.Type is not ("tEXt" or "zTXt" or "iTXt"))
            {
                continue;
            }

            var data = chunk.Data(file);
            var keywordEnd = data.IndexOf((byte)0);
            if (keywordEnd is < 1 or > 79)
            {
                throw PngChunks.Damaged(name, $"a text chunk ({chunk.Type}) has no keyword of 1 to 79 characters");
            }

            var keyword = Encoding.Latin1.GetString(data[..keywordEnd]);
            var (value, bytes) = Value(chunk.Type, keyword, data[(keywordEnd + 1)..], left, name);
            left -= bytes;
            text[keyword] = value;
        }

        return text.ToImmutable();
    }

    private static (string Value, int Bytes) Value(string type, string keyword, ReadOnlySpan<byte> rest, int maxBytes, string name)
    {
        switch (type)
        {
            case "tEXt":
                RequireRoom(rest.Length, keyword, maxBytes, name);
                return (Encoding.Latin1.GetString(rest), rest.Length);
            case "zTXt":
                if (rest.Length < 1 || rest[0] != 0)
                {
                    throw PngChunks.Damaged(name, $"the text \"{keyword}\" is compressed by an unknown method");
                }

                var inflated = Inflate(rest[1..], keyword, maxBytes, name);
                return (Encoding.Latin1.GetString(inflated), inflated.Length);
            default:
                return InternationalValue(keyword, rest, maxBytes, name);
        }
    }

    // Compression flag, compression method, language tag, 0, translated keyword, 0, UTF-8 text.
    private static (string Value, int Bytes) InternationalValue(string keyword, ReadOnlySpan<byte> rest, int maxBytes, string name)
    {
        var languageEnd = rest.Length < 2 ? -1 : rest[2..].IndexOf((byte)0);
        var translationEnd = languageEnd < 0 ? -1 : rest[(languageEnd + 3)..].IndexOf((byte)0);
        if (translationEnd < 0 || rest[0] > 1 || (rest[0] == 1 && rest[1] != 0))
        {
            throw PngChunks.Damaged(name, $"the text \"{keyword}\" (iTXt) is malformed");
        }

        var body = rest[(languageEnd + translationEnd + 4)..];
        if (rest[0] == 1)
        {
            body = Inflate(body, keyword, maxBytes, name);
        }

        RequireRoom(body.Length, keyword, maxBytes, name);
        try
        {
            return (ImageText.FromUtf8(body), body.Length);
        }
        catch (DecoderFallbackException error)
        {
            throw new InvalidDataException($"Reading the PNG picture {name}: the text \"{keyword}\" is not UTF-8.", error);
        }
    }

    private static byte[] Inflate(ReadOnlySpan<byte> compressed, string keyword, int maxBytes, string name)
    {
        using var inflate = new ZLibStream(new MemoryStream(compressed.ToArray()), CompressionMode.Decompress);
        using var result = new MemoryStream();
        var buffer = new byte[8192];
        try
        {
            for (var read = inflate.Read(buffer); read > 0; read = inflate.Read(buffer))
            {
                result.Write(buffer, 0, read);
                RequireRoom(result.Length, keyword, maxBytes, name);
            }
        }
        catch (InvalidDataException error) when (!error.Message.StartsWith("Reading", StringComparison.Ordinal))
        {
            throw PngChunks.Damaged(name, $"the compressed text \"{keyword}\" does not decompress");
        }

        return result.ToArray();
    }

    private static void RequireRoom(long bytes, string keyword, int maxBytes, string name)
    {
        if (bytes > maxBytes)
        {
            throw new InvalidDataException(
                $"Reading the PNG picture {name}: its text \"{keyword}\" passes the limit for the text of a picture "
                + $"({nameof(ImageReadOptions)}.{nameof(ImageReadOptions.MaxTextBytes)}); raise the limit if the file is trusted.");
        }
    }
}
