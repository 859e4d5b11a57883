namespace Diffusion.Core.Images;

/// <summary>Cropping, pasting, flipping and blending, with Pillow's integer arithmetic.</summary>
internal static class Compositing
{
    public static Image Crop(Image image, PixelRegion region)
    {
        if (region.Right <= region.Left || region.Bottom <= region.Top)
        {
            throw new ArgumentException($"Image.Crop: got the empty region {region}; expected Right > Left and Bottom > Top.");
        }

        var width = checked(region.Right - region.Left);
        var height = checked(region.Bottom - region.Top);
        var result = new byte[Image.SampleCount(width, height, image.Channels)];
        Copy(image, result, width, height, -(long)region.Left, -(long)region.Top);
        return image.Derive(width, height, image.Channels, result);
    }

    public static Image Paste(Image image, Image other, int left, int top)
    {
        ArgumentNullException.ThrowIfNull(other);
        var result = image.Pixels.ToArray();
        Copy(PixelFormats.Convert(other, image.Channels), result, image.Width, image.Height, left, top);
        return image.Derive(image.Width, image.Height, image.Channels, result);
    }

    public static Image Flip(Image image, bool horizontal)
    {
        var channels = image.Channels;
        var source = image.Pixels.AsSpan();
        var result = new byte[source.Length];
        for (var y = 0; y < image.Height; y++)
        {
            for (var x = 0; x < image.Width; x++)
            {
                var from = horizontal ? (y * image.Width) + (image.Width - 1 - x) : ((image.Height - 1 - y) * image.Width) + x;
                source.Slice(from * channels, channels).CopyTo(result.AsSpan(((y * image.Width) + x) * channels));
            }
        }

        return image.Derive(image.Width, image.Height, channels, result);
    }

    /// <summary>Porter and Duff's "over" of two pictures with straight alpha, in Pillow's fixed point.</summary>
    public static Image AlphaComposite(Image image, Image overlay)
    {
        ArgumentNullException.ThrowIfNull(overlay);
        RequireSameSize("Image.AlphaComposite", image, overlay);
        var below = image.ToRgba();
        var above = overlay.ToRgba().Pixels.AsSpan();
        var result = below.Pixels.ToArray();
        for (var i = 0; i < result.Length; i += 4)
        {
            Over(result.AsSpan(i, 4), above.Slice(i, 4));
        }

        return below.Derive(image.Width, image.Height, 4, result);
    }

    /// <summary>The picture multiplied by a one-channel mask, for premultiplied pictures: every channel × mask / 255.</summary>
    public static Image MultiplyByMask(Image image, Image mask)
    {
        RequireSameSize("mask", image, mask);
        var gray = mask.ToGray().Pixels;
        var result = new byte[image.Pixels.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = PixelFormats.Multiply(image.Pixels[i], gray[i / image.Channels]);
        }

        return image.Derive(image.Width, image.Height, image.Channels, result);
    }

    private static void RequireSameSize(string operation, Image first, Image second)
    {
        if (first.Width != second.Width || first.Height != second.Height)
        {
            throw new ArgumentException(
                $"{operation}: got pictures of {first.Width}×{first.Height} and {second.Width}×{second.Height}; "
                + "expected the same size (use Resize).");
        }
    }

    // Seven more bits than the result needs: Pillow's own precision.
    private static void Over(Span<byte> below, ReadOnlySpan<byte> above)
    {
        const int Precision = 7;
        if (above[3] == 0)
        {
            return;
        }

        var rest = below[3] * (255u - above[3]);
        var alpha255 = (above[3] * 255u) + rest;
        var weightAbove = above[3] * 255u * 255u * (1u << Precision) / alpha255;
        var weightBelow = (255u * (1u << Precision)) - weightAbove;
        for (var c = 0; c < 3; c++)
        {
            var sum = (above[c] * weightAbove) + (below[c] * weightBelow);
            below[c] = (byte)(DivideBy255(sum + (0x80u << Precision)) >> Precision);
        }

        below[3] = (byte)DivideBy255(alpha255 + 0x80);
    }

    private static uint DivideBy255(uint value) => ((value >> 8) + value) >> 8;

    internal static void Copy(Image source, byte[] target, int width, int height, long left, long top)
    {
        var channels = source.Channels;
        var firstColumn = Math.Max(left, 0);
        var lastColumn = Math.Min(left + source.Width, width);
        if (lastColumn <= firstColumn)
        {
            return;
        }

        for (var y = Math.Max(top, 0); y < Math.Min(top + source.Height, height); y++)
        {
            source.Pixels.AsSpan()
                .Slice((int)((((y - top) * source.Width) + (firstColumn - left)) * channels), (int)((lastColumn - firstColumn) * channels))
                .CopyTo(target.AsSpan((int)(((y * width) + firstColumn) * channels)));
        }
    }
}
