using System.Collections.Immutable;
using Diffusion.Core.Tensors.Graph;

namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>The same elements in row-major order under another shape; one length may be −1 and is worked out.</summary>
    public Tensor Reshape(params int[] lengths)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        int unknown = Array.IndexOf(lengths, -1);
        if (unknown >= 0)
        {
            long known = 1;
            for (int i = 0; i < lengths.Length; i++)
                known *= i == unknown ? 1 : lengths[i];
            if (known <= 0 || Shape.Count % known != 0)
                throw new TensorShapeException($"Reshape: {Shape} with {Shape.Count} elements doesn't divide into [{string.Join(", ", lengths)}].");
            lengths = [.. lengths];
            lengths[unknown] = checked((int)(Shape.Count / known));
        }
        return Reshape(new Shape([.. lengths]));
    }

    /// <summary>The same elements in row-major order under another shape.</summary>
    public Tensor Reshape(Shape shape)
    {
        if (shape.Count != Shape.Count)
            throw new TensorShapeException($"Reshape: {Shape} has {Shape.Count} elements, {shape} has {shape.Count}.");
        return shape == Shape ? this : new(new ReshapeOp(), [this], shape, ElementType, Device);
    }

    /// <summary>Axes in another order: axis i of the result is axis <paramref name="axes"/>[i] of this.</summary>
    public Tensor Permute(params int[] axes)
    {
        ArgumentNullException.ThrowIfNull(axes);
        var order = axes.Select(a => Shape.Axis(a, "Permute")).ToImmutableArray();
        if (order.Length != Rank || order.Distinct().Count() != Rank)
            throw new TensorShapeException($"Permute: [{string.Join(", ", axes)}] isn't an order of the {Rank} axes of {Shape}.");
        if (order.SequenceEqual(Enumerable.Range(0, Rank)))
            return this;
        return new Tensor(new PermuteOp(order), [this], new Shape([.. order.Select(a => Shape[a])]), ElementType, Device);
    }

    /// <summary>Two axes exchanged.</summary>
    public Tensor Transpose(int axis1 = -2, int axis2 = -1)
    {
        var order = Enumerable.Range(0, Rank).ToArray();
        int a = Shape.Axis(axis1, "Transpose"), b = Shape.Axis(axis2, "Transpose");
        (order[a], order[b]) = (b, a);
        return Permute(order);
    }

    /// <summary>Repeats axes of length 1, and adds axes in front, so that the shape becomes <paramref name="shape"/>.</summary>
    public Tensor Expand(Shape shape)
    {
        if (shape == Shape)
            return this;
        if (Shape.Broadcast(Shape, shape, "Expand") != shape)
            throw new TensorShapeException($"Expand: {Shape} doesn't broadcast to {shape}.");
        // A constant takes no memory in any shape.
        if (Expression is { Op: ConstantOp constant })
            return new Tensor(constant, [], shape, ElementType, Device);
        var aligned = Rank == shape.Rank ? this : Reshape(new Shape([.. Enumerable.Repeat(1, shape.Rank - Rank), .. Shape.Lengths]));
        return aligned.Shape == shape ? aligned : new(new ExpandOp(), [aligned], shape, ElementType, Device);
    }

    /// <summary>Part of one axis: <paramref name="length"/> elements from <paramref name="start"/> on, every <paramref name="step"/>-th.</summary>
    public Tensor Slice(int axis, int start, int length, int step = 1)
    {
        int index = Shape.Axis(axis, "Slice"), available = Shape[index];
        if (start < 0 || length < 0 || step < 1 || (length > 0 && start + (long)(length - 1) * step >= available) || start > available)
            throw new TensorShapeException($"Slice: {length} elements from {start} by {step} don't lie within axis {axis} of {Shape}.");
        return start == 0 && length == available ? this
            : new(new SliceOp(index, start, step), [this], Shape.With(index, length), ElementType, Device);
    }

    /// <summary>Equal parts along an axis.</summary>
    public Tensor[] Chunk(int parts, int axis)
    {
        int index = Shape.Axis(axis, "Chunk"), length = Shape[index];
        if (parts < 1 || length % parts != 0)
            throw new TensorShapeException($"Chunk: axis {axis} of {Shape} doesn't divide into {parts} equal parts.");
        int each = length / parts;
        return [.. Enumerable.Range(0, parts).Select(i => Slice(index, i * each, each))];
    }

    /// <summary>A new axis of length 1 before <paramref name="axis"/>.</summary>
    public Tensor Unsqueeze(int axis)
    {
        int index = axis < 0 ? axis + Rank + 1 : axis;
        if ((uint)index > (uint)Rank)
            throw new TensorShapeException($"Unsqueeze: axis {axis} can't be put into {Shape}.");
        return Reshape(new Shape(Shape.Lengths.Insert(index, 1)));
    }

    /// <summary>Drops an axis of length 1.</summary>
    public Tensor Squeeze(int axis)
    {
        int index = Shape.Axis(axis, "Squeeze");
        if (Shape[index] != 1)
            throw new TensorShapeException($"Squeeze: axis {axis} of {Shape} has length {Shape[index]}, expected 1.");
        return Reshape(new Shape(Shape.Lengths.RemoveAt(index)));
    }

    /// <summary>All axes from <paramref name="first"/> to <paramref name="last"/> made one.</summary>
    public Tensor Flatten(int first = 0, int last = -1)
    {
        if (Rank == 0 && first is 0 or -1 && last is 0 or -1)
            return Reshape(Shape.Of(1));
        int a = Shape.Axis(first, "Flatten"), b = Shape.Axis(last, "Flatten");
        if (a > b)
            throw new TensorShapeException($"Flatten: axis {first} comes after axis {last} in {Shape}.");
        int joined = checked((int)Shape.Lengths[a..(b + 1)].Aggregate(1L, (p, n) => p * n));
        return Reshape(new Shape([.. Shape.Lengths[..a], joined, .. Shape.Lengths[(b + 1)..]]));
    }

    /// <summary>Tensors one after another along an axis; the other axes are equal.</summary>
    public static Tensor Concat(int axis, params Tensor[] tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (tensors.Length == 0)
            throw new TensorShapeException("Concat: no tensors were given; expected at least one.");
        if (tensors.Length == 1)
            return tensors[0];
        RequireSameDevice("Concat", tensors);
        int index = tensors[0].Shape.Axis(axis, "Concat");
        int length = 0;
        foreach (var t in tensors)
        {
            if (t.Rank != tensors[0].Rank || t.ElementType != tensors[0].ElementType || t.Shape.With(index, 0) != tensors[0].Shape.With(index, 0))
                throw new TensorShapeException($"Concat: {t.ElementType}{t.Shape} doesn't fit {tensors[0].ElementType}{tensors[0].Shape} along axis {axis}.");
            length = checked(length + t.Shape[index]);
        }
        return new Tensor(new ConcatOp(index), [.. tensors], tensors[0].Shape.With(index, length), tensors[0].ElementType, tensors[0].Device);
    }

    /// <summary>Tensors of one shape as the parts of a new axis.</summary>
    public static Tensor Stack(int axis, params Tensor[] tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        return Concat(axis, [.. tensors.Select(t => t.Unsqueeze(axis))]);
    }

    /// <summary>The whole tensor repeated along each axis.</summary>
    public Tensor Repeat(params int[] times)
    {
        ArgumentNullException.ThrowIfNull(times);
        if (times.Length != Rank || times.Any(t => t < 0))
            throw new TensorShapeException($"Repeat: expected one number ≥ 0 for each of the {Rank} axes of {Shape}; got [{string.Join(", ", times)}].");
        var result = this;
        for (int axis = 0; axis < Rank; axis++)
        {
            if (times[axis] != 1)
                result = times[axis] == 0 ? result.Slice(axis, 0, 0) : Concat(axis, [.. Enumerable.Repeat(result, times[axis])]);
        }
        return result;
    }

    /// <summary>Adds <paramref name="value"/> before and after an axis.</summary>
    public Tensor Pad(int axis, int before, int after, double value = 0)
    {
        int index = Shape.Axis(axis, "Pad");
        if (before < 0 || after < 0)
            throw new TensorShapeException($"Pad: padding is at least 0; got {before} and {after}. Use Slice to cut.");
        Tensor Filled(int length) => Full(value, Shape.With(index, length), ElementType, Device);
        var parts = new List<Tensor>();
        if (before > 0)
            parts.Add(Filled(before));
        parts.Add(this);
        if (after > 0)
            parts.Add(Filled(after));
        return Concat(index, [.. parts]);
    }

    /// <summary>Picks elements along an axis by their index (rank 1, Int32 or Int64).</summary>
    public Tensor Gather(int axis, Tensor index)
    {
        ArgumentNullException.ThrowIfNull(index);
        RequireSameDevice("Gather", this, index);
        int at = Shape.Axis(axis, "Gather");
        if (index.Rank != 1 || index.ElementType is not (Kernels.ElementType.Int32 or Kernels.ElementType.Int64))
            throw new TensorShapeException($"Gather: the index must be Int32 or Int64 of rank 1; got {index.ElementType}{index.Shape}.");
        return new Tensor(new GatherOp(at), [this, index], Shape.With(at, index.Shape[0]), ElementType, Device);
    }

    /// <summary>Rows of this table for integer ids of any shape: [V, D] and […] give […, D].</summary>
    public Tensor Embed(Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (Rank != 2)
            throw new TensorShapeException($"Embed: the table must be [entries, size]; got {Shape}.");
        return Gather(0, ids.Flatten()).Reshape(new Shape([.. ids.Shape.Lengths, Shape[1]]));
    }

    /// <summary>The same values, laid out row-major in memory.</summary>
    public Tensor Contiguous() => new(new ContiguousOp(), [this], Shape, ElementType, Device);
}
