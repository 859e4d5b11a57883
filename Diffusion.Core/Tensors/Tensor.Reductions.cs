using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>Sum over axes (all when none are given), which vanish.</summary>
    public Tensor Sum(params int[] axes) => Reduce(ReductionKind.Sum, axes, false);

    /// <summary>Mean over axes (all when none are given), which vanish.</summary>
    public Tensor Mean(params int[] axes) => Reduce(ReductionKind.Mean, axes, false);

    /// <summary>Largest over axes (all when none are given), which vanish.</summary>
    public Tensor Max(params int[] axes) => Reduce(ReductionKind.Maximum, axes, false);

    /// <summary>Smallest over axes (all when none are given), which vanish.</summary>
    public Tensor Min(params int[] axes) => Reduce(ReductionKind.Minimum, axes, false);

    /// <summary>Standard deviation over axes (all when none are given), which stay with length 1.</summary>
    /// <param name="correction">1 for the unbiased estimate (torch's default), 0 for the population's.</param>
    /// <param name="axes">Which axes.</param>
    public Tensor StandardDeviation(int correction, params int[] axes)
    {
        var centred = this - Reduce(ReductionKind.Mean, axes, true);
        var sum = centred.Square().Reduce(ReductionKind.Sum, axes, true);
        double count = (double)Shape.Count / Math.Max(1, sum.Shape.Count);
        return (sum / (count - correction)).Sqrt();
    }

    /// <summary>Index of the first largest element of an axis, which vanishes; Int64.</summary>
    public Tensor ArgMax(int axis)
    {
        int index = Shape.Axis(axis, "ArgMax");
        if (Shape[index] == 0)
            throw new TensorShapeException($"ArgMax: axis {axis} of {Shape} is empty.");
        var last = MoveToEnd([index]);
        return new Tensor(new ReduceOp(ReductionKind.ArgMax, 1), [last], new Shape(last.Shape.Lengths[..^1]), ElementType.Int64, Device);
    }

    /// <summary>The q-quantile over the last axis, which vanishes; linear between order statistics (torch.quantile).</summary>
    public Tensor Quantile(double q)
    {
        if (Rank < 1 || Shape[-1] < 1 || q is not (>= 0 and <= 1))
            throw new TensorShapeException($"Quantile: expected q within 0 … 1 and a last axis that isn't empty; got q = {q}, {Shape}.");
        return new Tensor(new QuantileOp(q), [this], new Shape(Shape.Lengths[..^1]), Promote(ElementType), Device);
    }

    /// <summary>Combines the elements of axes.</summary>
    /// <param name="kind">How.</param>
    /// <param name="axes">Which; all when empty.</param>
    /// <param name="keepAxes">Keep them with length 1.</param>
    public Tensor Reduce(ReductionKind kind, int[] axes, bool keepAxes)
    {
        ArgumentNullException.ThrowIfNull(axes);
        if (kind == ReductionKind.ArgMax)
            throw new NotSupportedException("Tensor.Reduce: use ArgMax(axis).");
        int[] reduced = axes.Length == 0 ? [.. Enumerable.Range(0, Rank)] : [.. axes.Select(a => Shape.Axis(a, kind.ToString())).Distinct().Order()];
        var last = MoveToEnd(reduced);
        var result = reduced.Length == 0 ? Cast(Promote(ElementType))
            : new Tensor(new ReduceOp(kind, reduced.Length), [last], new Shape(last.Shape.Lengths[..^reduced.Length]), Promote(ElementType), Device);
        if (!keepAxes)
            return result;
        var kept = Shape.Lengths.ToArray();
        foreach (int axis in reduced)
            kept[axis] = 1;
        return result.Reshape(new Shape([.. kept]));
    }

    private Tensor MoveToEnd(int[] axes) => Permute([.. Enumerable.Range(0, Rank).Except(axes), .. axes]);
}
