namespace Diffusion.Kernels.Cpu;

/// <summary>Convolutions on the CPU: chooses the algorithm.</summary>
internal static class CpuConvolution
{
    // Measured on Zen 3, one core: floating-point operations a second in a product, seconds for transforming one channel of
    // one Winograd tile, bytes a second of weights.
    private const double Rate = 85e9;
    private const double DirectRate = 80e9;
    private const double Seconds4 = 27e-9;
    private const double Seconds2 = 7e-9;
    private const double WeightRate = 10e9;

    // F(4×4) weights take four times the memory; below this many tiles that isn't won back.
    private const int MinTiles4 = 64;

    /// <summary>Prepares <see cref="ConvolutionSpec"/>.</summary>
    public static PreparedKernel Prepare(ConvolutionSpec spec, CpuContext context)
    {
        spec.Validate();
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in KernelArguments _) => { });
        int tile = WinogradTile(spec);
        if (tile != 0)
            return Winograd.Prepare(spec, context, tile);
        return spec.Groups == 1 && spec.W.Shape[0] <= FewOutputsConvolution.MaxOutputs && spec.W.Shape[1] >= FewOutputsConvolution.MinChannels
            ? FewOutputsConvolution.Prepare(spec, context)
            : ImplicitConvolution.Prepare(spec, context);
    }

    /// <summary>Output rows and columns of the best Winograd tile, or 0 for none.</summary>
    private static int WinogradTile(ConvolutionSpec spec)
    {
        int outputs = spec.W.Shape[0], channels = spec.W.Shape[1];
        if (spec.Exact || !spec.ConstantW || spec.W.Shape[2] != 3 || spec.W.Shape[3] != 3 || spec.Stride != (1, 1) || spec.Dilation != (1, 1)
            || spec.InputDilation != (1, 1) || spec.Groups != 1 || channels < 8 || outputs < 8)
            return 0;
        double direct = ProductSeconds(spec.Y.Count / outputs, 9.0 * channels, outputs, DirectRate, 1);
        double two = TiledSeconds(spec, 2, Seconds2, out _);
        double four = TiledSeconds(spec, 4, Seconds4, out double tiles);
        if (tiles < MinTiles4)
            four = double.PositiveInfinity;
        return four < two && four < direct ? 4 : two < direct ? 2 : 0;
    }

    private static double TiledSeconds(ConvolutionSpec spec, int tile, double transform, out double tiles)
    {
        int outputs = spec.W.Shape[0], channels = spec.W.Shape[1];
        tiles = (double)spec.Y.Shape[0] * ((spec.Y.Shape[1] + tile - 1) / tile) * ((spec.Y.Shape[2] + tile - 1) / tile);
        return ProductSeconds(tiles, channels, outputs, Rate, (tile + 2) * (tile + 2)) + tiles * (channels + outputs) * transform;
    }

    private static double ProductSeconds(double rows, double depth, int columns, double rate, int count)
    {
        double padded = Math.Ceiling(rows / MicroKernel.Rows) * MicroKernel.Rows;
        double width = (columns + MicroKernel.Width - 1) / MicroKernel.Width * MicroKernel.Width;
        return Math.Max(2 * padded * depth * width * count / rate, depth * width * count * sizeof(float) / WeightRate);
    }
}
