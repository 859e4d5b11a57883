namespace Diffusion.Kernels.Reference;

/// <summary>What <see cref="ReductionSpec"/> and <see cref="QuantileSpec"/> mean.</summary>
internal static class ReferenceReduction
{
    public static void Run(ReductionSpec spec, in ReferenceArguments arguments)
    {
        var x = arguments[0];
        long rows = spec.Y.Count, length = 1;
        for (int i = spec.Y.Rank; i < spec.X.Rank; i++)
            length *= spec.X.Shape[i];
        for (long r = 0; r < rows; r++)
        {
            if (spec.Kind == ReductionKind.ArgMax)
            {
                arguments.Output.WriteInteger(arguments.Output.Offset(r), ArgMax(x, r * length, length));
                continue;
            }
            double value = spec.Kind switch
            {
                ReductionKind.Maximum => double.NegativeInfinity,
                ReductionKind.Minimum => double.PositiveInfinity,
                ReductionKind.Product => 1,
                _ => 0,
            };
            for (long i = 0; i < length; i++)
            {
                double element = x.Read(x.Offset(r * length + i));
                value = spec.Kind switch
                {
                    ReductionKind.Maximum => Math.Max(value, element),
                    ReductionKind.Minimum => Math.Min(value, element),
                    ReductionKind.Product => value * element,
                    _ => value + element,
                };
            }
            arguments.Store(r, spec.Kind == ReductionKind.Mean ? value / length : value);
        }
    }

    /// <summary>The first largest; a NaN counts as largest, as in torch.</summary>
    private static long ArgMax(ReferenceView x, long start, long length)
    {
        long best = 0;
        double largest = x.Read(x.Offset(start));
        for (long i = 1; i < length && !double.IsNaN(largest); i++)
        {
            double element = x.Read(x.Offset(start + i));
            if (element > largest || double.IsNaN(element))
                (best, largest) = (i, element);
        }
        return best;
    }

    public static void Run(QuantileSpec spec, in ReferenceArguments arguments)
    {
        var x = arguments[0];
        var y = arguments[1];
        var row = new double[spec.X.Shape[1]];
        for (int r = 0; r < spec.X.Shape[0]; r++)
        {
            bool nan = false;
            for (int c = 0; c < row.Length; c++)
            {
                row[c] = x[r, c];
                nan |= double.IsNaN(row[c]);
            }
            Array.Sort(row);
            double position = spec.Q * (row.Length - 1);
            int low = (int)Math.Floor(position), high = Math.Min(low + 1, row.Length - 1);
            double fraction = position - low;
            // Without a part of the upper one it isn't read, so that an infinity there doesn't make a NaN.
            y[r] = nan ? double.NaN : fraction == 0 || row[low] == row[high] ? row[low] : row[low] + (row[high] - row[low]) * fraction;
        }
    }
}
