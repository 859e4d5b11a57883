using System.Collections.Immutable;
using System.IO.Compression;

namespace Diffusion.Core.Images;

/// <summary>
/// Reads every kind of PNG without a native library: all colour types and depths, interlaced or not. 16-bit samples
/// keep their high byte; gray with alpha and colour keys become RGBA.
/// </summary>
internal static class PngReader
{
    // Columns and rows where the seven passes of an interlaced picture begin, and their steps.
    private static readonly (int X, int Y, int StepX, int StepY)[] Passes =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    public static Image Decode(byte[] file, ImageReadOptions options, string name)
    {
        var header = PngChunks.ReadHeader(file, name);
        options.RequirePixels(header.Width, header.Height, name);
        var chunks = PngChunks.Read(file, name);
        var text = PngText.Read(file, chunks, options.MaxTextBytes, name);
        var unpacker = PngUnpacker.Create(header, Find(file, chunks, "PLTE"), Find(file, chunks, "tRNS"), name);
        var compressed = Join(file, chunks, name);
        RequireEnoughData(header, compressed.Length, name);

        var pixels = new byte[Image.SampleCount(header.Width, header.Height, unpacker.Channels)];
        using var inflate = new ZLibStream(new MemoryStream(compressed), CompressionMode.Decompress);
        try
        {
            foreach (var pass in header.Interlaced ? Passes : [(0, 0, 1, 1)])
            {
                DecodePass(inflate, header, unpacker, pass, pixels, name);
            }

            // Reading on makes the decompressor compare its checksum.
            _ = inflate.ReadByte();
        }
        catch (InvalidDataException error) when (!error.Message.StartsWith("Reading", StringComparison.Ordinal))
        {
            throw PngChunks.Damaged(name, "its pixels do not decompress");
        }

        return Image.Adopt(header.Width, header.Height, unpacker.Channels, pixels).WithTextFromFile(text);
    }

    private static void DecodePass(
        Stream inflate, PngHeader header, PngUnpacker unpacker, (int X, int Y, int StepX, int StepY) pass, byte[] pixels, string name)
    {
        var width = (header.Width - pass.X + pass.StepX - 1) / pass.StepX;
        var height = (header.Height - pass.Y + pass.StepY - 1) / pass.StepY;
        if (width < 1 || height < 1)
        {
            return;
        }

        var rowBytes = (int)header.RowBytes(width);
        var row = new byte[rowBytes + 1];
        var above = new byte[rowBytes + 1];
        var channels = unpacker.Channels;
        var unpacked = new byte[width * channels];
        for (var y = 0; y < height; y++)
        {
            if (inflate.ReadAtLeast(row, row.Length, throwOnEndOfStream: false) < row.Length)
            {
                throw PngChunks.Damaged(name, $"its pixels end after {y} of {height} rows");
            }

            Unfilter(row, above, header.FilterStep, name);
            unpacker.Unpack(row.AsSpan(1), unpacked, width, name);
            var start = (((pass.Y + (y * pass.StepY)) * header.Width) + pass.X) * channels;
            if (pass.StepX == 1)
            {
                unpacked.CopyTo(pixels, start);
            }
            else
            {
                for (var x = 0; x < width; x++)
                {
                    unpacked.AsSpan(x * channels, channels).CopyTo(pixels.AsSpan(start + (x * pass.StepX * channels)));
                }
            }

            (row, above) = (above, row);
        }
    }

    // Element 0 of both is the filter byte.
    private static void Unfilter(byte[] row, byte[] above, int step, string name)
    {
        var filter = row[0];
        if (filter > 4)
        {
            throw PngChunks.Damaged(name, $"a row has the unknown filter {filter}");
        }

        if (filter == 0)
        {
            return;
        }

        for (var i = 1; i < row.Length; i++)
        {
            var hasLeft = i > step;
            row[i] += (byte)PngWriter.Predict(filter, hasLeft ? row[i - step] : 0, above[i], hasLeft ? above[i - step] : 0);
        }
    }

    private static ReadOnlySpan<byte> Find(byte[] file, ImmutableArray<PngChunk> chunks, string type)
    {
        foreach (var chunk in chunks)
        {
            if (chunk.Type == type)
            {
                return chunk.Data(file);
            }
        }

        return [];
    }

    private static byte[] Join(byte[] file, ImmutableArray<PngChunk> chunks, string name)
    {
        var parts = chunks.Where(chunk => chunk.Type == "IDAT").ToArray();
        if (parts.Length == 0)
        {
            throw PngChunks.Damaged(name, "it has no pixels (no IDAT chunk)");
        }

        using var joined = new MemoryStream(parts.Sum(part => part.Length));
        foreach (var part in parts)
        {
            joined.Write(part.Data(file));
        }

        return joined.ToArray();
    }

    // Deflate grows by 1032 at most, so a small file that claims to be huge is refused before memory is spent on it.
    private static void RequireEnoughData(PngHeader header, int compressedBytes, string name)
    {
        var least = header.Height * header.RowBytes(header.Width);
        if (least / 1032 > compressedBytes)
        {
            throw PngChunks.Damaged(name, $"{compressedBytes} compressed bytes cannot hold {header.Width}×{header.Height} pixels");
        }
    }
}
