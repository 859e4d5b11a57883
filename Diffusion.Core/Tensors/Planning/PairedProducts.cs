using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>A product whose columns n and n + N are wanted together; its node stands for the first half.</summary>
internal sealed record PairedProductOp : Primitive;

/// <summary>The second half of a <see cref="PairedProductOp"/>, its only input.</summary>
internal sealed record PairedHalfOp : Primitive;

/// <summary>
/// Finds linear layers whose result is only ever read as two halves (GEGLU: value and gate) and makes them paired products, so
/// that both halves meet in one epilogue and the wide result is never stored.
/// </summary>
internal static class PairedProducts
{
    public static List<PlanNode> Rewrite(List<PlanNode> nodes)
    {
        var replaced = new Dictionary<PlanNode, PlanNode>();
        var dropped = new HashSet<PlanNode>();
        var added = new List<PlanNode>();
        foreach (var node in nodes)
        {
            if (node.Op is MatMulOp && node.Inputs[1].Shape.Rank == 2)
                Pair(node, replaced, dropped, added);
        }
        if (added.Count == 0)
            return nodes;
        foreach (var node in nodes)
        {
            for (int i = 0; i < node.Inputs.Length; i++)
            {
                if (replaced.TryGetValue(node.Inputs[i], out var other))
                    node.Inputs[i] = other;
            }
        }
        return [.. nodes.Where(n => !dropped.Contains(n)).Concat(added).OrderBy(n => n.Id)];
    }

    private static void Pair(PlanNode product, Dictionary<PlanNode, PlanNode> replaced, HashSet<PlanNode> dropped, List<PlanNode> added)
    {
        // The halves are taken of the product or of the product plus bias.
        var whole = product;
        PlanNode? bias = null;
        if (!product.IsRoot && product.Consumers is [{ Op: MapOp { Op: ElementwiseOp.Add }, IsRoot: false } sum] && sum.Inputs[0] != sum.Inputs[1] && sum.Shape == product.Shape)
        {
            whole = sum;
            bias = sum.Inputs[0] == product ? sum.Inputs[1] : sum.Inputs[0];
        }
        int axis = whole.Shape.Rank - 1, half = whole.Shape[axis] / 2;
        if (whole.IsRoot || whole.Consumers is not [{ Op: SliceOp } one, { Op: SliceOp } two] || bias is { IsConstant: true } || half * 2 != whole.Shape[axis])
            return;
        bool straight = one.Op is SliceOp { Start: 0 };
        var (first, second) = straight ? (one, two) : (two, one);
        if (!first.Op.Equals(new SliceOp(axis, 0, 1)) || !second.Op.Equals(new SliceOp(axis, half, 1)) || first.Shape != second.Shape || first.Shape[axis] != half
            || first.IsRoot || second.IsRoot || !first.Consumers.Concat(second.Consumers).All(c => c.IsElementwise))
            return;

        var value = new PlanNode(product.Id, new PairedProductOp(), product.Inputs, first.Shape, product.Type);
        var gate = new PlanNode(product.Id, new PairedHalfOp(), [value], first.Shape, product.Type);
        value.Consumers.Add(gate);
        foreach (var input in product.Inputs.Distinct())
            input.Consumers[input.Consumers.IndexOf(product)] = value;
        added.Add(value);
        added.Add(gate);
        dropped.Add(product);
        dropped.Add(first);
        dropped.Add(second);
        if (bias is null)
        {
            value.Consumers.AddRange(first.Consumers);
            gate.Consumers.AddRange(second.Consumers);
            replaced.Add(first, value);
            replaced.Add(second, gate);
            return;
        }
        dropped.Add(whole);
        bias.Consumers.Remove(whole);
        replaced.Add(first, Biased(value, first));
        replaced.Add(second, Biased(gate, second));

        PlanNode Biased(PlanNode result, PlanNode slice)
        {
            var part = new PlanNode(whole.Id, slice.Op, [bias], slice.Shape, bias.Type);
            var biased = new PlanNode(slice.Id, whole.Op, [result, part], slice.Shape, whole.Type);
            bias.Consumers.Add(part);
            part.Consumers.Add(biased);
            result.Consumers.Add(biased);
            biased.Consumers.AddRange(slice.Consumers);
            added.Add(part);
            added.Add(biased);
            return biased;
        }
    }
}
