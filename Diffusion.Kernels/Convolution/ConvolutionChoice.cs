namespace Diffusion.Kernels.Cpu;

/// <summary>A way to compute a convolution.</summary>
internal enum ConvolutionAlgorithm
{
    /// <summary>A product whose rows are gathered.</summary>
    Direct,

    /// <summary>Winograd's F(2×2).</summary>
    Winograd2,

    /// <summary>Winograd's F(4×4).</summary>
    Winograd4,

    /// <summary>F(2×2) with weights transformed at each use.</summary>
    LateWinograd2,

    /// <summary>F(4×4) with weights transformed at each use.</summary>
    LateWinograd4,

    /// <summary>F(2×2) for stride 2.</summary>
    StridedWinograd2,
}

/// <summary>What a way is expected to cost.</summary>
/// <param name="Algorithm">The way.</param>
/// <param name="Seconds">Time of one core.</param>
/// <param name="Bytes">Size of the packed weights.</param>
internal readonly record struct ConvolutionCost(ConvolutionAlgorithm Algorithm, double Seconds, double Bytes);

/// <summary>
/// The cost model that chooses a convolution's algorithm. Its rates were measured on one core of a Zen 3; the benchmarks' verb
/// <c>choices</c> prints what it predicts beside what a machine takes.
/// </summary>
internal static class ConvolutionChoice
{
    // Floating-point operations a second: of products of panels, of gathered rows, and of products whose panels are transformed
    // between them, from tiles that stay in the second-level cache or that don't.
    private const double Rate = 85e9;
    private const double DirectRate = 80e9;
    private const double LateRate = 75e9;
    private const double DistantRate = 70e9;
    // The same of products whose taps are transformed in registers, on the scale of the others: a processor that has these is faster at all of them.
    private const double RowsRate = 80e9;
    private const double DistantRowsRate = 75e9;
    private const int NearTiles = 24;

    // Seconds for transforming one channel of one tile there and back; one channel of a panel of weights.
    private const double Seconds4 = 27e-9;
    private const double Seconds2 = 7e-9;
    private const double StridedSeconds2 = 10e-9;
    private const double LateSeconds4 = 80e-9;
    private const double LateSeconds2 = 55e-9;

    // F(4×4) loses a digit more than F(2×2); it has to save at least this many seconds, so small convolutions don't take it.
    private const double Digit = 1e-4;

    // Bytes a second of weights that are read once.
    private const double WeightRate = 8e9;

    // Transformed weights are float32: from 16 bits they grow twice as much, and are 16 bits wide to save memory in the first place.
    private const double NarrowPrice = 4;

    /// <summary>The way that costs least, its weights' memory included.</summary>
    public static ConvolutionAlgorithm Choose(ConvolutionSpec spec, CpuContext context)
    {
        if (context.Forced is { } forced && Costs(spec).Any(cost => cost.Algorithm == forced))
            return forced;
        var budget = context.Weights;
        double stored = (double)spec.W.Count * spec.W.Type.Size();
        double dearer = spec.W.Type is ElementType.Float16 or ElementType.BFloat16 ? NarrowPrice : 1;
        var best = ConvolutionAlgorithm.Direct;
        double least = double.PositiveInfinity;
        foreach (var cost in Costs(spec))
        {
            // Panels are padded; that isn't what the budget is about.
            double seconds = cost.Seconds + dearer * budget.Price(cost.Bytes - Math.Max(stored, Padded(spec)))
                + (cost.Algorithm is ConvolutionAlgorithm.Winograd4 or ConvolutionAlgorithm.LateWinograd4 ? Digit : 0);
            if (seconds < least)
                (best, least) = (cost.Algorithm, seconds);
        }
        return best;
    }

    /// <summary>All ways that a contract allows.</summary>
    public static IEnumerable<ConvolutionCost> Costs(ConvolutionSpec spec)
    {
        int outputs = spec.W.Shape[0], channels = spec.W.Shape[1];
        double bytes = Padded(spec);
        yield return new ConvolutionCost(
            ConvolutionAlgorithm.Direct,
            Product(spec.Y.Count / (double)outputs, (double)channels * spec.W.Shape[2] * spec.W.Shape[3], outputs, DirectRate, 1, bytes), bytes);
        if (!AllowsWinograd(spec))
            yield break;
        if (spec.Stride == (2, 2))
        {
            yield return Stored(spec, ConvolutionAlgorithm.StridedWinograd2, 2, 25, 16, StridedSeconds2);
            yield break;
        }
        yield return Stored(spec, ConvolutionAlgorithm.Winograd2, 2, 16, 16, Seconds2);
        yield return Stored(spec, ConvolutionAlgorithm.Winograd4, 4, 36, 36, Seconds4);
        yield return Late(spec, ConvolutionAlgorithm.LateWinograd2, 2, Seconds2, LateSeconds2, bytes);
        yield return Late(spec, ConvolutionAlgorithm.LateWinograd4, 4, Seconds4, LateSeconds4, bytes);
    }

    private static bool AllowsWinograd(ConvolutionSpec spec) =>
        !spec.Exact && spec.ConstantW && spec.W.Shape[2] == 3 && spec.W.Shape[3] == 3 && spec.Stride is (1, 1) or (2, 2) && spec.Dilation == (1, 1)
        && spec.InputDilation == (1, 1) && spec.Groups == 1 && spec.W.Shape[1] >= 8 && spec.W.Shape[0] >= 8;

    private static ConvolutionCost Stored(ConvolutionSpec spec, ConvolutionAlgorithm algorithm, int tile, int elements, int weights, double transform)
    {
        int outputs = spec.W.Shape[0], channels = spec.W.Shape[1];
        double tiles = Tiles(spec, tile), bytes = (double)WinogradTransforms.Pad(channels) * Round(outputs, MicroKernel.Width) * weights * sizeof(float);
        double seconds = Product(tiles, channels, outputs, Rate, elements, bytes) + tiles * (channels + outputs) * transform;
        return new ConvolutionCost(algorithm, seconds, bytes);
    }

    private static ConvolutionCost Late(ConvolutionSpec spec, ConvolutionAlgorithm algorithm, int tile, double transform, double late, double bytes)
    {
        int outputs = spec.W.Shape[0], channels = spec.W.Shape[1];
        double tiles = Tiles(spec, tile), panels = Round(outputs, MicroKernel.Width) / MicroKernel.Width, back = tiles * (channels + outputs) * transform;
        if (tile == 4 && WinogradRows.IsSupported)
        {
            double products = 2 * Round(tiles, WinogradRows.Tiles) * channels * Round(outputs, MicroKernel.Width) * 36 / (tiles <= NearTiles ? RowsRate : DistantRowsRate);
            return new ConvolutionCost(algorithm, Math.Max(products, bytes / WeightRate) + back, bytes);
        }
        double blocks = Math.Ceiling(tiles / Winograd.MaxBlock);
        double seconds = Product(tiles, channels, outputs, tiles <= NearTiles ? LateRate : DistantRate, (tile + 2) * (tile + 2), bytes)
            + back + blocks * channels * panels * late;
        return new ConvolutionCost(algorithm, seconds, bytes);
    }

    private static double Product(double rows, double depth, int columns, double rate, int count, double bytes) =>
        Math.Max(2 * TileRows(rows) * depth * Round(columns, MicroKernel.Width) * count / rate, bytes / WeightRate);

    /// <summary>Rows that are multiplied: whole tiles, where four rows may be left over for a smaller one.</summary>
    private static double TileRows(double rows)
    {
        double rest = rows % MicroKernel.Rows;
        return rest is > 0 and <= 4 && MicroKernel.HasTile4 ? rows - rest + 4 : Round(rows, MicroKernel.Rows);
    }

    private static double Tiles(ConvolutionSpec spec, int tile) =>
        (double)spec.Y.Shape[0] * ((spec.Y.Shape[1] + tile - 1) / tile) * ((spec.Y.Shape[2] + tile - 1) / tile);

    /// <summary>Bytes of panels of the weights as they are.</summary>
    private static double Padded(ConvolutionSpec spec)
    {
        int outputs = spec.W.Shape[0] / spec.Groups;
        double size = spec.W.Type is ElementType.Float16 or ElementType.BFloat16 ? 2 : sizeof(float);
        return Round(outputs, MicroKernel.Width) * (double)spec.W.Shape[1] * spec.W.Shape[2] * spec.W.Shape[3] * spec.Groups * size;
    }

    private static double Round(double n, int unit) => Math.Ceiling(n / unit) * unit;
}
