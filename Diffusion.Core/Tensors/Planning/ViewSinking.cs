using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>
/// Moves views that stand between two chains of elementwise operations before the first chain: view(f(x, y)) becomes
/// f(view(x), view(y)). Then both chains are one, and run in the epilogue of the kernel that makes x. That is how a
/// transformer's last layer with its bias takes the residual of the image around it. Done only behind such a kernel, where it
/// saves a pass over memory.
/// </summary>
internal static class ViewSinking
{
    // Deep enough for every epilogue worth having.
    private const int MaximumDepth = 16;

    /// <summary>The graph with views moved; the same lists when there are none to move.</summary>
    public static (List<PlanNode> Nodes, PlanNode[] Roots) Rewrite(List<PlanNode> nodes, PlanNode[] roots)
    {
        var sunk = Sunk(nodes);
        return sunk.Count == 0 ? (nodes, roots) : new Rewriter(sunk).Rewrite(nodes, roots);
    }

    // The operations before movable views, and those views.
    private static HashSet<PlanNode> Sunk(List<PlanNode> nodes)
    {
        var sunk = new HashSet<PlanNode>();
        foreach (var node in nodes)
        {
            if (!IsMovable(node) || node.Consumers.Count == 0 || !node.Consumers.All(c => c.IsElementwise))
                continue;
            var run = new List<PlanNode> { node };
            var source = node.Inputs[0];
            while (IsMovable(source) && source.Consumers.Count == 1)
            {
                run.Add(source);
                source = source.Inputs[0];
            }
            if (!LeadsToKernel(source, 0))
                continue;
            sunk.UnionWith(run);
            Collect(source, sunk, 0);
        }
        return sunk;
    }

    private static void Collect(PlanNode node, HashSet<PlanNode> sunk, int depth)
    {
        if (depth == MaximumDepth || !IsInner(node) || !sunk.Add(node))
            return;
        foreach (var input in node.Inputs)
            Collect(input, sunk, depth + 1);
    }

    private static bool IsMovable(PlanNode node) => node.Op is ReshapeOp or PermuteOp && !node.IsRoot;

    // An elementwise operation that only its one user needs.
    private static bool IsInner(PlanNode node) => node.IsElementwise && !node.IsRoot && node.Consumers.Count == 1 && node.Type.IsFloat();

    private static bool LeadsToKernel(PlanNode node, int depth)
    {
        if (depth == MaximumDepth || !IsInner(node))
            return false;
        foreach (var input in node.Inputs)
        {
            var source = input;
            while (IsMovable(source) && source.Consumers.Count == 1)
                source = source.Inputs[0];
            if ((source.HasEpilogue && source.Consumers.Count == 1 && !source.IsRoot) || LeadsToKernel(source, depth + 1))
                return true;
        }
        return false;
    }

    private sealed class Rewriter(HashSet<PlanNode> sunk)
    {
        private readonly List<PlanNode> made = [];
        private readonly Dictionary<PlanNode, PlanNode> images = [];
        private readonly Dictionary<(PlanNode Node, PlanNode First, PlanNode Last), PlanNode> moved = [];

        public (List<PlanNode> Nodes, PlanNode[] Roots) Rewrite(List<PlanNode> nodes, PlanNode[] roots)
        {
            foreach (var node in nodes)
            {
                if (!sunk.Contains(node))
                    images.Add(node, Make(node, node.Inputs.Select(Image), node.Shape));
            }
            foreach (var root in roots)
                images[root].IsRoot = true;
            return (made, [.. roots.Select(r => images[r])]);
        }

        // Of a moved view: what it shows, with the operations after it.
        private PlanNode Image(PlanNode node)
        {
            if (!images.TryGetValue(node, out var image))
            {
                var (run, source) = Run(node);
                images.Add(node, image = Through(run, source));
            }
            return image;
        }

        private (List<PlanNode> Views, PlanNode Source) Run(PlanNode last)
        {
            var views = new List<PlanNode>();
            var source = last;
            while (source.Op.IsView && sunk.Contains(source))
            {
                views.Insert(0, source);
                source = source.Inputs[0];
            }
            return (views, source);
        }

        // The node seen through views.
        private PlanNode Through(List<PlanNode> views, PlanNode node)
        {
            var key = (node, views[0], views[^1]);
            if (moved.TryGetValue(key, out var known))
                return known;
            PlanNode result;
            if (node.IsConstant)
            {
                result = Make(node, [], views[^1].Shape);
            }
            else if (sunk.Contains(node) && node.IsElementwise)
            {
                result = Make(node, node.Inputs.Select(i => Through(views, i)).ToArray(), views[^1].Shape);
            }
            else if (sunk.Contains(node) && node.Consumers.Count == 1)
            {
                var (run, source) = Run(node);
                result = Through([.. run, .. views], source);
            }
            else
            {
                result = Image(node);
                foreach (var view in views)
                    result = Make(view, [result], view.Shape);
            }
            moved.Add(key, result);
            return result;
        }

        private PlanNode Make(PlanNode like, IEnumerable<PlanNode> inputs, Shape shape)
        {
            PlanNode[] from = [.. inputs];
            // A view takes its input's type, everything else keeps its own.
            var node = new PlanNode(made.Count, like.Op, from, shape, like.Op.IsView ? from[0].Type : like.Type)
            {
                Leaf = like.Leaf,
                LeafLayout = like.LeafLayout,
                LeafConstant = like.LeafConstant,
                Scalar = like.Scalar,
            };
            made.Add(node);
            foreach (var input in from.Distinct())
                input.Consumers.Add(node);
            return node;
        }
    }
}
