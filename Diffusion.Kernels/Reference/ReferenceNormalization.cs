namespace Diffusion.Kernels.Reference;

/// <summary>What <see cref="GroupNormSpec"/>, <see cref="RowNormSpec"/> and <see cref="SoftmaxSpec"/> mean.</summary>
internal static class ReferenceNormalization
{
    public static void Run(GroupNormSpec spec, in ReferenceArguments arguments)
    {
        var x = arguments[0];
        int positions = spec.X.Shape[1], channels = spec.X.Shape[2], width = channels / spec.Groups;
        double count = (double)positions * width;
        for (int n = 0; n < spec.X.Shape[0]; n++)
        {
            for (int g = 0; g < spec.Groups; g++)
            {
                double sum = 0, squares = 0;
                for (int p = 0; p < positions; p++)
                {
                    for (int c = g * width; c < (g + 1) * width; c++)
                        sum += x[n, p, c];
                }
                double mean = sum / count;
                for (int p = 0; p < positions; p++)
                {
                    for (int c = g * width; c < (g + 1) * width; c++)
                        squares += (x[n, p, c] - mean) * (x[n, p, c] - mean);
                }
                double scale = 1 / Math.Sqrt(squares / count + spec.Epsilon);
                for (int p = 0; p < positions; p++)
                {
                    for (int c = g * width; c < (g + 1) * width; c++)
                    {
                        double value = (x[n, p, c] - mean) * scale;
                        if (!spec.Affine.IsEmpty)
                            value = value * arguments[1][c] + arguments[2][c];
                        arguments.Store(((long)n * positions + p) * channels + c, value);
                    }
                }
            }
        }
    }

    public static void Run(RowNormSpec spec, in ReferenceArguments arguments)
    {
        var x = arguments[0];
        int columns = spec.X.Shape[1];
        for (int r = 0; r < spec.X.Shape[0]; r++)
        {
            double mean = 0, squares = 0;
            for (int c = 0; c < columns && spec.Kind == RowNormKind.Layer; c++)
                mean += x[r, c] / columns;
            for (int c = 0; c < columns; c++)
                squares += (x[r, c] - mean) * (x[r, c] - mean);
            double scale = 1 / Math.Sqrt(squares / columns + spec.Epsilon);
            for (int c = 0; c < columns; c++)
            {
                double value = (x[r, c] - mean) * scale;
                if (!spec.Weight.IsEmpty)
                    value *= arguments[1][c];
                if (!spec.Bias.IsEmpty)
                    value += arguments[1 + spec.Weight.Length][c];
                arguments.Store((long)r * columns + c, value);
            }
        }
    }

    public static void Run(SoftmaxSpec spec, in ReferenceArguments arguments)
    {
        var x = arguments[0];
        var y = arguments[1];
        int columns = spec.X.Shape[1];
        var row = new double[columns];
        for (int r = 0; r < spec.X.Shape[0]; r++)
        {
            double largest = double.NegativeInfinity, total = 0;
            for (int c = 0; c < columns; c++)
                largest = Math.Max(largest, x[r, c]);
            for (int c = 0; c < columns; c++)
                total += row[c] = Math.Exp(x[r, c] - largest);
            for (int c = 0; c < columns; c++)
                y[r, c] = row[c] / total;
        }
    }
}
