using Diffusion.Core.Tensors.Graph;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>Turns a captured graph into plan nodes: equal subexpressions become one, views of constants become constants.</summary>
internal static class GraphImport
{
    public static (List<PlanNode> Nodes, PlanNode[] Roots) Import(GraphCapture capture, IReadOnlyList<Tensor> roots)
    {
        var nodes = new List<PlanNode>(capture.Nodes.Count);
        var byIndex = new PlanNode[capture.Nodes.Count];
        var known = new Dictionary<Expressed, PlanNode>();
        int leaf = 0, scalar = 0;
        for (int i = 0; i < byIndex.Length; i++)
        {
            var tensor = capture.Nodes[i];
            if (tensor.Storage is { } storage)
            {
                byIndex[i] = Add(new PlanNode(nodes.Count, LeafMark.Instance, [], tensor.Shape, tensor.ElementType)
                {
                    Leaf = leaf++,
                    LeafLayout = storage.Layout,
                    LeafConstant = storage.Constant,
                });
                continue;
            }
            var expression = tensor.Expression!;
            if (expression.Op is ConstantOp)
            {
                byIndex[i] = Add(new PlanNode(nodes.Count, expression.Op, [], tensor.Shape, tensor.ElementType) { Scalar = scalar++ });
                continue;
            }
            var inputs = new PlanNode[expression.Inputs.Length];
            for (int j = 0; j < inputs.Length; j++)
                inputs[j] = byIndex[expression.Inputs[j].CaptureIndex];
            if (expression.Op is ContiguousOp or { IsView: true } && inputs[0].IsConstant)
            {
                byIndex[i] = Add(new PlanNode(nodes.Count, inputs[0].Op, [], tensor.Shape, tensor.ElementType) { Scalar = inputs[0].Scalar });
                continue;
            }
            var key = new Expressed(expression.Op, inputs, tensor.Shape, tensor.ElementType);
            if (!known.TryGetValue(key, out var node))
            {
                node = Add(new PlanNode(nodes.Count, expression.Op, inputs, tensor.Shape, tensor.ElementType));
                foreach (var input in inputs.Distinct())
                    input.Consumers.Add(node);
                known.Add(key, node);
            }
            byIndex[i] = node;
        }
        var rootNodes = roots.Select(r => byIndex[r.CaptureIndex]).ToArray();
        foreach (var root in rootNodes)
            root.IsRoot = true;
        return (nodes, rootNodes);

        PlanNode Add(PlanNode node)
        {
            nodes.Add(node);
            return node;
        }
    }

    private readonly record struct Expressed(Primitive Op, PlanNode[] Inputs, Shape Shape, Kernels.ElementType Type)
    {
        public bool Equals(Expressed other) =>
            Shape == other.Shape && Type == other.Type && Op.Equals(other.Op) && Inputs.AsSpan().SequenceEqual(other.Inputs);

        public override int GetHashCode()
        {
            var hash = default(HashCode);
            hash.Add(Op);
            foreach (var input in Inputs)
                hash.Add(input.Id);
            return hash.ToHashCode();
        }
    }
}
