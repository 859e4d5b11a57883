using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

public sealed class SamplingTests
{
    private static readonly Random Random = new(10);

    [Fact]
    public void Nearest_takes_the_sample_at_the_floor()
    {
        var x = Host.Random(Random, 2, 3, 4, 5);
        foreach (var (h, w) in new[] { (8, 10), (4, 5), (7, 3), (1, 1), (2, 11) })
        {
            var expected = Host.Of([2, 3, h, w], i => x[i[0], i[1], i[2] * 4 / h, i[3] * 5 / w]);
            expected.AssertEqual(x.ToTensor().Resample(h, w, ResamplingMode.Nearest), 1e-7);
            expected.AssertEqual((x.ToTensor() * 1).Resample(h, w, ResamplingMode.Nearest), 1e-7);
        }
        Host.Of([2, 3, 12, 15], i => x[i[0], i[1], i[2] / 3, i[3] / 3]).AssertEqual(x.ToTensor().UpsampleNearest(3), 1e-7);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Linear_mixes_neighbours(bool alignCorners)
    {
        var x = Host.Random(Random, 1, 2, 4, 5);
        foreach (var (h, w) in new[] { (8, 10), (3, 7), (2, 2), (5, 4) })
        {
            (int Low, int High, double Part) At(int i, int from, int to)
            {
                double at = alignCorners ? (double)i * (from - 1) / (to - 1) : Math.Max(0, (i + 0.5) * from / to - 0.5);
                int low = Math.Min((int)at, from - 1);
                return (low, Math.Min(low + 1, from - 1), at - low);
            }
            Host.Of([1, 2, h, w], i =>
            {
                var (top, bottom, dy) = At(i[2], 4, h);
                var (left, right, dx) = At(i[3], 5, w);
                double Row(int y) => x[i[0], i[1], y, left] * (1 - dx) + x[i[0], i[1], y, right] * dx;
                return Row(top) * (1 - dy) + Row(bottom) * dy;
            }).AssertEqual(x.ToTensor().Resample(h, w, ResamplingMode.Bilinear, alignCorners), 1e-5);
        }
    }

    [Theory]
    [InlineData(ResamplingMode.Bilinear)]
    [InlineData(ResamplingMode.Bicubic)]
    public void Shrinking_keeps_constants_and_means(ResamplingMode mode)
    {
        var flat = Tensor.Full(3, [1, 2, 9, 7]);
        Host.Of([1, 2, 4, 3], _ => 3).AssertEqual(flat.Resample(4, 3, mode, antiAlias: true), 1e-5);
        Host.Of([1, 2, 18, 21], _ => 3).AssertEqual(flat.Resample(18, 21, mode), 1e-5);
        // A linear ramp stays one inside.
        var ramp = Host.Of([1, 1, 16, 16], i => i[2]).ToTensor().Resample(8, 8, mode, antiAlias: true).Slice(2, 2, 4).Slice(3, 4, 1);
        Host.Of([1, 1, 4, 1], i => 4.5 + 2 * i[2]).AssertEqual(ramp, 1e-4);
    }

    [Fact]
    public void Pooling_windows()
    {
        var x = Host.Random(Random, 2, 3, 7, 8);
        foreach (var (window, stride, padding) in new[] { (2, 2, 0), (3, 2, 1), (3, 1, 0), (1, 3, 0), (2, 1, 1) })
        {
            int oh = (7 + 2 * padding - window) / stride + 1, ow = (8 + 2 * padding - window) / stride + 1;
            IEnumerable<double> Window(int[] i) =>
                from dy in Enumerable.Range(0, window)
                from dx in Enumerable.Range(0, window)
                let y = i[2] * stride - padding + dy
                let c = i[3] * stride - padding + dx
                where y >= 0 && y < 7 && c >= 0 && c < 8
                select x[i[0], i[1], y, c];
            Host.Of([2, 3, oh, ow], i => Window(i).Sum() / (window * window)).AssertEqual(x.ToTensor().AveragePool2d(window, stride, padding), 1e-6);
            Host.Of([2, 3, oh, ow], i => Window(i).Max()).AssertEqual((x.ToTensor() + 0).MaxPool2d(window, stride, padding), 1e-6);
        }
    }

    [Fact]
    public void Fourier_transforms_have_their_definition()
    {
        var x = Host.Random(Random, 2, 4, 6);
        var y = Fourier.Transform2d(x.ToTensor());
        Host Part(Func<double, double> f) => Host.Of(x.Shape, i =>
        {
            double sum = 0;
            for (int r = 0; r < 4; r++)
            {
                for (int c = 0; c < 6; c++)
                    sum += x[i[0], r, c] * f(-2 * Math.PI * ((double)i[1] * r / 4 + (double)i[2] * c / 6));
            }
            return sum;
        });
        Part(Math.Cos).AssertEqual(y.Real, 1e-5);
        Part(Math.Sin).AssertEqual(y.Imaginary, 1e-5);
        // All frequencies scaled is the image scaled; none is the image.
        var square = Host.Random(Random, 2, 4, 4);
        square.Map(v => v * 2).AssertEqual(Fourier.ScaleLowFrequencies(square.ToTensor(), 2, 2), 1e-5);
        x.AssertEqual(Fourier.ScaleLowFrequencies(x.ToTensor(), 0, 2), 1e-6);
    }
}
