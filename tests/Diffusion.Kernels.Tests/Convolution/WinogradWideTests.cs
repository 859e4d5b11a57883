using Diffusion.Kernels.Cpu;

namespace Diffusion.Kernels.Tests.Convolution;

/// <summary>F(4×4) with vectors of 512 bits beside its definition in float64.</summary>
public unsafe class WinogradWideTests
{
    private const int Width = MicroKernel.Width;

    private static readonly double[,] G = { { 1, 0, 0 }, { 1, 1, 1 }, { 1, -1, 1 }, { 1, 2, 4 }, { 1, -2, 4 }, { 0, 0, 1 } };

    private static readonly double[,] B =
    {
        { 4, 0, -5, 0, 1, 0 }, { 0, -4, -4, 1, 1, 0 }, { 0, 4, -4, -1, 1, 0 }, { 0, -2, -1, 2, 1, 0 }, { 0, 2, -1, -2, 1, 0 }, { 0, 4, 0, -5, 0, 1 },
    };

    private static readonly double[,] A =
    {
        { 1 / 4d, -1 / 6d, -1 / 6d, 1 / 24d, 1 / 24d, 0 }, { 0, -1 / 6d, 1 / 6d, 2 / 24d, -2 / 24d, 0 },
        { 0, -1 / 6d, -1 / 6d, 4 / 24d, 4 / 24d, 0 }, { 0, -1 / 6d, 1 / 6d, 8 / 24d, -8 / 24d, 1 },
    };

    // Theories, since a property can't be skipped where the processor lacks what it is about.
    public static TheoryData<int> Seeds() => [.. Enumerable.Range(1, 20)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Rows_of_elements_are_products_with_transformed_taps(int seed)
    {
        Assert.SkipUnless(WinogradRows.IsSupported, "This processor has no vectors of 512 bits.");
        var random = new Random(seed);
        int channels = random.Next(1, 11) * 4, stride = 4 * Width + random.Next(3) * Width;
        float[] elements = Values(random, 36 * 4 * channels), taps = Values(random, channels * 9 * Width), start = Values(random, 6 * stride), packed = new float[24 * channels];
        for (int row = 0; row < 6; row++)
        {
            float[] result = [.. start];
            fixed (float* e = elements, g = taps, p = packed, c = result)
            {
                WinogradRows.Pack(e + row * 6 * 4 * channels, channels, 4 * channels, channels, p);
                bool add = random.Next(2) == 0;
                WinogradRows.Multiply(row, p, g, channels, c, stride, add ? c : null, (byte*)g, random.Next(129));
                for (int i = 0; i < 6 * 4 * Width; i++)
                {
                    int column = i / (4 * Width), tile = i / Width % 4, output = i % Width, at = column * stride + i % (4 * Width);
                    double sum = add ? start[at] : 0, size = Math.Abs(sum);
                    for (int k = 0; k < channels; k++)
                    {
                        double u = 0;
                        for (int y = 0; y < 3; y++)
                        {
                            for (int x = 0; x < 3; x++)
                                u += G[row, y] * G[column, x] * taps[(k * 9 + y * 3 + x) * Width + output];
                        }
                        double v = elements[((row * 6 + column) * 4 + tile) * channels + k];
                        sum += u * v;
                        size += 49 * Math.Abs(v);
                    }
                    Assert.True(Math.Abs(result[at] - sum) <= 2e-7 * size, $"row {row}, column {column}, tile {tile}, output {output}: {result[at]}, expected {sum}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Pixels_are_transformed(int seed)
    {
        Assert.SkipUnless(MicroKernel.IsWide, "This processor has no vectors of 512 bits.");
        var random = new Random(seed);
        int first = random.Next(4) * 8, channels = random.Next(1, 4) * 16, length = first + channels;
        float[] pixels = Values(random, 36 * length), result = new float[36 * channels];
        float** places = stackalloc float*[36];
        fixed (float* d = pixels, v = result)
        {
            for (int i = 0; i < 36; i++)
                places[i] = d + i * length;
            WinogradTransformsWide.Input6(places, first, channels, v, channels);
        }
        for (int i = 0; i < 36 * channels; i++)
        {
            double sum = 0;
            for (int j = 0; j < 36; j++)
                sum += B[i / channels / 6, j / 6] * B[i / channels % 6, j % 6] * pixels[j * length + first + i % channels];
            Assert.Equal(sum, result[i], 3e-5);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Products_are_transformed_back_where_there_are_outputs(int seed)
    {
        Assert.SkipUnless(MicroKernel.IsWide, "This processor has no vectors of 512 bits.");
        var random = new Random(seed);
        int rows = random.Next(1, 5), columns = random.Next(1, 5), stride = Width * random.Next(1, 3), pixel = Width + random.Next(9), line = 4 * pixel + random.Next(9);
        bool adds = random.Next(2) == 0;
        float[] products = Values(random, 36 * stride), bias = Values(random, Width), residual = Values(random, 4 * line), result = new float[4 * line];
        fixed (float* m = products, b = bias, r = residual, y = result)
            WinogradTransformsWide.Output6(m, stride, b, y, line, pixel, adds ? r : null, line, pixel, rows, columns);
        double[] expected = new double[result.Length];
        for (int i = 0; i < rows * columns * Width; i++)
        {
            int row = i / Width / columns, column = i / Width % columns, output = i % Width, at = row * line + column * pixel + output;
            expected[at] = bias[output] + (adds ? residual[at] : 0);
            for (int j = 0; j < 36; j++)
                expected[at] += A[row, j / 6] * A[column, j % 6] * products[j * stride + output];
        }
        for (int i = 0; i < result.Length; i++)
            Assert.Equal(expected[i], result[i], 3e-6);
    }

    private static float[] Values(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
}
