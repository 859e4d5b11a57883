namespace Diffusion.Kernels.Reference;

/// <summary>What <see cref="ConvolutionSpec"/> means.</summary>
internal static class ReferenceConvolution
{
    public static void Run(ConvolutionSpec spec, in ReferenceArguments arguments)
    {
        var y = spec.Y;
        int perGroup = y.Shape[3] / spec.Groups;
        long index = 0;
        for (int n = 0; n < y.Shape[0]; n++)
        {
            for (int row = 0; row < y.Shape[1]; row++)
            {
                for (int column = 0; column < y.Shape[2]; column++)
                {
                    for (int o = 0; o < y.Shape[3]; o++)
                        arguments.Store(index++, Sum(spec, arguments[0], arguments[1], n, row, column, o, o / perGroup));
                }
            }
        }
    }

    private static double Sum(ConvolutionSpec spec, ReferenceView x, ReferenceView w, int n, int row, int column, int o, int group)
    {
        int channels = spec.W.Shape[1];
        double sum = 0;
        for (int i = 0; i < spec.W.Shape[2]; i++)
        {
            int sy = Source(row * spec.Stride.Y - spec.Padding.Top + i * spec.Dilation.Y, spec.X.Shape[1], spec.Upsample, spec.InputDilation.Y);
            for (int j = 0; j < spec.W.Shape[3] && sy >= 0; j++)
            {
                int sx = Source(column * spec.Stride.X - spec.Padding.Left + j * spec.Dilation.X, spec.X.Shape[2], spec.Upsample, spec.InputDilation.X);
                for (int c = 0; c < channels && sx >= 0; c++)
                    sum += x[n, sy, sx, group * channels + c] * w[o, c, i, j];
            }
        }
        return sum;
    }

    /// <summary>Which input row or column stands at a position of the repeated or spread input; −1 where there is a zero.</summary>
    private static int Source(int position, int length, int upsample, int dilation)
    {
        if (position < 0 || position % dilation != 0)
            return -1;
        int source = position / dilation / upsample;
        return source < length ? source : -1;
    }
}
