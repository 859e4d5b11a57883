using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

public sealed class NormalizationTests
{
    private static readonly Random Random = new(9);

    private static readonly (ElementType Type, double Tolerance)[] Types =
        [(ElementType.Float32, 2e-5), (ElementType.Float64, 1e-11), (ElementType.Float16, 1e-2), (ElementType.BFloat16, 5e-2)];

    [Fact]
    public void Groups_of_channels()
    {
        foreach (var (shape, groups) in new (int[], int)[] { ([2, 8, 4, 4], 2), ([1, 6, 5], 3), ([3, 4], 1), ([2, 4, 1, 1], 2), ([1, 32, 3, 7], 32), ([0, 4, 2], 2), ([2, 64, 8, 8], 32), ([1, 4, 2, 3, 2], 2) })
        {
            var x = Host.Random(Random, shape).Map(v => v * 3 + 5);
            var (w, b) = (Host.Random(Random, shape[1]), Host.Random(Random, shape[1]));
            foreach (var (type, tolerance) in Types)
            {
                // One element a group has variance 0: rounding of the input would be divided by √epsilon.
                double epsilon = 1e-2;
                var rounded = x.ToTensor(type);
                var exact = new Host(shape, rounded.ToDoubles());
                exact.GroupNorm(groups, null, null, epsilon).AssertEqual(rounded.GroupNorm(groups, epsilon: epsilon), tolerance, $"{type}");
                exact.GroupNorm(groups, w, b, epsilon).AssertEqual((rounded + 0).GroupNorm(groups, w.ToTensor(type), b.ToTensor(type), epsilon), tolerance * 2, $"{type} affine");
                int[] order = [0, .. Enumerable.Range(2, shape.Length - 2), 1];
                var last = exact.Permute(order).ToTensor(type).Permute([0, shape.Length - 1, .. Enumerable.Range(1, shape.Length - 2)]);
                exact.GroupNorm(groups, w, b, epsilon).AssertEqual(last.GroupNorm(groups, w.ToTensor(type), b.ToTensor(type), epsilon), tolerance * 2, $"{type} channels last");
            }
        }
    }

    [Fact]
    public void Rows()
    {
        foreach (int[] shape in new int[][] { [4, 6], [2, 3, 5], [7], [1, 1], [0, 3], [3, 64], [2, 2, 320] })
        {
            var x = Host.Random(Random, shape).Map(v => v * 2 + 1);
            var (w, b) = (Host.Random(Random, shape[^1]), Host.Random(Random, shape[^1]));
            Host Affine(Host h, bool weight, bool bias) => Host.Of(shape, i => h[i] * (weight ? w[i[^1]] : 1) + (bias ? b[i[^1]] : 0));
            foreach (var (type, tolerance) in Types)
            {
                var t = x.ToTensor(type);
                var exact = new Host(shape, t.ToDoubles());
                var layer = exact.MapRows(r => Host.Normalized(r, 1e-2, true));
                var rms = exact.MapRows(r => Host.Normalized(r, 1e-2, false));
                layer.AssertEqual(t.LayerNorm(epsilon: 1e-2), tolerance, $"{type}");
                Affine(layer, true, true).AssertEqual(t.LayerNorm(w.ToTensor(type), b.ToTensor(type), 1e-2), tolerance * 2, $"{type}");
                Affine(layer, true, false).AssertEqual(t.LayerNorm(w.ToTensor(type), epsilon: 1e-2), tolerance * 2, $"{type}");
                Affine(layer, false, true).AssertEqual(t.LayerNorm(bias: b.ToTensor(type), epsilon: 1e-2), tolerance * 2, $"{type}");
                rms.AssertEqual(t.RmsNorm(epsilon: 1e-2), tolerance, $"{type}");
                Affine(rms, true, false).AssertEqual(t.RmsNorm(w.ToTensor(type), 1e-2), tolerance * 2, $"{type}");
                exact.Softmax().AssertEqual(t.Softmax(), tolerance, $"{type}");
                exact.Map(v => v * 2).Softmax().AssertEqual((t + t).Softmax(), tolerance * 3, $"{type}");
            }
        }
    }

    [Fact]
    public void Softmax_of_large_and_hidden_scores()
    {
        var y = Tensor.From([1000, 1000, float.NegativeInfinity, 0, 0, float.NegativeInfinity], [2, 3]).Softmax().ToArray();
        Assert.Equal([0.5f, 0.5f, 0, 0.5f, 0.5f, 0], y);
    }
}
