using System.Collections.Immutable;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

internal sealed partial class PlanBuilder
{
    private bool EmitRowNorm(PlanNode node, RowNormOp op, ElementwiseGroup? guest)
    {
        var (rows, columns) = Rows(node.Shape);
        var x = Collapsed(node.Inputs[0], ValueOf(node.Inputs[0]), [rows, columns]);
        var affine = node.Inputs.Skip(1).Select(ValueOf).ToImmutableArray();
        var layouts = affine.Select(v => v.Layout).ToImmutableArray();
        return EmitHosted(node, guest, Layout.Contiguous(node.Type, node.Shape.Lengths), l => l.Reshape([rows, columns]), [x, .. affine],
            (epilogue, output) => new RowNormSpec(op.Kind, x.Layout, output, op.Epsilon)
            {
                Weight = op.HasWeight ? [layouts[0]] : [],
                Bias = op.HasBias ? [layouts[^1]] : [],
                After = epilogue,
            });
    }

    private void EmitSoftmax(PlanNode node)
    {
        var (rows, columns) = Rows(node.Shape);
        var x = Collapsed(node.Inputs[0], ValueOf(node.Inputs[0]), [rows, columns]);
        var output = NewValue(Layout.Contiguous(node.Type, node.Shape.Lengths));
        Emit(new SoftmaxSpec(x.Layout, output.Layout.Reshape([rows, columns])!), [x, output], node, [], []);
        node.Value = output;
    }

    private void EmitQuantile(PlanNode node, QuantileOp op)
    {
        var (rows, columns) = Rows(node.Inputs[0].Shape);
        var x = Collapsed(node.Inputs[0], ValueOf(node.Inputs[0]), [rows, columns]);
        var output = NewValue(Layout.Contiguous(node.Type, node.Shape.Lengths));
        Emit(new QuantileSpec(x.Layout, output.Layout.Reshape([rows])!, op.Q), [x, output], node, [], []);
        node.Value = output;
    }

    private bool EmitReduce(PlanNode node, ReduceOp op, ElementwiseGroup? guest)
    {
        var x = ValueOf(node.Inputs[0]);
        return EmitHosted(node, guest, Layout.Contiguous(node.Type, node.Shape.Lengths), l => l, [x],
            (epilogue, output) => new ReductionSpec(op.Kind, x.Layout, output, op.Axes) { After = epilogue });
    }

    private void EmitGather(PlanNode node, GatherOp op)
    {
        var shape = node.Inputs[0].Shape.Lengths;
        int outer = 1, inner = 1;
        foreach (int length in shape[..op.Axis])
            outer = checked(outer * length);
        foreach (int length in shape[(op.Axis + 1)..])
            inner = checked(inner * length);
        var x = Collapsed(node.Inputs[0], ValueOf(node.Inputs[0]), [outer, shape[op.Axis], inner]);
        var index = ValueOf(node.Inputs[1]);
        var output = NewValue(Layout.Contiguous(node.Type, node.Shape.Lengths));
        Emit(new GatherSpec(x.Layout, index.Layout, output.Layout.Reshape([outer, node.Shape[op.Axis], inner])!), [x, index, output], node, [], []);
        node.Value = output;
    }

    private void EmitRandom(PlanNode node, RandomOp op)
    {
        var state = RowMajor(node.Inputs[0], ValueOf(node.Inputs[0]));
        var output = NewValue(Layout.Contiguous(node.Type, node.Shape.Lengths));
        Emit(new RandomSpec(op.Kind, state.Layout, output.Layout), [state, output], node, [], []);
        node.Value = output;
    }

    private static (int Rows, int Columns) Rows(Shape shape)
    {
        int rows = 1;
        foreach (int length in shape.Lengths[..^1])
            rows = checked(rows * length);
        return (rows, shape[-1]);
    }
}
