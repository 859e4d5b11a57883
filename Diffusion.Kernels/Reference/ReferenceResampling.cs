namespace Diffusion.Kernels.Reference;

/// <summary>What <see cref="ResamplingSpec"/> and <see cref="PoolingSpec"/> mean.</summary>
internal static class ReferenceResampling
{
    public static void Run(ResamplingSpec spec, in ReferenceArguments arguments)
    {
        var x = arguments[0];
        var y = arguments[1];
        var shape = spec.Y.Shape;
        var rows = Enumerable.Range(0, shape[1]).Select(i => Taps(spec, i, spec.X.Shape[1], shape[1], spec.ScaleFactor.Y)).ToArray();
        var columns = Enumerable.Range(0, shape[2]).Select(i => Taps(spec, i, spec.X.Shape[2], shape[2], spec.ScaleFactor.X)).ToArray();
        for (int n = 0; n < shape[0]; n++)
        {
            for (int i = 0; i < shape[1]; i++)
            {
                for (int j = 0; j < shape[2]; j++)
                {
                    for (int c = 0; c < shape[3]; c++)
                    {
                        double sum = 0;
                        foreach (var (row, wy) in rows[i])
                        {
                            foreach (var (column, wx) in columns[j])
                                sum += wy * wx * x[n, row, column, c];
                        }
                        y[n, i, j, c] = sum;
                    }
                }
            }
        }
    }

    /// <summary>Which input samples make an output sample along one axis, and how much of each.</summary>
    internal static (int Source, double Weight)[] Taps(ResamplingSpec spec, int position, int from, int to, double factor)
    {
        if (spec.Mode == ResamplingMode.Nearest)
        {
            // In float32 as torch, since a rounding decides which sample it is.
            float step = factor > 0 ? (float)(1 / factor) : (float)from / to;
            return [(Math.Min((int)MathF.Floor(position * step), from - 1), 1)];
        }
        double scale = spec.AlignCorners ? to > 1 ? (from - 1.0) / (to - 1) : 0 : factor > 0 ? 1 / factor : (double)from / to;
        if (spec.AntiAlias)
            return AntiAliased(spec.Mode, position, from, scale);
        double source = spec.AlignCorners ? position * scale : (position + 0.5) * scale - 0.5;
        if (spec.Mode == ResamplingMode.Bilinear)
        {
            source = Math.Max(source, 0);
            int first = Math.Min((int)source, from - 1);
            double fraction = Math.Min(source - first, 1);
            return [(first, 1 - fraction), (Math.Min(first + 1, from - 1), fraction)];
        }
        int floor = (int)Math.Floor(source);
        return [.. Enumerable.Range(floor - 1, 4).Select(i => (Math.Clamp(i, 0, from - 1), Cubic(source - i, -0.75)))];
    }

    private static (int Source, double Weight)[] AntiAliased(ResamplingMode mode, int position, int from, double scale)
    {
        double widening = Math.Max(scale, 1), support = (mode == ResamplingMode.Bilinear ? 1 : 2) * widening;
        double center = scale * (position + 0.5);
        int first = Math.Max((int)(center - support + 0.5), 0), last = Math.Min((int)(center + support + 0.5), from);
        var taps = Enumerable.Range(first, Math.Max(last - first, 0)).Select(i =>
        {
            double distance = (i + 0.5 - center) / widening;
            return (i, mode == ResamplingMode.Bilinear ? Math.Max(1 - Math.Abs(distance), 0) : Cubic(distance, -0.5));
        }).ToArray();
        double total = taps.Sum(tap => tap.Item2);
        return [.. taps.Select(tap => (tap.i, total == 0 ? tap.Item2 : tap.Item2 / total))];
    }

    /// <summary>The cubic convolution kernel (Keys 1981).</summary>
    private static double Cubic(double x, double a)
    {
        x = Math.Abs(x);
        return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
    }

    public static void Run(PoolingSpec spec, in ReferenceArguments arguments)
    {
        var x = arguments[0];
        var y = arguments[1];
        var shape = spec.Y.Shape;
        for (int n = 0; n < shape[0]; n++)
        {
            for (int i = 0; i < shape[1]; i++)
            {
                for (int j = 0; j < shape[2]; j++)
                {
                    for (int c = 0; c < shape[3]; c++)
                        y[n, i, j, c] = Window(spec, x, n, i * spec.Stride.Y - spec.Padding.Y, j * spec.Stride.X - spec.Padding.X, c);
                }
            }
        }
    }

    private static double Window(PoolingSpec spec, ReferenceView x, int n, int top, int left, int c)
    {
        double sum = 0, largest = double.NegativeInfinity;
        for (int i = Math.Max(top, 0); i < Math.Min(top + spec.Window.Y, spec.X.Shape[1]); i++)
        {
            for (int j = Math.Max(left, 0); j < Math.Min(left + spec.Window.X, spec.X.Shape[2]); j++)
            {
                sum += x[n, i, j, c];
                largest = Math.Max(largest, x[n, i, j, c]);
            }
        }
        return spec.Kind == PoolingKind.Maximum ? largest : sum / (spec.Window.Y * spec.Window.X);
    }
}
