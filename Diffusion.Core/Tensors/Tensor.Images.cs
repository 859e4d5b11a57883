namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>Channels become rows and columns, [N, C·f², H, W] → [N, C, f·H, f·W].</summary>
    public Tensor PixelShuffle(int factor)
    {
        if (Rank != 4 || factor < 1 || Shape[1] % (factor * factor) != 0)
            throw new TensorShapeException($"PixelShuffle: {Shape} can't be spread by {factor}; expected [N, C, H, W] with C a multiple of {factor}².");
        int n = Shape[0], c = Shape[1] / (factor * factor), h = Shape[2], w = Shape[3];
        return Reshape(n, c, factor, factor, h, w).Permute(0, 1, 4, 2, 5, 3).Reshape(n, c, h * factor, w * factor);
    }

    /// <summary>Rows and columns become channels, [N, C, f·H, f·W] → [N, C·f², H, W].</summary>
    public Tensor PixelUnshuffle(int factor)
    {
        if (Rank != 4 || factor < 1 || Shape[2] % factor != 0 || Shape[3] % factor != 0)
            throw new TensorShapeException($"PixelUnshuffle: {Shape} can't be gathered by {factor}; expected [N, C, H, W] with H and W multiples of it.");
        int n = Shape[0], c = Shape[1], h = Shape[2] / factor, w = Shape[3] / factor;
        return Reshape(n, c, h, factor, w, factor).Permute(0, 1, 3, 5, 2, 4).Reshape(n, c * factor * factor, h, w);
    }

    /// <summary>Each output is the mean of the inputs that it covers (torch's interpolate with "area"), [N, C, H, W] → [N, C, height, width].</summary>
    public Tensor ResampleArea(int height, int width)
    {
        if (Rank != 4 || height < 1 || width < 1 || Shape[2] < 1 || Shape[3] < 1)
            throw new TensorShapeException($"ResampleArea: {Shape} can't be resized to {height}×{width}; expected [N, C, H, W] and at least one row and column.");
        return MatMul(AreaWeights(Shape[2], height), MatMul(this, AreaWeights(Shape[3], width).Transpose()));
    }

    // Output i covers inputs ⌊i·n/m⌋ … ⌈(i+1)·n/m⌉ − 1.
    private Tensor AreaWeights(int n, int m)
    {
        var weights = new float[m * n];
        for (int i = 0; i < m; i++)
        {
            int start = (int)((long)i * n / m), end = (int)(((long)(i + 1) * n + m - 1) / m);
            for (int j = start; j < end; j++)
                weights[i * n + j] = 1f / (end - start);
        }
        return From(weights, Shape.Of(m, n), Device);
    }

    /// <summary>3-D cross-correlation [N, C, D, H, W] → [N, O, OD, OH, OW]: a sum of 2-D ones, one a depth of the kernel.</summary>
    /// <param name="weight">[O, C, KD, KH, KW].</param>
    /// <param name="bias">[O], if any.</param>
    /// <param name="stride">≥ 1 each.</param>
    /// <param name="padding">Zeros on both sides, ≥ 0 each.</param>
    public Tensor Conv3d(Tensor weight, Tensor? bias, (int Depth, int Height, int Width) stride, (int Depth, int Height, int Width) padding)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (Rank != 5 || weight.Rank != 5 || Shape[1] != weight.Shape[1] || stride.Depth < 1 || padding.Depth < 0 || Shape[2] + 2 * padding.Depth < weight.Shape[2])
            throw new TensorShapeException($"Conv3d: input {Shape} doesn't fit weight {weight.Shape}; expected [N, C, D, H, W], [O, C, KD, KH, KW] and a kernel that isn't deeper than the padded input.");
        int n = Shape[0], c = Shape[1], depth = (Shape[2] + 2 * padding.Depth - weight.Shape[2]) / stride.Depth + 1;
        var padded = Pad(2, padding.Depth, padding.Depth);
        var options = new ConvolutionOptions
        {
            Stride = (stride.Height, stride.Width),
            Padding = (padding.Height, padding.Height, padding.Width, padding.Width),
        };
        Tensor Slab(int k)
        {
            var frames = padded.Slice(2, k, depth, stride.Depth).Permute(0, 2, 1, 3, 4).Reshape(n * depth, c, Shape[3], Shape[4]);
            return frames.Convolution(weight.Slice(2, k, 1).Squeeze(2), null, options);
        }
        var sum = Enumerable.Range(0, weight.Shape[2]).Select(Slab).Aggregate((a, b) => a + b);
        var result = sum.Reshape(n, depth, sum.Shape[1], sum.Shape[2], sum.Shape[3]).Permute(0, 2, 1, 3, 4);
        return bias is null ? result : result + bias.Reshape(1, -1, 1, 1, 1);
    }
}
