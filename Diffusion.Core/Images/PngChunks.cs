using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace Diffusion.Core.Images;

/// <summary>The first chunk of a PNG file.</summary>
internal readonly record struct PngHeader(int Width, int Height, int BitDepth, int ColorType, bool Interlaced)
{
    /// <summary>Samples of a pixel as stored: a palette index counts as one.</summary>
    public int Samples => ColorType switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };

    /// <summary>Bytes of a row of so many pixels, without the filter byte.</summary>
    public long RowBytes(int width) => (((long)width * Samples * BitDepth) + 7) / 8;

    /// <summary>Distance in bytes to the pixel on the left that filters refer to.</summary>
    public int FilterStep => Math.Max(1, Samples * BitDepth / 8);
}

/// <summary>A chunk of a PNG file: its type and where its data lie.</summary>
internal readonly record struct PngChunk(string Type, int Offset, int Length)
{
    public ReadOnlySpan<byte> Data(byte[] file) => file.AsSpan(Offset, Length);
}

/// <summary>Takes a PNG file apart, checking its structure and every checksum before anything is believed.</summary>
internal static class PngChunks
{
    private const int HeaderEnd = 8 + 8 + 13 + 4;

    /// <summary>The header alone; reads nothing behind it.</summary>
    public static PngHeader ReadHeader(ReadOnlySpan<byte> file, string name)
    {
        if (file.Length < HeaderEnd || !file[12..16].SequenceEqual("IHDR"u8) || BinaryPrimitives.ReadInt32BigEndian(file[8..]) != 13)
        {
            throw Damaged(name, "the header chunk is missing or cut short");
        }

        var width = BinaryPrimitives.ReadUInt32BigEndian(file[16..]);
        var height = BinaryPrimitives.ReadUInt32BigEndian(file[20..]);
        if (width is 0 or > int.MaxValue || height is 0 or > int.MaxValue)
        {
            throw Damaged(name, $"its size of {width}×{height} is not at least 1×1");
        }

        int depth = file[24], color = file[25];
        var depthFits = color switch
        {
            0 => depth is 1 or 2 or 4 or 8 or 16,
            3 => depth is 1 or 2 or 4 or 8,
            2 or 4 or 6 => depth is 8 or 16,
            _ => false,
        };
        if (!depthFits || file[26] != 0 || file[27] != 0 || file[28] > 1)
        {
            throw Damaged(name, $"no such pixels exist: colour type {color} with {depth} bits, methods {file[26]}, {file[27]}, {file[28]}");
        }

        return new((int)width, (int)height, depth, color, file[28] == 1);
    }

    /// <summary>All chunks up to the end chunk.</summary>
    public static ImmutableArray<PngChunk> Read(byte[] file, string name)
    {
        var chunks = ImmutableArray.CreateBuilder<PngChunk>();
        var at = 8;
        while (true)
        {
            if (file.Length - at < 12)
            {
                throw Damaged(name, $"it is cut short at byte {file.Length}, before its end chunk");
            }

            var length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > (uint)(file.Length - at - 12))
            {
                throw Damaged(name, $"the chunk at byte {at} says it has {length} bytes, but {file.Length - at - 12} are left");
            }

            var chunk = new PngChunk(Encoding.Latin1.GetString(file, at + 4, 4), at + 8, (int)length);
            var stored = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(chunk.Offset + chunk.Length));
            if (stored != Crc32.Of(file.AsSpan(at + 4, 4), chunk.Data(file)))
            {
                throw Damaged(name, $"the checksum of the chunk at byte {at} is wrong");
            }

            chunks.Add(chunk);
            if (chunk.Type == "IEND")
            {
                return chunks.ToImmutable();
            }

            at = chunk.Offset + chunk.Length + 4;
        }
    }

    public static InvalidDataException Damaged(string name, string what) =>
        new($"Reading the PNG picture {name}: {what}. The file is damaged or was not written completely; get it again.");
}
