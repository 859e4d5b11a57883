using System.Collections.Immutable;
using Diffusion.Core.Tensors.Graph;

namespace Diffusion.Core.Tensors.Gradients;

/// <summary>Rules of operations that move elements without changing them: the cotangent moves back.</summary>
internal static class ViewRules
{
    public static Tensor Permute(PermuteOp op, Tensor g)
    {
        var inverse = new int[op.Axes.Length];
        for (int i = 0; i < inverse.Length; i++)
            inverse[op.Axes[i]] = i;
        return g.Permute(inverse);
    }

    public static Tensor Expand(Tensor x, Tensor g)
    {
        int[] repeated = [.. Enumerable.Range(0, x.Rank).Where(i => x.Shape[i] != g.Shape[i])];
        return repeated.Length == 0 ? g : g.Reduce(Kernels.ReductionKind.Sum, repeated, true);
    }

    public static Tensor Slice(SliceOp op, Tensor x, Tensor g)
    {
        int length = x.Shape[op.Axis], taken = g.Shape[op.Axis];
        if (taken == 0)
            return Tensor.Zeros(x.Shape, g.ElementType, g.Device);
        if (op.Step > 1)
        {
            // Zeros between the elements, then the last ones cut off.
            var spread = g.Unsqueeze(op.Axis + 1).Pad(op.Axis + 1, 0, op.Step - 1);
            g = spread.Reshape(g.Shape.With(op.Axis, taken * op.Step)).Slice(op.Axis, 0, (taken - 1) * op.Step + 1);
        }
        return g.Pad(op.Axis, op.Start, length - op.Start - g.Shape[op.Axis]);
    }

    public static Tensor?[] Concat(ConcatOp op, Tensor[] x, Tensor g)
    {
        var parts = new Tensor?[x.Length];
        int at = 0;
        for (int i = 0; i < x.Length; i++)
        {
            parts[i] = g.Slice(op.Axis, at, x[i].Shape[op.Axis]);
            at += x[i].Shape[op.Axis];
        }
        return parts;
    }

    /// <summary>Rows that were picked several times add up: a product with the 0/1 matrix of who was picked where.</summary>
    public static Tensor Gather(GatherOp op, Tensor x, Tensor index, Tensor g)
    {
        int length = x.Shape[op.Axis], count = index.Shape[0];
        var places = Tensor.FromIntegers([.. Enumerable.Range(0, length).Select(i => (long)i)], Shape.Of(length, 1), g.Device);
        var picked = Tensor.IsEqual(places.Cast(g.ElementType), index.Reshape(1, count).Cast(g.ElementType));
        var last = ImmutableArray.CreateRange(Enumerable.Range(0, x.Rank).Where(i => i != op.Axis)).Add(op.Axis);
        var moved = g.Permute([.. last]);
        var sum = Tensor.MatMul(moved.Reshape(-1, count), picked.Transpose());
        var back = new int[x.Rank];
        for (int i = 0; i < back.Length; i++)
            back[last[i]] = i;
        return sum.Reshape(new Shape(moved.Shape.Lengths.SetItem(x.Rank - 1, length))).Permute(back);
    }
}
