using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>Repeats every row and column, [N, C, H, W] → [N, C, H·factor, W·factor].</summary>
    public Tensor UpsampleNearest(int factor = 2)
    {
        if (factor < 1)
            throw new TensorShapeException($"UpsampleNearest: the factor is at least 1; got {factor}.");
        if (Rank != 4)
            throw new TensorShapeException($"UpsampleNearest: expected [N, C, H, W]; got {Shape}.");
        return factor == 1 ? this : Resample(checked(Shape[2] * factor), checked(Shape[3] * factor), ResamplingMode.Nearest);
    }

    /// <summary>Resizes images as torch.nn.functional.interpolate does, [N, C, H, W] → [N, C, height, width].</summary>
    /// <param name="height">Rows of the result.</param>
    /// <param name="width">Columns of the result.</param>
    /// <param name="mode">Which kernel.</param>
    /// <param name="alignCorners">Corner samples coincide (not for nearest).</param>
    /// <param name="antiAlias">Widen the kernel when shrinking (not for nearest).</param>
    public Tensor Resample(int height, int width, ResamplingMode mode, bool alignCorners = false, bool antiAlias = false)
    {
        if (Rank != 4 || height < 1 || width < 1 || Shape[2] < 1 || Shape[3] < 1)
            throw new TensorShapeException($"Resample: {Shape} can't be resized to {height}×{width}; expected [N, C, H, W] and at least one row and column.");
        if (mode == ResamplingMode.Nearest && (alignCorners || antiAlias))
            throw new NotSupportedException("Resample: alignCorners and antiAlias are for Bilinear and Bicubic; use one of those.");
        return new Tensor(new ResampleOp(mode, alignCorners, antiAlias, default), [this], Shape.Of(Shape[0], Shape[1], height, width), Promote(ElementType), Device);
    }

    /// <summary>Mean over windows, padding counted as zeros (torch's default), [N, C, H, W] → [N, C, OH, OW].</summary>
    public Tensor AveragePool2d(int window, int stride, int padding = 0) => Pool(PoolingKind.Average, window, stride, padding);

    /// <summary>Largest over windows, [N, C, H, W] → [N, C, OH, OW].</summary>
    public Tensor MaxPool2d(int window, int stride, int padding = 0) => Pool(PoolingKind.Maximum, window, stride, padding);

    private Tensor Pool(PoolingKind kind, int window, int stride, int padding)
    {
        if (Rank != 4 || window < 1 || stride < 1 || padding < 0 || padding * 2 > window)
            throw new TensorShapeException($"Pool: window {window}, stride {stride}, padding {padding} don't fit {Shape}; expected [N, C, H, W] and padding of at most half a window.");
        int oh = ConvolutionSpec.OutputLength(Shape[2], window, stride, 2 * padding), ow = ConvolutionSpec.OutputLength(Shape[3], window, stride, 2 * padding);
        if (oh < 1 || ow < 1)
            throw new TensorShapeException($"Pool: the window of {window} is larger than the padded input {Shape}.");
        return new Tensor(new PoolOp(kind, (window, window), (stride, stride), (padding, padding)), [this], Shape.Of(Shape[0], Shape[1], oh, ow), Promote(ElementType), Device);
    }
}
