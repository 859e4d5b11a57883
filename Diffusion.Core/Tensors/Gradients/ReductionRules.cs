using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Gradients;

/// <summary>Rules of reductions and resampling.</summary>
internal static class ReductionRules
{
    public static Tensor? Reduce(ReduceOp op, Tensor x, Tensor y, Tensor g)
    {
        var kept = new Shape([.. y.Shape.Lengths, .. Enumerable.Repeat(1, op.Axes)]);
        Tensor Spread(Tensor t) => t.Reshape(kept).Expand(x.Shape);
        double count = (double)x.Shape.Count / Math.Max(1, y.Shape.Count);
        switch (op.Kind)
        {
            case ReductionKind.Sum: return Spread(g);
            case ReductionKind.Mean: return Spread(g) / count;
            case ReductionKind.Product: return Spread(g * y) / x;
            case ReductionKind.Maximum or ReductionKind.Minimum:
                // Several extremes share the cotangent.
                var extreme = Tensor.IsEqual(x, Spread(y));
                int[] axes = [.. Enumerable.Range(y.Rank, op.Axes)];
                return Spread(g) * extreme / extreme.Reduce(ReductionKind.Sum, axes, true);
            default: return null;
        }
    }

    public static Tensor Resample(ResampleOp op, Tensor x, Tensor y, Tensor g)
    {
        int factor = y.Shape[2] / x.Shape[2];
        if (op.Mode != ResamplingMode.Nearest || factor * x.Shape[2] != y.Shape[2] || factor * x.Shape[3] != y.Shape[3])
            throw new NotSupportedException($"Gradient: resampling {x.Shape} to {y.Shape} by {op.Mode} has no rule; use UpsampleNearest with a whole factor.");
        return g.Reshape(x.Shape[0], x.Shape[1], x.Shape[2], factor, x.Shape[3], factor).Sum(3, 5);
    }

    public static Tensor Pool(PoolOp op, Tensor x, Tensor g)
    {
        var (window, stride, padding) = (op.Window, op.Stride, op.Padding);
        if (op.Kind != PoolingKind.Average || window != stride || window.Y != window.X || padding != (0, 0))
            throw new NotSupportedException($"Gradient: {op.Kind} pooling with window {window}, stride {stride}, padding {padding} has no rule; use average pooling of windows side by side.");
        var spread = g.UpsampleNearest(window.Y) / (window.Y * (double)window.X);
        return spread.Pad(2, 0, x.Shape[2] - spread.Shape[2]).Pad(3, 0, x.Shape[3] - spread.Shape[3]);
    }
}
