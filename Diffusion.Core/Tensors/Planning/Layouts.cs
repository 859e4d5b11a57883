using System.Collections.Immutable;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>Views as arithmetic on layouts.</summary>
internal static class Layouts
{
    public static Layout Permute(this Layout layout, ReadOnlySpan<int> axes)
    {
        var shape = ImmutableArray.CreateBuilder<int>(axes.Length);
        var strides = ImmutableArray.CreateBuilder<long>(axes.Length);
        foreach (int axis in axes)
        {
            shape.Add(layout.Shape[axis]);
            strides.Add(layout.Strides[axis]);
        }
        return new Layout(layout.Type, shape.MoveToImmutable(), strides.MoveToImmutable());
    }

    public static Layout PermuteBack(this Layout layout, ReadOnlySpan<int> axes)
    {
        Span<int> inverse = stackalloc int[axes.Length];
        for (int i = 0; i < axes.Length; i++)
            inverse[axes[i]] = i;
        return layout.Permute(inverse);
    }

    public static Layout Expand(this Layout layout, ImmutableArray<int> shape)
    {
        var strides = layout.Strides.ToArray();
        for (int i = 0; i < strides.Length; i++)
        {
            if (layout.Shape[i] != shape[i])
                strides[i] = 0;
        }
        return new Layout(layout.Type, shape, ImmutableArray.Create(strides));
    }

    /// <summary>The layout under another shape with the same elements in row-major order, or none when strides can't say it.</summary>
    public static Layout? Reshape(this Layout layout, ImmutableArray<int> shape)
    {
        if (layout.Shape.AsSpan().SequenceEqual(shape.AsSpan()))
            return layout;
        if (layout.Count == 0 || layout.Rank == 0)
            return layout with { Shape = shape, Strides = Layout.Contiguous(layout.Type, shape).Strides };
        var strides = new long[shape.Length];
        int target = shape.Length - 1;
        long chunkStride = layout.Strides[^1], chunk = 1, filled = 1;
        for (int axis = layout.Rank - 1; axis >= 0; axis--)
        {
            chunk *= layout.Shape[axis];
            bool ends = axis == 0 || (layout.Shape[axis - 1] != 1 && layout.Strides[axis - 1] != chunk * chunkStride);
            if (!ends)
                continue;
            // A run of axes that step evenly: fill target axes until the run is used up.
            while (target >= 0 && (filled < chunk || shape[target] == 1))
            {
                strides[target] = filled * chunkStride;
                filled *= shape[target];
                target--;
            }
            if (filled != chunk)
                return null;
            if (axis > 0)
            {
                chunkStride = layout.Strides[axis - 1];
                chunk = 1;
                filled = 1;
            }
        }
        return target >= 0 ? null : new Layout(layout.Type, shape, ImmutableArray.Create(strides));
    }

    /// <summary>A dense layout whose axes lie in memory in the same order as the given one's.</summary>
    public static Layout DenseLike(this Layout layout, ElementType type)
    {
        int rank = layout.Rank;
        var order = Enumerable.Range(0, rank).OrderByDescending(i => layout.Shape[i] == 1 ? long.MaxValue : layout.Strides[i]).ThenBy(i => i).ToArray();
        var strides = new long[rank];
        long stride = 1;
        for (int i = rank - 1; i >= 0; i--)
        {
            strides[order[i]] = stride;
            stride *= layout.Shape[order[i]];
        }
        return new Layout(type, layout.Shape, ImmutableArray.Create(strides));
    }

    /// <summary>Dense with the channels (axis 1) innermost: N,C,H,W lies as N,H,W,C.</summary>
    public static Layout ChannelsLast(ElementType type, Shape shape)
    {
        int[] order = [0, .. Enumerable.Range(2, shape.Rank - 2), 1];
        return Layout.Contiguous(type, (ImmutableArray<int>)[.. order.Select(i => shape.Lengths[i])]).PermuteBack(order);
    }

    /// <summary>Whether every element has its own place (no axis is repeated).</summary>
    public static bool IsFull(this Layout layout)
    {
        for (int i = 0; i < layout.Rank; i++)
        {
            if (layout.Shape[i] > 1 && layout.Strides[i] == 0)
                return false;
        }
        return true;
    }

    /// <summary>The view that a node makes of its input's layout, or none when it takes a copy.</summary>
    public static (Layout Layout, long Offset)? View(PlanNode node, Layout input) => node.Op switch
    {
        PermuteOp permute => (input.Permute(permute.Axes.AsSpan()), 0),
        ExpandOp => (input.Expand(node.Shape.Lengths), 0),
        SliceOp slice => (new Layout(input.Type, node.Shape.Lengths, input.Strides.SetItem(slice.Axis, input.Strides[slice.Axis] * slice.Step)),
            slice.Start * input.Strides[slice.Axis]),
        ReshapeOp => input.Reshape(node.Shape.Lengths) is { } reshaped ? (reshaped, 0) : null,
        _ => throw new InvalidOperationException($"{node.Op.Name} isn't a view."),
    };

    /// <summary>The same view backwards: a layout in the view's shape, seen in the shape of the view's input.</summary>
    public static Layout? ViewBack(PlanNode view, Layout layout) => view.Op switch
    {
        PermuteOp permute => layout.PermuteBack(permute.Axes.AsSpan()),
        ReshapeOp => layout.Reshape(view.Inputs[0].Shape.Lengths),
        _ => null,
    };
}
