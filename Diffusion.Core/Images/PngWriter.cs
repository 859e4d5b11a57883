using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;

namespace Diffusion.Core.Images;

/// <summary>
/// Writes PNG files without any native library: 8 bits a sample, one filter a row chosen by the least sum of absolute
/// differences, text as <c>tEXt</c> or, outside Latin-1, <c>iTXt</c> chunks.
/// </summary>
public static class PngWriter
{
    internal static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>The picture as the bytes of a PNG file, with its text.</summary>
    /// <param name="image">The picture; gray, RGB and RGBA are written as such.</param>
    /// <param name="compression">How hard to compress; never changes the pixels.</param>
    public static ImmutableArray<byte> Encode(Image image, CompressionLevel compression = CompressionLevel.Optimal)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var file = new MemoryStream();
        file.Write(Signature);
        WriteChunk(file, "IHDR"u8, Header(image));
        foreach (var (keyword, value) in image.Text)
        {
            WriteText(file, keyword, value);
        }

        WriteChunk(file, "IDAT"u8, Compress(image, compression));
        WriteChunk(file, "IEND"u8, []);
        return ImmutableCollectionsMarshal.AsImmutableArray(file.ToArray());
    }

    private static byte[] Header(Image image)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), image.Height);
        header[8] = 8;
        header[9] = image.Channels switch { 1 => 0, 3 => 2, _ => 6 };
        return header;
    }

    private static void WriteText(Stream file, string keyword, string value)
    {
        var name = Encoding.Latin1.GetBytes(keyword);
        if (ImageText.IsPlain(value))
        {
            WriteChunk(file, "tEXt"u8, [.. name, 0, .. Encoding.Latin1.GetBytes(value)]);
        }
        else
        {
            // After the keyword: not compressed, compression method 0, no language, no translated keyword.
            WriteChunk(file, "iTXt"u8, [.. name, 0, 0, 0, 0, 0, .. ImageText.Utf8(value)]);
        }
    }

    private static byte[] Compress(Image image, CompressionLevel compression)
    {
        using var compressed = new MemoryStream();
        using (var deflate = new ZLibStream(compressed, compression, leaveOpen: true))
        {
            var stride = image.Width * image.Channels;
            var above = new byte[stride];
            var best = new byte[stride + 1];
            var trial = new byte[stride + 1];
            for (var y = 0; y < image.Height; y++)
            {
                var row = image.Pixels.AsSpan().Slice(y * stride, stride);
                var least = long.MaxValue;
                for (byte filter = 0; filter <= 4; filter++)
                {
                    var sum = Filter(filter, row, above, image.Channels, trial);
                    if (sum < least)
                    {
                        least = sum;
                        (best, trial) = (trial, best);
                    }
                }

                deflate.Write(best);
                row.CopyTo(above);
            }
        }

        return compressed.ToArray();
    }

    // The smaller the differences, taken as signed, the better they usually compress (PNG specification, 12.7).
    private static long Filter(byte filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, int step, byte[] target)
    {
        target[0] = filter;
        long sum = 0;
        for (var i = 0; i < row.Length; i++)
        {
            var left = i >= step ? row[i - step] : 0;
            var upperLeft = i >= step ? above[i - step] : 0;
            var difference = (byte)(row[i] - Predict(filter, left, above[i], upperLeft));
            target[i + 1] = difference;
            sum += Math.Abs((int)(sbyte)difference);
        }

        return sum;
    }

    /// <summary>What a filter type expects at a place, from its left, upper and upper left neighbours.</summary>
    internal static int Predict(byte filter, int left, int above, int upperLeft) => filter switch
    {
        0 => 0,
        1 => left,
        2 => above,
        3 => (left + above) / 2,
        _ => Paeth(left, above, upperLeft),
    };

    private static int Paeth(int left, int above, int upperLeft)
    {
        var toLeft = Math.Abs(above - upperLeft);
        var toAbove = Math.Abs(left - upperLeft);
        var toUpperLeft = Math.Abs(left + above - (2 * upperLeft));
        return toLeft <= toAbove && toLeft <= toUpperLeft ? left : toAbove <= toUpperLeft ? above : upperLeft;
    }

    private static void WriteChunk(Stream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(type);
        file.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32.Of(type, data));
        file.Write(number);
    }
}
