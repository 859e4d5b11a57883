namespace Diffusion.Kernels.Reference;

/// <summary>What <see cref="QuantizedGemmSpec"/> means.</summary>
internal static class ReferenceQuantizedGemm
{
    public static void Run(QuantizedGemmSpec spec, in ReferenceArguments arguments)
    {
        int batch = spec.C.Shape[0], m = spec.C.Shape[1], n = spec.C.Shape[2], k = spec.A.Shape[2];
        var row = new double[k];
        for (int s = 0; s < batch; s++)
        {
            for (int i = 0; i < m; i++)
            {
                for (int j = 0; j < k; j++)
                    row[j] = arguments[0][s, i, j];
                double rowScale = spec.DynamicActivations ? Round(row) : 1;
                for (int column = 0; column < n; column++)
                    arguments.Store(((long)s * m + i) * n + column, Sum(spec, arguments, row, column) * rowScale);
            }
        }
    }

    private static double Sum(QuantizedGemmSpec spec, in ReferenceArguments arguments, double[] row, int column)
    {
        var w = arguments[1];
        var scales = arguments[2];
        // Integer sums are exact in float64.
        double sum = 0;
        for (int i = 0; i < row.Length; i++)
        {
            long at = column * w.Layout.Strides[0] + (spec.IsInt4 ? i / 2 : i);
            long q = w.ReadInteger(at);
            if (spec.IsInt4)
                q = Nibble(i % 2 == 0 ? q : q >> 4);
            double product = row[i] * q;
            sum += spec.GroupSize == 0 ? product : product * scales[column, i / spec.GroupSize];
        }
        return spec.GroupSize == 0 ? sum * scales[column, 0] : sum;
    }

    /// <summary>The low four bits as −8 … 7.</summary>
    private static long Nibble(long bits) => ((bits & 15) ^ 8) - 8;

    /// <summary>Makes a row integers, and gives what they stand for.</summary>
    private static double Round(double[] row)
    {
        float largest = 0;
        foreach (double value in row)
            largest = float.IsNaN(largest) ? largest : Math.Max(largest, Math.Abs((float)value));
        var scale = RowScale.Of(largest);
        for (int i = 0; i < row.Length; i++)
            row[i] = scale.Inverse == 0 ? 0 : MathF.Round((float)row[i] * scale.Inverse, MidpointRounding.ToEven);
        return scale.Scale;
    }
}
