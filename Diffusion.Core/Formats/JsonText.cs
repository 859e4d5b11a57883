using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Diffusion.Core.Formats;

/// <summary>
/// JSON as Python writes it: what the standard has, plus the bare literals <c>NaN</c>, <c>Infinity</c> and <c>-Infinity</c>, which
/// published model repositories hold. Comments, trailing commas, duplicate keys, byte order marks and anything deeper or longer
/// than the limits are refused.
/// </summary>
internal static class JsonText
{
    /// <summary>The deepest nesting that is read. Configurations of models have 3 or 4 levels.</summary>
    public const int MaxDepth = 64;

    /// <summary>The longest file that is read: 64 MiB. Vocabularies and shard indexes, the longest ones, have a few.</summary>
    public const long MaxLength = 64L << 20;

    // A bare literal becomes a text that begins with a character which JSON text files don't hold, and is read back as a number.
    private const char Mark = '\uE0FF';
    private static readonly SearchValues<byte> Interesting = SearchValues.Create("\"NI"u8);

    /// <summary>Reads a file's text within the limits.</summary>
    public static JsonElement ReadFile(string path)
    {
        using var file = MappedFile.OpenHandle(path);
        try
        {
            var length = RandomAccess.GetLength(file);
            if (length > MaxLength)
                throw new CheckpointException(path, "", $"has {length} bytes, too many for a JSON file (at most {MaxLength}).");

            var bytes = new byte[length];
            for (var done = 0; done < bytes.Length;)
            {
                var read = RandomAccess.Read(file, bytes.AsSpan(done), done);
                done += read == 0 ? throw new CheckpointException(path, "", "was cut off while it was read.") : read;
            }

            return Parse(bytes, path);
        }
        catch (IOException error)
        {
            throw new CheckpointException(path, "", $"can't be read. {error.Message}", error);
        }
    }

    /// <summary>Reads JSON; <paramref name="source"/> names it in errors.</summary>
    public static JsonElement Parse(ReadOnlySpan<byte> json, string source)
    {
        if (json.StartsWith("\uFEFF"u8))
            throw new CheckpointException(source, "", "begins with a byte order mark (EF BB BF). Save it as UTF-8 without one.");

        if (!Utf8.IsValid(json))
            throw new CheckpointException(source, "", "isn't valid UTF-8, so it can't be JSON.");

        try
        {
            var options = new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false };
            using var document = JsonDocument.Parse(MarkLiterals(json), options);
            return document.RootElement.Clone();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CheckpointException(source, "", $"isn't the JSON that was expected. {error.Message}", error);
        }
    }

    /// <summary>A number as JSON or as one of Python's bare literals; <see langword="null"/> if it is neither.</summary>
    public static double? ToNumber(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number when value.TryGetDouble(out var number) => number,
        JsonValueKind.String when value.GetString() is [Mark, .. var literal] => literal switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            _ => null,
        },
        _ => null,
    };

    private static ReadOnlyMemory<byte> MarkLiterals(ReadOnlySpan<byte> json)
    {
        var result = new ArrayBufferWriter<byte>(json.Length + 64);
        while (json.IndexOfAny(Interesting) is var at && at >= 0)
        {
            if (json[at] == '"')
            {
                var end = EndOfText(json, at);
                result.Write(json[..end]);
                json = json[end..];
                continue;
            }

            var isMinus = at > 0 && json[at - 1] == '-';
            var literal = json[at..].StartsWith("NaN"u8) && !isMinus ? "NaN"
                : json[at..].StartsWith("Infinity"u8) ? isMinus ? "-Infinity" : "Infinity"
                : "";
            if (literal.Length == 0)
            {
                // Not ours: the JSON reader will say what is wrong with it.
                result.Write(json[..(at + 1)]);
                json = json[(at + 1)..];
                continue;
            }

            var start = isMinus ? at - 1 : at;
            result.Write(json[..start]);
            json = json[(start + literal.Length)..];
            if (json.TrimStart(" \t\r\n"u8).StartsWith(":"u8))
                throw new JsonException($"{literal} is used as a key.");

            result.Write(Encoding.UTF8.GetBytes($"\"{Mark}{literal}\""));
        }

        result.Write(json);
        return result.WrittenMemory;
    }

    // The index after the closing quote of the text that begins at a quote.
    private static int EndOfText(ReadOnlySpan<byte> json, int quote)
    {
        var at = quote + 1;
        while (json[at..].IndexOfAny((byte)'"', (byte)'\\') is var next && next >= 0)
        {
            at += next;
            if (json[at] == '"')
                return at + 1;

            at = Math.Min(at + 2, json.Length);
        }

        return json.Length;
    }
}
