namespace Diffusion.Core.Images;

/// <summary>
/// Resizing as Pillow does it on 8-bit pictures: coefficients in double precision, rounded to 22-bit fixed point, a
/// horizontal pass and then a vertical one, each rounded to 8 bits.
/// </summary>
internal static class Resampling
{
    // 8 bits of sample and 2 bits of head room for filters with negative lobes, out of 32.
    private const int FractionBits = 32 - 8 - 2;

    public static Image Resize(Image image, int width, int height, ResamplingFilter filter, SourceBox box)
    {
        if (width < 1 || height < 1)
        {
            throw new ArgumentException($"Image.Resize: got a new size of {width}×{height}; expected at least 1×1.");
        }

        if (!(box.Left >= 0 && box.Left <= box.Right && box.Right <= image.Width
            && box.Top >= 0 && box.Top <= box.Bottom && box.Bottom <= image.Height))
        {
            throw new ArgumentException(
                $"Image.Resize: got the box {box}; expected one inside the picture of "
                + $"{image.Width}×{image.Height}.");
        }

        Image.SampleCount(width, height, image.Channels);
        if (filter == ResamplingFilter.Nearest)
        {
            return Nearest(image, width, height, box);
        }

        if (width == image.Width && height == image.Height && box == new SourceBox(0, 0, width, height))
        {
            return image;
        }

        // Colours under transparent pixels must not bleed into the result, so the averaging is of premultiplied ones.
        return image.Channels == 4
            ? PixelFormats.Unpremultiply(TwoPass(PixelFormats.Premultiply(image), width, height, filter, box))
            : TwoPass(image, width, height, filter, box);
    }

    private static Image TwoPass(Image image, int width, int height, ResamplingFilter filter, SourceBox box)
    {
        var kernel = Kernel.Of(filter);
        var across = image;
        if (width != image.Width || box.Left != 0 || box.Right != width)
        {
            across = Horizontal(image, width, Taps.Create(kernel, image.Width, box.Left, box.Right, width));
        }

        return height != image.Height || box.Top != 0 || box.Bottom != height
            ? Vertical(across, height, Taps.Create(kernel, image.Height, box.Top, box.Bottom, height))
            : across;
    }

    private static Image Horizontal(Image image, int width, Taps taps)
    {
        var channels = image.Channels;
        var source = image.Pixels.AsSpan();
        var result = new byte[width * image.Height * channels];
        var target = 0;
        for (var y = 0; y < image.Height; y++)
        {
            var row = source.Slice(y * image.Width * channels, image.Width * channels);
            for (var x = 0; x < width; x++)
            {
                var weights = taps.Weights(x);
                var first = taps.First(x) * channels;
                for (var c = 0; c < channels; c++)
                {
                    var sum = 1 << (FractionBits - 1);
                    for (int k = 0, at = first + c; k < weights.Length; k++, at += channels)
                    {
                        sum += row[at] * weights[k];
                    }

                    result[target++] = Clip(sum);
                }
            }
        }

        return image.Derive(width, image.Height, channels, result);
    }

    private static Image Vertical(Image image, int height, Taps taps)
    {
        var stride = image.Width * image.Channels;
        var source = image.Pixels.AsSpan();
        var result = new byte[stride * height];
        var sums = new int[stride];
        for (var y = 0; y < height; y++)
        {
            Array.Fill(sums, 1 << (FractionBits - 1));
            var weights = taps.Weights(y);
            for (var k = 0; k < weights.Length; k++)
            {
                var weight = weights[k];
                var row = source.Slice((taps.First(y) + k) * stride, stride);
                for (var i = 0; i < sums.Length; i++)
                {
                    sums[i] += row[i] * weight;
                }
            }

            var line = result.AsSpan(y * stride, stride);
            for (var i = 0; i < line.Length; i++)
            {
                line[i] = Clip(sums[i]);
            }
        }

        return image.Derive(image.Width, height, image.Channels, result);
    }

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> FractionBits, 0, 255);

    private static Image Nearest(Image image, int width, int height, SourceBox box)
    {
        var columns = NearestPlaces(box.Left, box.Right, width);
        var rows = NearestPlaces(box.Top, box.Bottom, height);
        var channels = image.Channels;
        var source = image.Pixels.AsSpan();
        var result = new byte[width * height * channels];
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                // Accumulated rounding may step one past the last pixel; Pillow leaves such places 0.
                if (columns[x] < image.Width && rows[y] < image.Height)
                {
                    source.Slice(((rows[y] * image.Width) + columns[x]) * channels, channels)
                        .CopyTo(result.AsSpan(((y * width) + x) * channels));
                }
            }
        }

        return image.Derive(width, height, channels, result);
    }

    // The position is accumulated, not multiplied, because Pillow's rounding errors are part of its result.
    private static int[] NearestPlaces(float start, float end, int count)
    {
        double step = (double)(end - start) / count;
        var at = start + (step * 0.5);
        var places = new int[count];
        for (var i = 0; i < count; i++, at += step)
        {
            places[i] = (int)at;
        }

        return places;
    }

    private sealed record Kernel(double Support, Func<double, double> Weight)
    {
        public static Kernel Of(ResamplingFilter filter) => filter switch
        {
            ResamplingFilter.Box => new(0.5, x => x is > -0.5 and <= 0.5 ? 1 : 0),
            ResamplingFilter.Bilinear => new(1, x => Math.Max(0, 1 - Math.Abs(x))),
            ResamplingFilter.Hamming => new(1, Hamming),
            ResamplingFilter.Bicubic => new(2, Cubic),
            ResamplingFilter.Lanczos => new(3, x => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0),
            _ => throw new ArgumentException(
                $"Image.Resize: got the filter {filter}; expected Nearest, Box, Bilinear, Hamming, Bicubic or Lanczos."),
        };

        // The window's constants are single precision in Pillow.
        private static double Hamming(double x) =>
            Math.Abs(x) < 1 ? Sinc(x) * (0.54f + (0.46f * Math.Cos(Math.Abs(x) * Math.PI))) : 0;

        private static double Cubic(double x)
        {
            const double A = -0.5;
            x = Math.Abs(x);
            return x < 1 ? (((((A + 2) * x) - (A + 3)) * x * x) + 1)
                : x < 2 ? ((((((x - 5) * x) + 8) * x) - 4) * A)
                : 0;
        }

        private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(x * Math.PI) / (x * Math.PI);
    }

    /// <summary>For every output position: the first source position and the fixed-point weights.</summary>
    private sealed class Taps
    {
        private readonly int[] first;
        private readonly int[][] weights;

        private Taps(int[] first, int[][] weights) => (this.first, this.weights) = (first, weights);

        public int First(int position) => first[position];

        public ReadOnlySpan<int> Weights(int position) => weights[position];

        public static Taps Create(Kernel kernel, int sourceSize, float start, float end, int size)
        {
            var scale = (double)(end - start) / size;
            var filterScale = Math.Max(scale, 1);
            var support = kernel.Support * filterScale;
            var inverse = 1 / filterScale;
            var first = new int[size];
            var weights = new int[size][];
            for (var position = 0; position < size; position++)
            {
                var center = start + ((position + 0.5) * scale);
                var low = Math.Max((int)(center - support + 0.5), 0);
                var count = Math.Max(Math.Min((int)(center + support + 0.5), sourceSize) - low, 0);
                var exact = new double[count];
                var total = 0.0;
                for (var k = 0; k < count; k++)
                {
                    exact[k] = kernel.Weight((k + low - center + 0.5) * inverse);
                    total += exact[k];
                }

                first[position] = low;
                weights[position] = Array.ConvertAll(exact, weight => ToFixed(total == 0 ? weight : weight / total));
            }

            return new(first, weights);
        }

        private static int ToFixed(double weight) =>
            (int)((weight < 0 ? -0.5 : 0.5) + (weight * (1 << FractionBits)));
    }
}
