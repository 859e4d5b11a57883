using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Unicode;

namespace Diffusion.Core.Formats;

/// <summary>Reads and checks the JSON of a safetensors header.</summary>
internal static class SafetensorsHeaderParser
{
    private const string MetadataName = "__metadata__";

    /// <summary>Reads the header's bytes; <paramref name="dataLength"/> is what is left of the file after them.</summary>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength, string file)
    {
        if (json.StartsWith("\uFEFF"u8))
        {
            throw new CheckpointException(file, "header", "begins with a byte order mark (EF BB BF). Write it as plain UTF-8.");
        }

        if (!Utf8.IsValid(json))
        {
            throw new CheckpointException(file, "header", "isn't valid UTF-8. The file is damaged.");
        }

        try
        {
            var reader = new Utf8JsonReader(json);
            var (entries, metadata) = ReadHeader(ref reader, file);
            CheckLayout(entries, dataLength, file);
            return new SafetensorsHeader(entries, metadata, SafetensorsHeader.PrefixLength + json.Length);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escaped lone surrogate in a string.
            throw new CheckpointException(file, "header", $"isn't the JSON that was expected. {error.Message}", error);
        }
    }

    private static (ImmutableArray<SafetensorsEntry>, ImmutableDictionary<string, string>) ReadHeader(
        ref Utf8JsonReader reader, string file)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new CheckpointException(file, "header", $"is a JSON {reader.TokenType}, expected an object of tensors.");
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        var entries = ImmutableArray.CreateBuilder<SafetensorsEntry>();
        var metadata = ImmutableDictionary<string, string>.Empty;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (!names.Add(name))
            {
                throw new CheckpointException(file, $"tensor {CheckpointException.Quote(name)}", "occurs twice in the header.");
            }

            reader.Read();
            if (name == MetadataName)
                metadata = ReadMetadata(ref reader, file);
            else
                entries.Add(ReadEntry(ref reader, name, file));
        }

        // Anything but white space after the closing brace is an error of the JSON reader itself.
        reader.Read();
        entries.Sort((a, b) => (a.Begin, a.ByteLength).CompareTo((b.Begin, b.ByteLength)));
        return (entries.DrainToImmutable(), metadata);
    }

    private static ImmutableDictionary<string, string> ReadMetadata(ref Utf8JsonReader reader, string file)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new CheckpointException(file, MetadataName, $"is a JSON {reader.TokenType}, expected an object of texts.");
        }

        var metadata = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            var field = $"{MetadataName} {CheckpointException.Quote(key)}";
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw new CheckpointException(file, field, $"is a JSON {reader.TokenType}, expected text.");

            if (!metadata.TryAdd(key, reader.GetString()!))
                throw new CheckpointException(file, field, "occurs twice.");
        }

        return metadata.ToImmutable();
    }

    private static SafetensorsEntry ReadEntry(ref Utf8JsonReader reader, string name, string file)
    {
        var where = new Place(file, name);
        if (reader.TokenType != JsonTokenType.StartObject)
            throw where.Error("", $"is a JSON {reader.TokenType}, expected an object with dtype, shape and data_offsets.");

        SafetensorsDtype? dtype = null;
        ImmutableArray<long>? shape = null;
        ImmutableArray<long>? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // Compared in place: a header may hold a million of these.
            if (reader.ValueTextEquals("dtype"u8))
            {
                where.RefuseTwice(dtype is not null, "dtype");
                dtype = ReadDtype(ref reader, where);
            }
            else if (reader.ValueTextEquals("shape"u8))
            {
                where.RefuseTwice(shape is not null, "shape");
                shape = ReadSizes(ref reader, where, "shape");
            }
            else if (reader.ValueTextEquals("data_offsets"u8))
            {
                where.RefuseTwice(offsets is not null, "data_offsets");
                offsets = ReadSizes(ref reader, where, "data_offsets");
            }
            else
            {
                // Like the reference reader: what a later version of the format may add is passed over.
                reader.Read();
                reader.Skip();
            }
        }

        return Checked(
            name,
            dtype ?? throw where.Error("dtype", "is missing."),
            shape ?? throw where.Error("shape", "is missing."),
            offsets ?? throw where.Error("data_offsets", "is missing."),
            where);
    }

    private static SafetensorsDtype ReadDtype(ref Utf8JsonReader reader, Place where)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String)
            throw where.Error("dtype", $"is a JSON {reader.TokenType}, expected text such as \"F32\".");

        var text = reader.GetString()!;
        return SafetensorsDtypes.Find(text)
            ?? throw where.Error("dtype", $"is {CheckpointException.Quote(text)}, expected one of {SafetensorsDtypes.KnownNames}.");
    }

    private static ImmutableArray<long> ReadSizes(ref Utf8JsonReader reader, Place where, string field)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
            throw where.Error(field, $"is a JSON {reader.TokenType}, expected a list of whole numbers.");

        var sizes = ImmutableArray.CreateBuilder<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number)
                throw where.Error(field, $"holds a JSON {reader.TokenType}, expected whole numbers of 0 or more.");

            if (reader.ValueSpan[0] == '-' || !reader.TryGetInt64(out var size))
            {
                var text = CheckpointException.Quote(System.Text.Encoding.UTF8.GetString(reader.ValueSpan));
                throw where.Error(field, $"holds {text}, expected whole numbers from 0 to {long.MaxValue}.");
            }

            sizes.Add(size);
        }

        return sizes.DrainToImmutable();
    }

    private static SafetensorsEntry Checked(
        string name, SafetensorsDtype dtype, ImmutableArray<long> shape, ImmutableArray<long> offsets, Place where)
    {
        if (offsets.Length != 2)
            throw where.Error("data_offsets", $"has {offsets.Length} numbers, expected [begin, end].");

        var (begin, end) = (offsets[0], offsets[1]);
        if (begin > end)
            throw where.Error("data_offsets", $"is [{begin}, {end}]: it ends before it begins.");

        long bits;
        try
        {
            bits = shape.Aggregate(1L, (product, size) => checked(product * size));
            bits = checked(bits * dtype.Bits());
        }
        catch (OverflowException error)
        {
            throw new CheckpointException(
                where.File, where.Field("shape"), $"[{string.Join(", ", shape)}] of {dtype.HeaderName()} is larger than any file.", error);
        }

        if (bits % 8 != 0)
            throw where.Error("shape", $"[{string.Join(", ", shape)}] of {dtype.HeaderName()} isn't a whole number of bytes.");

        return end - begin == bits / 8
            ? new SafetensorsEntry(name, dtype, shape, begin, end - begin)
            : throw where.Error(
                "data_offsets",
                $"[{begin}, {end}] are {end - begin} bytes, but {dtype.HeaderName()} [{string.Join(", ", shape)}] has {bits / 8}.");
    }

    /// <summary>The tensors' bytes must fill the rest of the file without overlap or hole, so that nothing can hide in it.</summary>
    private static void CheckLayout(ImmutableArray<SafetensorsEntry> entries, long dataLength, string file)
    {
        var end = 0L;
        foreach (var entry in entries)
        {
            if (entry.Begin != end)
            {
                throw new Place(file, entry.Name).Error("data_offsets", $"begins at {entry.Begin}, but the tensor before it ends at {end}: "
                    + (entry.Begin < end ? "they overlap." : "there is a hole."));
            }

            end += entry.ByteLength;
        }

        if (end != dataLength)
        {
            throw new CheckpointException(file, "data", $"the file has {dataLength} bytes after its header, but the tensors need {end}. "
                + (end > dataLength ? "The file is cut off: download it again." : "Something was appended to the file."));
        }
    }

    private readonly record struct Place(string File, string Tensor)
    {
        public string Field(string field) =>
            field.Length == 0 ? $"tensor {CheckpointException.Quote(Tensor)}" : $"tensor {CheckpointException.Quote(Tensor)} {field}";

        public CheckpointException Error(string field, string problem) => new(File, Field(field), problem);

        public void RefuseTwice(bool seen, string field)
        {
            if (seen)
                throw Error(field, "occurs twice.");
        }
    }
}
