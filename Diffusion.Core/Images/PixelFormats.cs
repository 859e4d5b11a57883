namespace Diffusion.Core.Images;

/// <summary>Conversions between gray, RGB and RGBA and between straight and premultiplied alpha, with Pillow's rounding.</summary>
internal static class PixelFormats
{
    public static Image Convert(Image image, int channels)
    {
        if (image.Channels == channels)
        {
            return image;
        }

        var count = image.Width * image.Height;
        var source = image.Pixels.AsSpan();
        var result = new byte[Image.SampleCount(image.Width, image.Height, channels)];
        var from = image.Channels;
        for (var i = 0; i < count; i++)
        {
            var pixel = source.Slice(i * from, from);
            var target = result.AsSpan(i * channels, channels);
            if (channels == 1)
            {
                target[0] = Luma(pixel[0], pixel[1], pixel[2]);
                continue;
            }

            target[0] = pixel[0];
            target[1] = from == 1 ? pixel[0] : pixel[1];
            target[2] = from == 1 ? pixel[0] : pixel[2];
            if (channels == 4)
            {
                target[3] = 255;
            }
        }

        return image.Derive(image.Width, image.Height, channels, result);
    }

    public static Image Invert(Image image)
    {
        var channels = image.Channels;
        return Map(image, (pixel, target) =>
        {
            for (var c = 0; c < channels; c++)
            {
                target[c] = c == 3 ? pixel[c] : (byte)(255 - pixel[c]);
            }
        });
    }

    public static Image Premultiply(Image image) => Map(image, static (pixel, target) =>
    {
        target[0] = Multiply(pixel[0], pixel[3]);
        target[1] = Multiply(pixel[1], pixel[3]);
        target[2] = Multiply(pixel[2], pixel[3]);
        target[3] = pixel[3];
    });

    public static Image Unpremultiply(Image image) => Map(image, static (pixel, target) =>
    {
        var alpha = pixel[3];
        for (var c = 0; c < 3; c++)
        {
            target[c] = alpha is 0 or 255 ? pixel[c] : (byte)Math.Min(255 * pixel[c] / alpha, 255);
        }

        target[3] = alpha;
    });

    /// <summary>a × b / 255, rounded.</summary>
    public static byte Multiply(int a, int b)
    {
        var product = (a * b) + 128;
        return (byte)(((product >> 8) + product) >> 8);
    }

    private static byte Luma(int red, int green, int blue) =>
        (byte)(((red * 19595) + (green * 38470) + (blue * 7471) + 0x8000) >> 16);

    private static Image Map(Image image, Action<ReadOnlySpan<byte>, Span<byte>> change)
    {
        var source = image.Pixels.AsSpan();
        var result = new byte[source.Length];
        for (var i = 0; i < result.Length; i += image.Channels)
        {
            change(source.Slice(i, image.Channels), result.AsSpan(i, image.Channels));
        }

        return image.Derive(image.Width, image.Height, image.Channels, result);
    }
}
