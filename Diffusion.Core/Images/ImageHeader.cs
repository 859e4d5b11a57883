using System.Buffers.Binary;

namespace Diffusion.Core.Images;

/// <summary>Format and size from the first bytes of a file, without decoding anything.</summary>
internal static class ImageHeader
{
    public static ImageInfo Read(ReadOnlySpan<byte> file, string name)
    {
        if (file.StartsWith(PngWriter.Signature))
        {
            var header = PngChunks.ReadHeader(file, name);
            return new(ImageFormat.Png, header.Width, header.Height);
        }

        if (file is [0xFF, 0xD8, 0xFF, ..])
        {
            return Jpeg(file, name);
        }

        if (file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8))
        {
            return file.Length < 13
                ? throw Short(ImageFormat.Gif, name)
                : Checked(ImageFormat.Gif, Little16(file[6..]), Little16(file[8..]), name);
        }

        if (file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..12].SequenceEqual("WEBP"u8))
        {
            return Webp(file, name);
        }

        throw new NotSupportedException(
            $"Reading the picture {name}: its first bytes are not those of a PNG, JPEG, WebP or GIF file "
            + $"({file.Length} bytes); convert it to one of these.");
    }

    private static ImageInfo Jpeg(ReadOnlySpan<byte> file, string name)
    {
        var at = 2;
        while (at + 4 <= file.Length)
        {
            if (file[at] != 0xFF)
            {
                throw Malformed(ImageFormat.Jpeg, $"no marker at byte {at}", name);
            }

            var marker = file[at + 1];
            if (marker is 0xFF)
            {
                at++;
                continue;
            }

            if (marker is 0x01 or (>= 0xD0 and <= 0xD7))
            {
                at += 2;
                continue;
            }

            var length = Big16(file[(at + 2)..]);
            var isFrame = marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);
            if (isFrame && at + 9 <= file.Length)
            {
                return Checked(ImageFormat.Jpeg, Big16(file[(at + 7)..]), Big16(file[(at + 5)..]), name);
            }

            if (length < 2 || marker is 0xD9 or 0xDA)
            {
                throw Malformed(ImageFormat.Jpeg, "its pixels begin before its size is said", name);
            }

            at += 2 + length;
        }

        throw Short(ImageFormat.Jpeg, name);
    }

    private static ImageInfo Webp(ReadOnlySpan<byte> file, string name)
    {
        if (file.Length < 30)
        {
            throw Short(ImageFormat.Webp, name);
        }

        var kind = file[12..16];
        var data = file[20..];
        if (kind.SequenceEqual("VP8X"u8))
        {
            return Checked(ImageFormat.Webp, 1 + Little24(data[4..]), 1 + Little24(data[7..]), name);
        }

        if (kind.SequenceEqual("VP8L"u8) && data[0] == 0x2F)
        {
            var bits = BinaryPrimitives.ReadUInt32LittleEndian(data[1..]);
            return Checked(ImageFormat.Webp, 1 + (int)(bits & 0x3FFF), 1 + (int)((bits >> 14) & 0x3FFF), name);
        }

        if (kind.SequenceEqual("VP8 "u8) && data[3..6].SequenceEqual([(byte)0x9D, (byte)0x01, (byte)0x2A]))
        {
            return Checked(ImageFormat.Webp, Little16(data[6..]) & 0x3FFF, Little16(data[8..]) & 0x3FFF, name);
        }

        throw Malformed(ImageFormat.Webp, "its first chunk is of no known kind", name);
    }

    private static int Big16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16BigEndian(bytes);

    private static int Little16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static int Little24(ReadOnlySpan<byte> bytes) => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);

    private static ImageInfo Checked(ImageFormat format, int width, int height, string name) =>
        width > 0 && height > 0
            ? new(format, width, height)
            : throw Malformed(format, $"its size of {width}×{height} is not at least 1×1", name);

    private static InvalidDataException Short(ImageFormat format, string name) => Malformed(format, "its header is cut short", name);

    private static InvalidDataException Malformed(ImageFormat format, string what, string name) =>
        new($"Reading the {format} picture {name}: {what}. The file is damaged or was not written completely; get it again.");
}
