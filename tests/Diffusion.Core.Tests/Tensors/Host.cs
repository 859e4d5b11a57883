using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

/// <summary>
/// An array of float64 with plain definitions of what tensors compute: loops over indices, nothing shared with the library.
/// </summary>
public sealed record Host(int[] Shape, double[] Data)
{
    public int Rank => Shape.Length;

    public double this[params int[] index] => Data[Offset(index)];

    public static int Count(int[] shape) => shape.Aggregate(1, (a, b) => a * b);

    public static Host Of(int[] shape, Func<int[], double> element)
    {
        var data = new double[Count(shape)];
        for (int i = 0; i < data.Length; i++)
            data[i] = element(Index(shape, i));
        return new Host(shape, data);
    }

    public static Host Random(Random random, params int[] shape) => Of(shape, _ => random.NextDouble() * 2 - 1);

    public static int[] Index(int[] shape, int flat)
    {
        var index = new int[shape.Length];
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            index[i] = flat % shape[i];
            flat /= shape[i];
        }
        return index;
    }

    public Tensor ToTensor(ElementType type = ElementType.Float32) => type == ElementType.Float64
        ? Tensor.FromDoubles(Data, Shape)
        : Tensor.From([.. Data.Select(v => (float)v)], Shape).Cast(type).Realize();

    public Host Map(Func<double, double> f) => new(Shape, [.. Data.Select(f)]);

    public static Host Zip(Host a, Host b, Func<double, double, double> f)
    {
        int rank = Math.Max(a.Rank, b.Rank);
        int Length(Host h, int axis) => axis < rank - h.Rank ? 1 : h.Shape[axis - rank + h.Rank];
        var shape = Enumerable.Range(0, rank).Select(i => Length(a, i) == 1 ? Length(b, i) : Length(a, i)).ToArray();
        double At(Host h, int[] index) => h[[.. Enumerable.Range(0, h.Rank).Select(i => h.Shape[i] == 1 ? 0 : index[i + rank - h.Rank])]];
        return Of(shape, index => f(At(a, index), At(b, index)));
    }

    public Host Reshape(params int[] shape) => new(shape, Data);

    public Host Permute(params int[] axes) => Of([.. axes.Select(a => Shape[a])], index =>
    {
        var source = new int[Rank];
        for (int i = 0; i < Rank; i++)
            source[axes[i]] = index[i];
        return this[source];
    });

    public Host Slice(int axis, int start, int length, int step = 1) =>
        Of(With(axis, length), index => this[At(index, axis, start + index[axis] * step)]);

    public Host Pick(int axis, int[] rows) => Of(With(axis, rows.Length), index => this[At(index, axis, rows[index[axis]])]);

    public static Host Concat(int axis, params Host[] parts) => Of(parts[0].With(axis, parts.Sum(p => p.Shape[axis])), index =>
    {
        int at = index[axis], part = 0;
        while (at >= parts[part].Shape[axis])
            at -= parts[part++].Shape[axis];
        return parts[part][At(index, axis, at)];
    });

    /// <summary>[…, M, K] × […, K, N] with the same leading axes, or a matrix on the right.</summary>
    public static Host MatMul(Host a, Host b)
    {
        int k = a.Shape[^1], n = b.Shape[^1];
        return Of([.. a.Shape[..^1], n], index =>
        {
            double sum = 0;
            for (int i = 0; i < k; i++)
                sum += a[[.. index[..^1], i]] * (b.Rank == 2 ? b[i, index[^1]] : b[[.. index[..^2], i, index[^1]]]);
            return sum;
        });
    }

    public static Host Convolution(Host x, Host w, ConvolutionOptions o)
    {
        int Out(int length, int kernel, int stride, int padding, int dilation, int spread) =>
            ((length - 1) * spread + 1 + padding - (dilation * (kernel - 1) + 1)) / stride + 1;
        int oh = Out(x.Shape[2], w.Shape[2], o.Stride.Y, o.Padding.Top + o.Padding.Bottom, o.Dilation.Y, o.InputDilation.Y);
        int ow = Out(x.Shape[3], w.Shape[3], o.Stride.X, o.Padding.Left + o.Padding.Right, o.Dilation.X, o.InputDilation.X);
        int perGroup = w.Shape[0] / o.Groups, channels = w.Shape[1];
        double Read(int n, int c, int y, int column)
        {
            if (y < 0 || column < 0 || y % o.InputDilation.Y != 0 || column % o.InputDilation.X != 0)
                return 0;
            (y, column) = (y / o.InputDilation.Y, column / o.InputDilation.X);
            return y < x.Shape[2] && column < x.Shape[3] ? x[n, c, y, column] : 0;
        }
        return Of([x.Shape[0], w.Shape[0], oh, ow], at =>
        {
            double sum = 0;
            for (int c = 0; c < channels; c++)
            {
                for (int i = 0; i < w.Shape[2]; i++)
                {
                    for (int j = 0; j < w.Shape[3]; j++)
                    {
                        sum += w[at[1], c, i, j] * Read(at[0], at[1] / perGroup * channels + c,
                            at[2] * o.Stride.Y - o.Padding.Top + i * o.Dilation.Y, at[3] * o.Stride.X - o.Padding.Left + j * o.Dilation.X);
                    }
                }
            }
            return sum;
        });
    }

    /// <summary>Combines the last axes.</summary>
    public Host ReduceLast(int axes, Func<double[], double> combine)
    {
        int length = Count(Shape[^axes..]);
        return Of(Shape[..^axes], index =>
        {
            int start = index.Length == 0 ? 0 : Of(Shape[..^axes], _ => 0).Offset(index) * length;
            return combine(Data[start..(start + length)]);
        });
    }

    /// <summary>A function of each row of the last axis.</summary>
    public Host MapRows(Func<double[], double[]> f) =>
        new(Shape, [.. Enumerable.Range(0, Data.Length / Math.Max(1, Shape[^1])).SelectMany(r => f(Data[(r * Shape[^1])..((r + 1) * Shape[^1])]))]);

    public Host Softmax() => MapRows(row =>
    {
        double max = row.DefaultIfEmpty().Max(), sum = row.Sum(v => Math.Exp(v - max));
        return [.. row.Select(v => Math.Exp(v - max) / sum)];
    });

    public static double[] Normalized(double[] row, double epsilon, bool centre)
    {
        double mean = centre ? row.Average() : 0, variance = row.Average(v => (v - mean) * (v - mean));
        return [.. row.Select(v => (v - mean) / Math.Sqrt(variance + epsilon))];
    }

    public Host GroupNorm(int groups, Host? weight, Host? bias, double epsilon)
    {
        var flat = Reshape(Shape[0] * groups, Data.Length / Math.Max(1, Shape[0] * groups)).MapRows(r => Normalized(r, epsilon, true)).Reshape(Shape);
        return weight is null || bias is null ? flat : Of(Shape, i => flat[i] * weight[i[1]] + bias[i[1]]);
    }

    /// <summary>q, k, v [batch, heads, tokens, size], mask [batch, heads, queries, keys].</summary>
    public static Host Attention(Host q, Host k, Host v, double scale, Host? mask, bool causal)
    {
        var scores = Of([q.Shape[0], q.Shape[1], q.Shape[2], k.Shape[2]], i =>
        {
            double sum = 0;
            for (int d = 0; d < q.Shape[3]; d++)
                sum += q[i[0], i[1], i[2], d] * k[i[0], i[1], i[3], d];
            return causal && i[3] > i[2] ? double.NegativeInfinity : sum * scale + (mask is null ? 0 : mask[i]);
        });
        return MatMul(scores.Softmax(), v);
    }

    /// <summary>Compares with a tensor: shape, and each element within tolerance · max(1, |expected|).</summary>
    public void AssertEqual(Tensor actual, double tolerance, string? what = null)
    {
        Assert.Equal(Shape, actual.Shape.Lengths);
        var values = actual.ToDoubles();
        Assert.Equal(Data.Length, values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            if (!Near(Data[i], values[i], tolerance))
                Assert.Fail($"{what}: element [{string.Join(", ", Index(Shape, i))}] of {actual}: expected {Data[i]:R}, got {values[i]:R}");
        }
    }

    public static bool Near(double expected, double actual, double tolerance) =>
        double.IsNaN(expected) ? double.IsNaN(actual)
        : expected == actual || Math.Abs(expected - actual) <= tolerance * Math.Max(1, Math.Abs(expected));

    private int[] With(int axis, int length)
    {
        int[] shape = [.. Shape];
        shape[axis] = length;
        return shape;
    }

    private static int[] At(int[] index, int axis, int value)
    {
        int[] at = [.. index];
        at[axis] = value;
        return at;
    }

    private int Offset(int[] index)
    {
        int offset = 0;
        for (int i = 0; i < Rank; i++)
            offset = offset * Shape[i] + index[i];
        return offset;
    }
}
