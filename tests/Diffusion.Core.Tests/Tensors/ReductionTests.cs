using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

public sealed class ReductionTests
{
    private static readonly Dictionary<ReductionKind, Func<double[], double>> Kinds = new()
    {
        [ReductionKind.Sum] = v => v.Sum(),
        [ReductionKind.Mean] = v => v.Length == 0 ? double.NaN : v.Sum() / v.Length,
        [ReductionKind.Maximum] = v => v.Append(double.NegativeInfinity).Max(),
        [ReductionKind.Minimum] = v => v.Append(double.PositiveInfinity).Min(),
        [ReductionKind.Product] = v => v.Aggregate(1.0, (a, b) => a * b),
    };

    [Fact]
    public void Any_axes_of_any_layout()
    {
        var random = new Random(4);
        foreach (int[] shape in new int[][] { [3, 4, 2, 5], [1, 7], [6], [2, 0, 3], [1, 1, 1], [2, 33, 3, 3] })
        {
            foreach (var type in new[] { ElementType.Float32, ElementType.Float64, ElementType.Float16, ElementType.Int32 })
            {
                var x = Host.Of(shape, _ => type == ElementType.Int32 ? random.Next(-2, 3) : random.Next(-20, 20) / 16.0);
                var stored = x.ToTensor(type);
                // Also with the first axis innermost in memory.
                int[] turn = [.. Enumerable.Range(1, shape.Length - 1), 0];
                var turned = x.Permute(turn).ToTensor(type).Permute([shape.Length - 1, .. Enumerable.Range(0, shape.Length - 1)]);
                for (int mask = 1; mask < 1 << shape.Length; mask++)
                {
                    int[] axes = [.. Enumerable.Range(0, shape.Length).Where(i => (mask >> i & 1) != 0)];
                    int[] kept = [.. Enumerable.Range(0, shape.Length).Except(axes)];
                    foreach (var (kind, meaning) in Kinds)
                    {
                        var expected = x.Permute([.. kept, .. axes]).ReduceLast(axes.Length, meaning);
                        double tolerance = type == ElementType.Float16 ? 2e-3 : 1e-5;
                        expected.AssertEqual(stored.Reduce(kind, axes, false), tolerance, $"{kind} {type}");
                        var keeping = turned.Reduce(kind, [.. axes.Select(a => a - shape.Length)], true);
                        expected.Reshape([.. shape.Select((n, i) => axes.Contains(i) ? 1 : n)]).AssertEqual(keeping, tolerance, $"{kind} {type} kept");
                    }
                }
            }
        }
    }

    [Fact]
    public void Everything_when_no_axes_are_named()
    {
        var x = Tensor.From([1f, 2, 3, 6], [2, 2]);
        Assert.Equal(12, x.Sum().ToScalar());
        Assert.Equal(3, x.Mean().ToScalar());
        Assert.Equal(6, x.Max().ToScalar());
        Assert.Equal(1, x.Min().ToScalar());
        Assert.Equal([4f, 8], x.Sum(0).ToArray());
        Assert.Equal([1f, 3], x.Min(-1).ToArray());
        Assert.Equal(5, Tensor.From([5f], []).Sum().ToScalar());
        Assert.Equal(ElementType.Float32, Tensor.FromIntegers([5], []).Sum().ElementType);
        Assert.True(double.IsNaN(Tensor.From([1f, float.NaN, 3], [3]).Max().ToScalar()));
    }

    [Fact]
    public void Sums_of_long_rows_stay_accurate()
    {
        var x = Tensor.Full(0.1, [1_000_000]).Contiguous();
        Assert.Equal(0.1f * 1e6, x.Sum().ToScalar(), 0.5);
    }

    [Fact]
    public void Standard_deviation()
    {
        var random = new Random(5);
        var x = Host.Random(random, 3, 4, 5);
        foreach (int correction in new[] { 0, 1 })
        {
            var expected = x.Permute(1, 0, 2).ReduceLast(2, v => Math.Sqrt(v.Sum(e => (e - v.Average()) * (e - v.Average())) / (v.Length - correction)));
            expected.Reshape(1, 4, 1).AssertEqual(x.ToTensor().StandardDeviation(correction, 0, 2), 1e-5);
        }
    }

    [Fact]
    public void The_first_largest()
    {
        var x = Tensor.From([1f, 5, 5, -1, -3, -1], [2, 3]);
        Assert.Equal([1L, 0], x.ArgMax(-1).ToIntegers());
        Assert.Equal([0L, 0, 0], x.ArgMax(0).ToIntegers());
        Assert.Equal(ElementType.Int64, x.ArgMax(0).ElementType);
        Assert.Equal([1L], (x + 1).ArgMax(1).Slice(0, 0, 1).ToIntegers());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.3)]
    [InlineData(0.995)]
    [InlineData(1)]
    public void Quantiles_interpolate(double q)
    {
        var x = Host.Random(new Random(6), 3, 2, 11);
        x.ReduceLast(1, row =>
        {
            var sorted = row.Order().ToArray();
            double at = q * (row.Length - 1);
            int low = (int)at, high = Math.Min(low + 1, row.Length - 1);
            return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
        }).AssertEqual(x.ToTensor().Quantile(q), 1e-6);
        Assert.Equal([3, 2], x.ToTensor().Permute(0, 2, 1).Permute(0, 2, 1).Quantile(q).Shape);
    }
}
