using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Diffusion.Core.Images;

namespace Diffusion.Core.Tests.Images;

/// <summary>Pictures and PNG files to test with.</summary>
internal static class Pictures
{
    /// <summary>Random samples of a size taken from random numbers: small, and 1×1 often.</summary>
    public static Image Random(int seed, int largest = 40)
    {
        var random = new Random(seed);
        return Random(random.Next(1, largest), random.Next(1, largest), new[] { 1, 3, 4 }[random.Next(3)], seed);
    }

    public static Image Random(int width, int height, int channels, int seed)
    {
        var pixels = new byte[width * height * channels];
        new Random(seed).NextBytes(pixels);
        return Image.Create(width, height, channels, [.. pixels]);
    }

    /// <summary>Smooth in both directions, so that lossy formats keep it nearly.</summary>
    public static Image Gradient(int width, int height, int channels)
    {
        var pixels = new byte[width * height * channels];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (x, y, c) = (i / channels % width, i / channels / width, i % channels);
            pixels[i] = c == 3 ? (byte)255 : (byte)(c == 0 ? 255 * x / width : c == 1 ? 255 * y / height : 128);
        }

        return Image.Create(width, height, channels, [.. pixels]);
    }

    public static byte[] Png(byte[] header, params (string Type, byte[] Data)[] chunks)
    {
        using var file = new MemoryStream();
        file.Write(PngWriter.Signature);
        foreach (var (type, data) in chunks.Prepend(("IHDR", header)).Append(("IEND", [])))
        {
            var number = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
            file.Write(number);
            var name = Encoding.Latin1.GetBytes(type);
            file.Write(name);
            file.Write(data);
            BinaryPrimitives.WriteUInt32BigEndian(number, Crc32.Of(name, data));
            file.Write(number);
        }

        return file.ToArray();
    }

    public static byte[] PngHeaderOf(int width, int height, byte depth, byte color, byte interlace = 0)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = (depth, color, interlace);
        return header;
    }

    public static byte[] Deflate(byte[] data)
    {
        using var result = new MemoryStream();
        using (var deflate = new ZLibStream(result, CompressionLevel.Fastest, leaveOpen: true))
        {
            deflate.Write(data);
        }

        return result.ToArray();
    }

    public static Image Decode(ReadOnlySpan<byte> file) => ImageCodec.Decode(file, ImageReadOptions.Default);
}
