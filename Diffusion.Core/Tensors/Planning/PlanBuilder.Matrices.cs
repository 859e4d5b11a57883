using System.Collections.Immutable;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

internal sealed partial class PlanBuilder
{
    /// <summary>An epilogue ready to be given to a kernel.</summary>
    private sealed record Guest(GroupProgram Program, Epilogue Epilogue, ImmutableArray<Value> Operands, ElementType Type);

    /// <summary>
    /// Expresses a group as the epilogue of its host: every operand's layout is brought back through the views to the host's
    /// shape and then to the kernel's. None when some layout can't be.
    /// </summary>
    private Guest? ToEpilogue(PlanNode host, ElementwiseGroup? group, Func<Layout, Layout?> toKernel)
    {
        if (group is null)
            return new Guest(GroupProgram.None, Epilogue.None, [], host.Type);
        var result = group.HostViews.Count > 0 ? group.HostViews[^1] : host;
        var program = GroupProgram.Of(group, result);
        var operands = ImmutableArray.CreateBuilder<Value>();
        var layouts = ImmutableArray.CreateBuilder<Layout>();
        foreach (var input in program.Inputs)
        {
            var value = ValueOf(input);
            Layout? layout = value.Layout;
            for (int i = group.HostViews.Count - 1; i >= 0 && layout is not null; i--)
                layout = Layouts.ViewBack(group.HostViews[i], layout);
            layout = layout is null ? null : toKernel(layout);
            if (layout is null)
                return null;
            operands.Add(value);
            layouts.Add(layout);
        }
        // The result must be seen through the views without a copy.
        return new Guest(program, new Epilogue(program.Program, layouts.ToImmutable()), operands.ToImmutable(), group.Root.Type);
    }

    /// <summary>The host's result, laid out as given in the host's shape, seen in the group's shape; none when a view needs a copy.</summary>
    private static Layout? ThroughViews(ElementwiseGroup? group, Layout layout)
    {
        Layout? seen = layout;
        foreach (var view in group?.HostViews ?? [])
            seen = seen is null ? null : Layouts.View(view, seen)?.Layout;
        return seen;
    }

    /// <summary>Emits a kernel with its epilogue and notes where the result is. False when the epilogue doesn't fit.</summary>
    private bool EmitHosted(
        PlanNode node, ElementwiseGroup? group, Layout natural, Func<Layout, Layout?> toKernel, ImmutableArray<Value> operands, Func<Epilogue, Layout, KernelSpec> spec)
    {
        if (ToEpilogue(node, group, toKernel) is not { } guest)
            return false;
        natural = natural with { Type = guest.Type };
        if (ThroughViews(group, natural) is not { } seen || toKernel(natural) is not { } kernelOutput)
            return false;
        var output = NewValue(natural);
        Emit(spec(guest.Epilogue, kernelOutput), [.. operands, .. guest.Operands, output], group?.Root ?? node, guest.Program.Scalars,
            group is null ? [] : group.Members.Select(m => m.Op.Name));
        if (group is null)
            node.Value = output;
        else
            group.Root.Value = output with { Layout = seen };
        return true;
    }

    private bool EmitMatMul(PlanNode node, ElementwiseGroup? guest)
    {
        var (a, b) = (ValueOf(node.Inputs[0]), ValueOf(node.Inputs[1]));
        int m = a.Layout.Shape[^2], k = a.Layout.Shape[^1], n = b.Layout.Shape[^1];
        var natural = Layout.Contiguous(node.Type, node.Shape.Lengths);
        if (b.Layout.Rank == 2)
        {
            int rows = Rows(node.Shape).Rows;
            bool constant = IsConstantLeaf(b);
            var right = b with { Layout = b.Layout.Reshape([1, k, n])! };
            var left = a.Layout.Reshape([1, rows, k]) is { } collapsed ? a with { Layout = collapsed } : null;
            left ??= RowMajor(node.Inputs[0], a) is var dense ? dense with { Layout = dense.Layout.Reshape([1, rows, k])! } : null;
            return EmitHosted(node, guest, natural, l => l.Reshape([1, rows, n]), [left!, right],
                (epilogue, output) => new GemmSpec(left!.Layout, right.Layout, output, constant) { After = epilogue });
        }
        int batch = 1;
        foreach (int length in node.Shape.Lengths[..^2])
            batch = checked(batch * length);
        var first = Collapsed(node.Inputs[0], a, [batch, m, k]);
        var second = Collapsed(node.Inputs[1], b, [batch, k, n]);
        return EmitHosted(node, guest, natural, l => l.Reshape([batch, m, n]), [first, second],
            (epilogue, output) => new GemmSpec(first.Layout, second.Layout, output, IsConstantLeaf(second)) { After = epilogue });
    }

    private bool EmitPairedProduct(PlanNode node, ElementwiseGroup? guest)
    {
        var (a, b) = (ValueOf(node.Inputs[0]), ValueOf(node.Inputs[1]));
        int k = a.Layout.Shape[^1], n = node.Shape[-1], rows = n == 0 ? 0 : checked((int)(node.Shape.Count / n));
        var left = Collapsed(node.Inputs[0], a, [1, rows, k]);
        var right = b with { Layout = b.Layout.Reshape([1, k, 2 * n])! };
        bool constant = IsConstantLeaf(b);
        if (guest is not null)
        {
            return EmitHosted(node, guest, Layout.Contiguous(node.Type, node.Shape.Lengths), l => l.Reshape([1, rows, n]), [left, right],
                (epilogue, output) => new GemmSpec(left.Layout, right.Layout, output, constant, Paired: true) { After = epilogue });
        }
        // Nobody takes both halves at once after all: the wide product, and two views of it.
        var wide = NewValue(Layout.Contiguous(node.Type, node.Shape.With(-1, 2 * n).Lengths));
        Emit(new GemmSpec(left.Layout, right.Layout, wide.Layout.Reshape([1, rows, 2 * n])!, constant), [left, right, wide], node, [], []);
        var half = wide.Layout with { Shape = node.Shape.Lengths };
        node.Value = wide with { Layout = half };
        node.Consumers.First(c => c.Op is PairedHalfOp).Value = wide with { Offset = wide.Offset + n, Layout = half };
        return true;
    }

    private bool EmitQuantizedProduct(PlanNode node, QuantizedProductOp op, ElementwiseGroup? guest)
    {
        int n = node.Shape[-1], rows = Rows(node.Shape).Rows;
        var x = Collapsed(node.Inputs[0], ValueOf(node.Inputs[0]), [1, rows, op.Inputs]);
        var (w, scales) = (RowMajor(node.Inputs[1], ValueOf(node.Inputs[1])), RowMajor(node.Inputs[2], ValueOf(node.Inputs[2])));
        return EmitHosted(node, guest, Layout.Contiguous(node.Type, node.Shape.Lengths), l => l.Reshape([1, rows, n]), [x, w, scales],
            (epilogue, output) => new QuantizedGemmSpec(x.Layout, w.Layout, scales.Layout, output, op.GroupSize, op.RoundsActivations) { After = epilogue });
    }

    private Value Collapsed(PlanNode node, Value value, ImmutableArray<int> shape)
    {
        if (value.Layout.Reshape(shape) is { } layout)
            return value with { Layout = layout };
        var dense = RowMajor(node, value);
        return dense with { Layout = dense.Layout.Reshape(shape)! };
    }

    private void EmitAttention(PlanNode node, AttentionOp attention)
    {
        var operands = node.Inputs.Select(ValueOf).ToImmutableArray();
        // Tokens outside heads, so that joining the heads again costs nothing.
        int[] order = [0, 2, 1, 3];
        var layout = Layout.Contiguous(node.Type, (ImmutableArray<int>)[.. order.Select(i => node.Shape.Lengths[i])]).PermuteBack(order);
        var output = NewValue(layout);
        var spec = new AttentionSpec(operands[0].Layout, operands[1].Layout, operands[2].Layout, layout, attention.Scale)
        {
            Causal = attention.Causal,
            Mask = operands.Length > 3 ? [operands[3].Layout] : [],
        };
        Emit(spec, [.. operands, output], node, [], []);
        node.Value = output;
    }
}
