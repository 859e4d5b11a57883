namespace Diffusion.Core.Images;

/// <summary>
/// Pillow's Gaussian blur: repeated box blurs with a fractional radius. The radius comes from Gwosdek et al.,
/// "Theoretical foundations of Gaussian convolution by extended box filtering", 2011.
/// </summary>
internal static class BoxBlur
{
    private const int Passes = 3;

    // Beyond this the 24-bit weight of a pixel loses its meaning.
    private const float MaxSigma = 10_000;

    public static Image Gaussian(Image image, float sigma)
    {
        if (!(sigma is >= 0 and <= MaxSigma))
        {
            throw new ArgumentException($"Image.GaussianBlur: got the radius {sigma}; expected 0 to {MaxSigma} pixels.");
        }

        var radius = ExtendedRadius(sigma);
        if (radius == 0)
        {
            return image;
        }

        var pixels = image.Pixels.ToArray();
        var stride = image.Width * image.Channels;
        for (var row = 0; row < image.Height; row++)
        {
            for (var channel = 0; channel < image.Channels; channel++)
            {
                BlurLine(pixels, (row * stride) + channel, image.Channels, image.Width, radius);
            }
        }

        for (var column = 0; column < stride; column++)
        {
            BlurLine(pixels, column, stride, image.Height, radius);
        }

        return image.Derive(image.Width, image.Height, image.Channels, pixels);
    }

    // Single precision throughout, as in Pillow: the fixed-point weights below depend on its last bits.
    private static float ExtendedRadius(float sigma)
    {
        var variance = sigma * sigma / Passes;
        var length = (float)Math.Sqrt((12.0 * variance) + 1.0);
        var whole = (float)Math.Floor((length - 1.0) / 2.0);
        var fraction = ((2 * whole) + 1) * ((whole * (whole + 1)) - (3 * variance));
        fraction /= 6 * (variance - ((whole + 1) * (whole + 1)));
        return whole + fraction;
    }

    private static void BlurLine(byte[] pixels, int start, int step, int count, float floatRadius)
    {
        var radius = (int)floatRadius;
        var weight = (uint)((1 << 24) / ((floatRadius * 2) + 1));
        var edgeWeight = (uint)(((1 << 24) - (((radius * 2) + 1) * (long)weight)) / 2);
        var line = new byte[count];
        for (var pass = 0; pass < Passes; pass++)
        {
            for (var i = 0; i < count; i++)
            {
                line[i] = pixels[start + (i * step)];
            }

            // The sum of the window around −1; places beyond an edge repeat the edge.
            var sum = ((uint)line[0] * (uint)(radius + 1)) + (line[count - 1] * (uint)Math.Max(radius - count, 0));
            for (var i = 0; i < Math.Min(radius, count); i++)
            {
                sum += line[i];
            }

            for (var i = 0; i < count; i++)
            {
                var left = line[Math.Clamp(i - radius - 1, 0, count - 1)];
                sum += line[Math.Min(i + radius, count - 1)] - (uint)left;
                var farRight = line[Math.Min(i + radius + 1, count - 1)];
                var total = (sum * weight) + ((uint)(left + farRight) * edgeWeight);
                pixels[start + (i * step)] = (byte)((total + (1 << 23)) >> 24);
            }
        }
    }
}
