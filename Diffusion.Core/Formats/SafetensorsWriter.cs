using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Diffusion.Core.Formats;

/// <summary>Writes safetensors files.</summary>
public static class SafetensorsWriter
{
    private const int Alignment = 8;

    /// <summary>
    /// Writes tensors to a file. It appears whole or not at all: the bytes go to a temporary file beside it, which then takes its name.
    /// </summary>
    /// <param name="path">The file to write; one that is there is replaced.</param>
    /// <param name="tensors">The tensors. The wider element kinds are written first, so that every tensor is aligned.</param>
    /// <param name="metadata">Free text entries; may be empty.</param>
    /// <exception cref="ArgumentException">Two tensors have one name, or a tensor's bytes don't fit its shape.</exception>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Save(string path, IEnumerable<TensorBytes> tensors, ImmutableDictionary<string, string> metadata)
    {
        var ordered = tensors.OrderByDescending(tensor => tensor.Dtype.Bits()).ThenBy(tensor => tensor.Name, StringComparer.Ordinal).ToImmutableArray();
        var header = Header(ordered, metadata);
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                Span<byte> length = stackalloc byte[sizeof(ulong)];
                BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
                file.Write(length);
                file.Write(header.Span);
                foreach (var tensor in ordered)
                    file.Write(tensor.Bytes.Span);

                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            // Gone already when all went well; File.Delete doesn't mind.
            File.Delete(temporary);
        }
    }

    private static ReadOnlyMemory<byte> Header(ImmutableArray<TensorBytes> tensors, ImmutableDictionary<string, string> metadata)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { "__metadata__" };
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (!metadata.IsEmpty)
                WriteMetadata(json, metadata);

            var begin = 0L;
            foreach (var tensor in tensors)
            {
                if (!names.Add(tensor.Name))
                    throw new ArgumentException($"The tensor name {CheckpointException.Quote(tensor.Name)} is used twice or reserved.", nameof(tensors));

                Check(tensor);
                WriteEntry(json, tensor, begin);
                begin += tensor.Bytes.Length;
            }

            json.WriteEndObject();
        }

        // Spaces up to a multiple of 8 keep the tensors aligned in a mapped file.
        var padding = (Alignment - bytes.WrittenCount % Alignment) % Alignment;
        bytes.Write("        "u8[..padding]);
        return bytes.WrittenCount <= SafetensorsHeader.MaxLength
            ? bytes.WrittenMemory
            : throw new ArgumentException($"The names need a header of {bytes.WrittenCount} bytes, more than the format's {SafetensorsHeader.MaxLength}.", nameof(tensors));
    }

    private static void WriteMetadata(Utf8JsonWriter json, ImmutableDictionary<string, string> metadata)
    {
        json.WriteStartObject("__metadata__");
        foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            json.WriteString(key, value);

        json.WriteEndObject();
    }

    private static void WriteEntry(Utf8JsonWriter json, TensorBytes tensor, long begin)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", tensor.Dtype.HeaderName());
        json.WriteStartArray("shape");
        foreach (var size in tensor.Shape)
            json.WriteNumberValue(size);

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(begin);
        json.WriteNumberValue(begin + tensor.Bytes.Length);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Check(TensorBytes tensor)
    {
        var bits = tensor.Shape.Aggregate((Int128)tensor.Dtype.Bits(), (product, size) => size >= 0 && product >= 0 && product <= long.MaxValue ? product * size : -1);
        if (bits != (Int128)tensor.Bytes.Length * 8)
        {
            throw new ArgumentException($"Tensor {CheckpointException.Quote(tensor.Name)}: {tensor.Bytes.Length} bytes don't fit "
                + $"{tensor.Dtype.HeaderName()} [{string.Join(", ", tensor.Shape)}].", nameof(tensor));
        }
    }
}
