using System.Buffers.Binary;

namespace Diffusion.Core.Images;

/// <summary>Turns the stored samples of a row into 8-bit gray, RGB or RGBA.</summary>
internal sealed class PngUnpacker
{
    private readonly PngHeader header;
    private readonly byte[] palette;
    private readonly byte[] paletteAlpha;
    private readonly int[] key;

    private PngUnpacker(PngHeader header, byte[] palette, byte[] paletteAlpha, int[] key, int channels) =>
        (this.header, this.palette, this.paletteAlpha, this.key, Channels) = (header, palette, paletteAlpha, key, channels);

    public int Channels { get; }

    public static PngUnpacker Create(PngHeader header, ReadOnlySpan<byte> palette, ReadOnlySpan<byte> transparency, string name)
    {
        if (header.ColorType == 3)
        {
            return palette.Length is 0 or > 768 || palette.Length % 3 != 0 || transparency.Length > palette.Length / 3
                ? throw PngChunks.Damaged(name, $"its palette has {palette.Length} bytes and {transparency.Length} alpha values")
                : new(header, palette.ToArray(), transparency.ToArray(), [], transparency.IsEmpty ? 3 : 4);
        }

        if (transparency.IsEmpty || header.ColorType is 4 or 6)
        {
            return new(header, [], [], [], header.ColorType switch { 0 => 1, 2 => 3, _ => 4 });
        }

        if (transparency.Length != header.Samples * 2)
        {
            throw PngChunks.Damaged(name, $"its colour key has {transparency.Length} bytes, expected {header.Samples * 2}");
        }

        var key = new int[header.Samples];
        for (var i = 0; i < key.Length; i++)
        {
            key[i] = BinaryPrimitives.ReadUInt16BigEndian(transparency[(2 * i)..]);
        }

        return new(header, [], [], key, 4);
    }

    public void Unpack(ReadOnlySpan<byte> row, Span<byte> target, int width, string name)
    {
        if (header.BitDepth == 8 && key.Length == 0 && header.ColorType is 0 or 2 or 6)
        {
            row[..target.Length].CopyTo(target);
            return;
        }

        var samples = header.Samples;
        for (var x = 0; x < width; x++)
        {
            var pixel = target.Slice(x * Channels, Channels);
            if (header.ColorType == 3)
            {
                FromPalette(Sample(row, x), pixel, name);
                continue;
            }

            var gray = samples <= 2;
            pixel[0] = Scaled(row, x * samples);
            if (Channels > 1)
            {
                pixel[1] = gray ? pixel[0] : Scaled(row, (x * samples) + 1);
                pixel[2] = gray ? pixel[0] : Scaled(row, (x * samples) + 2);
            }

            if (Channels == 4)
            {
                pixel[3] = key.Length > 0 ? (byte)(IsKey(row, x * samples) ? 0 : 255) : Scaled(row, (x * samples) + samples - 1);
            }
        }
    }

    private void FromPalette(int index, Span<byte> pixel, string name)
    {
        if (index >= palette.Length / 3)
        {
            throw PngChunks.Damaged(name, $"a pixel has the colour {index} of a palette of {palette.Length / 3}");
        }

        palette.AsSpan(index * 3, 3).CopyTo(pixel);
        if (Channels == 4)
        {
            pixel[3] = index < paletteAlpha.Length ? paletteAlpha[index] : (byte)255;
        }
    }

    private bool IsKey(ReadOnlySpan<byte> row, int first)
    {
        for (var i = 0; i < key.Length; i++)
        {
            if (Sample(row, first + i) != key[i])
            {
                return false;
            }
        }

        return true;
    }

    private byte Scaled(ReadOnlySpan<byte> row, int index)
    {
        var sample = Sample(row, index);
        return header.BitDepth switch
        {
            16 => (byte)(sample >> 8),
            8 => (byte)sample,
            _ => (byte)(sample * 255 / ((1 << header.BitDepth) - 1)),
        };
    }

    private int Sample(ReadOnlySpan<byte> row, int index)
    {
        switch (header.BitDepth)
        {
            case 16:
                return (row[2 * index] << 8) | row[(2 * index) + 1];
            case 8:
                return row[index];
            default:
                var bit = index * header.BitDepth;
                return (row[bit >> 3] >> (8 - header.BitDepth - (bit & 7))) & ((1 << header.BitDepth) - 1);
        }
    }
}
