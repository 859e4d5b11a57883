using System.Collections.Immutable;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

internal sealed partial class PlanBuilder
{
    private static readonly int[] ToChannelsLast = [0, 2, 3, 1];

    private bool EmitConvolution(PlanNode node, ConvolutionOp op, ElementwiseGroup? guest)
    {
        var source = node.Inputs[0];
        int upsample = 1;
        if (source.Inlined)
        {
            upsample = Fusion.UpsamplingFactor(source);
            source = source.Inputs[0];
        }
        var x = ChannelsLast(source);
        var w = ValueOf(node.Inputs[1]);
        bool constant = IsConstantLeaf(w);
        var natural = Layouts.ChannelsLast(node.Type, node.Shape);
        return EmitHosted(node, guest, natural, l => l.Permute(ToChannelsLast), [x, w], (epilogue, output) => new ConvolutionSpec(x.Layout, w.Layout, output)
        {
            Stride = op.Stride,
            Padding = op.Padding,
            Dilation = op.Dilation,
            InputDilation = op.InputDilation,
            Upsample = upsample,
            Groups = op.Groups,
            ConstantW = constant,
            After = epilogue,
        });
    }

    // [N,H,W,C] with the channels innermost; few channels are read as they lie.
    private Value ChannelsLast(PlanNode node)
    {
        var value = ValueOf(node);
        bool innermost = value.Layout.Strides[1] == 1 || value.Layout.Shape[1] <= 4;
        if (!innermost)
            value = CopyOnce(node, value, Layouts.ChannelsLast(value.Layout.Type, node.Shape), "channels-last");
        return value with { Layout = value.Layout.Permute(ToChannelsLast) };
    }

    private bool EmitGroupNorm(PlanNode node, GroupNormOp op, ElementwiseGroup? guest)
    {
        int rank = node.Shape.Rank, n = node.Shape[0], c = node.Shape[1];
        int positions = 1;
        foreach (int length in node.Shape.Lengths[2..])
            positions = checked(positions * length);
        int[] order = [0, .. Enumerable.Range(2, rank - 2), 1];
        Layout? ToKernel(Layout layout) => layout.Permute(order).Reshape([n, positions, c]);

        var value = ValueOf(node.Inputs[0]);
        if (ToKernel(value.Layout) is not { } collapsed)
        {
            value = CopyOnce(node.Inputs[0], value, Layouts.ChannelsLast(value.Layout.Type, node.Shape), "channels-last");
            collapsed = ToKernel(value.Layout)!;
        }
        var x = value with { Layout = collapsed };
        var affine = node.Inputs.Skip(1).Select(ValueOf).ToImmutableArray();
        return EmitHosted(node, guest, Layouts.ChannelsLast(node.Type, node.Shape), ToKernel, [x, .. affine],
            (epilogue, output) => new GroupNormSpec(x.Layout, output, op.Groups, op.Epsilon) { Affine = [.. affine.Select(v => v.Layout)], After = epilogue });
    }

    private void EmitResample(PlanNode node, ResampleOp op)
    {
        var x = ChannelsLast(node.Inputs[0]);
        var output = NewValue(Layouts.ChannelsLast(node.Type, node.Shape));
        Emit(new ResamplingSpec(op.Mode, x.Layout, output.Layout.Permute(ToChannelsLast)) { AlignCorners = op.AlignCorners, AntiAlias = op.AntiAlias, ScaleFactor = op.ScaleFactor },
            [x, output], node, [], []);
        node.Value = output;
    }

    private void EmitPool(PlanNode node, PoolOp op)
    {
        var x = ChannelsLast(node.Inputs[0]);
        var output = NewValue(Layouts.ChannelsLast(node.Type, node.Shape));
        Emit(new PoolingSpec(op.Kind, x.Layout, output.Layout.Permute(ToChannelsLast), op.Window, op.Stride) { Padding = op.Padding }, [x, output], node, [], []);
        node.Value = output;
    }

    private void EmitConcat(PlanNode node, ConcatOp op)
    {
        var inputs = node.Inputs.Select(i => i.IsConstant ? null : ValueOf(i)).ToArray();
        var model = inputs.FirstOrDefault(v => v is { Layout.Count: > 0 } && v.Layout.IsFull());
        var order = model is null ? Layout.Contiguous(node.Type, node.Shape.Lengths) : model.Layout.DenseLike(node.Type);
        // The same order of axes in memory, for the joined shape.
        int[] axes = [.. Enumerable.Range(0, node.Shape.Rank).OrderByDescending(i => order.Shape[i] == 1 ? long.MaxValue : order.Strides[i]).ThenBy(i => i)];
        var whole = NewValue(Layout.Contiguous(node.Type, (ImmutableArray<int>)[.. axes.Select(i => node.Shape.Lengths[i])]).PermuteBack(axes));
        long at = 0;
        for (int i = 0; i < inputs.Length; i++)
        {
            var shape = node.Inputs[i].Shape.Lengths;
            var part = new Value(whole.Region, at * whole.Layout.Strides[op.Axis], whole.Layout with { Shape = shape });
            if (inputs[i] is { } value)
                CopyInto(value, part, node, "concat");
            else
                Emit(new ElementwiseSpec(new ElementwiseProgram(0, [new Instruction(ElementwiseOp.Scalar)]), [], part.Layout), [part], node, [node.Inputs[i].Scalar], [], "fill");
            at += shape[op.Axis];
        }
        node.Value = whole;
    }
}
