using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>Ready algebras that need no device: single numbers, and arrays of numbers.</summary>
public static class SampleAlgebra
{
    /// <summary>A sample that is one number. It has no channels, so learned variance is not available.</summary>
    public static SampleAlgebra<double> Double { get; } = new(Combine)
    {
        Clamp = Math.Clamp,
        DynamicThreshold = (x, _, max) =>
        {
            double s = Math.Clamp(Math.Abs(x), 1, Math.Max(1, max));
            return Math.Clamp(x, -s, s) / s;
        },
        Multiply = (x, y) => x * y,
        Divide = (x, y) => x / y,
        Sqrt = Math.Sqrt,
        Exp = Math.Exp,
        MeanNorm = Math.Abs,
    };

    /// <summary>
    /// A sample that is an array in the order (batch, channels, everything else). Arithmetic is float64. Arrays are never written
    /// to; an array of length 1 broadcasts.
    /// </summary>
    /// <param name="batch">The number of items in the batch, 1 or more.</param>
    /// <param name="channels">The number of channels of a sample (not of a model output with learned variance), 1 or more.</param>
    /// <returns>The algebra.</returns>
    /// <exception cref="ArgumentOutOfRangeException">When one of the numbers is below 1.</exception>
    public static SampleAlgebra<double[]> Array(int batch, int channels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        return new(Combine)
        {
            Clamp = (x, low, high) => System.Array.ConvertAll(x, v => Math.Clamp(v, low, high)),
            DynamicThreshold = (x, ratio, max) => Rows(x, batch, row => Threshold(row, ratio, max)),
            Multiply = (x, y) => Zip(x, y, (a, b) => a * b),
            Divide = (x, y) => Zip(x, y, (a, b) => a / b),
            Sqrt = x => System.Array.ConvertAll(x, Math.Sqrt),
            Exp = x => System.Array.ConvertAll(x, Math.Exp),
            MeanNorm = x => [x.Chunk(x.Length / batch).Average(row => Math.Sqrt(row.Sum(v => v * v)))],
            SplitChannels = (output, sample) => Split(output, sample, batch, channels),
        };
    }

    private static double Combine(ImmutableArray<Term<double>> terms)
    {
        double sum = 0;
        foreach (var (coefficient, value) in terms) sum += coefficient * value;
        return sum;
    }

    private static double[] Combine(ImmutableArray<Term<double[]>> terms)
    {
        var sum = new double[terms.Max(term => term.Value.Length)];
        foreach (var (coefficient, value) in terms)
        {
            int stride = value.Length == 1 ? 0 : 1;
            if (stride == 1 && value.Length != sum.Length)
                throw new ArgumentException($"LinearCombination: samples of {value.Length} and {sum.Length} elements don't fit together.");
            for (int i = 0; i < sum.Length; i++) sum[i] += coefficient * value[i * stride];
        }

        return sum;
    }

    private static double[] Zip(double[] x, double[] y, Func<double, double, double> f)
    {
        int length = Math.Max(x.Length, y.Length);
        if ((x.Length != length && x.Length != 1) || (y.Length != length && y.Length != 1))
            throw new ArgumentException($"Samples of {x.Length} and {y.Length} elements don't fit together.");
        var result = new double[length];
        for (int i = 0; i < length; i++) result[i] = f(x[x.Length == 1 ? 0 : i], y[y.Length == 1 ? 0 : i]);
        return result;
    }

    private static double[] Rows(double[] x, int batch, Func<double[], double[]> f) => [.. x.Chunk(x.Length / batch).SelectMany(f)];

    private static double[] Threshold(double[] row, double ratio, double max)
    {
        double s = Math.Clamp(Quantile(row, ratio), 1, Math.Max(1, max));
        return System.Array.ConvertAll(row, v => Math.Clamp(v, -s, s) / s);
    }

    private static double Quantile(double[] row, double ratio)
    {
        var sorted = System.Array.ConvertAll(row, Math.Abs);
        System.Array.Sort(sorted);
        double rank = ratio * (sorted.Length - 1);
        int below = (int)Math.Floor(rank);
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
    }

    private static ChannelSplit<double[]> Split(double[] output, double[] sample, int batch, int channels)
    {
        if (output.Length % batch != 0 || sample.Length % (batch * channels) != 0 || output.Length < sample.Length)
            throw new ArgumentException($"SplitChannels: a model output of {output.Length} elements can't be split for a sample of {sample.Length}.");
        int perItem = sample.Length / batch;
        return new(
            [.. output.Chunk(output.Length / batch).SelectMany(item => item.Take(perItem))],
            [.. output.Chunk(output.Length / batch).SelectMany(item => item.Skip(perItem))]);
    }
}
