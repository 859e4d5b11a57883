using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>
/// Decides what runs together: chains of elementwise operations become groups, a group becomes the epilogue of the kernel
/// that makes one of its inputs, an upsampling becomes part of the convolution that reads it.
/// </summary>
internal static class Fusion
{
    // Beyond this a program's tiles no longer fit the first cache level.
    private const int MaximumMembers = 48;

    // Kernels take a bounded number of operands and scalars; a larger program would fall back to slow ones.
    private const int MaximumInputs = 24;
    private const int MaximumScalars = 60;

    public static void Decide(List<PlanNode> nodes)
    {
        InlineUpsampling(nodes);
        for (int i = nodes.Count - 1; i >= 0; i--)
        {
            if (nodes[i].IsElementwise)
                Group(nodes[i]);
        }
        foreach (var node in nodes)
        {
            if (node.Group is { } group && group.Root == node)
            {
                group.Members.Sort((a, b) => a.Id.CompareTo(b.Id));
                FindHost(group);
            }
        }
    }

    private static void Group(PlanNode node)
    {
        var group = JoinableGroup(node);
        if (group is null)
        {
            node.Group = new ElementwiseGroup(node);
            return;
        }
        node.Group = group;
        group.Members.Add(node);
    }

    // A node joins the group of its users when they are all in one group, so that nobody else needs its result. Integer
    // results are stored: conversions between integers and floats happen in loads and stores only.
    private static ElementwiseGroup? JoinableGroup(PlanNode node)
    {
        if (node.IsRoot || node.Consumers.Count == 0 || !node.Type.IsFloat())
            return null;
        ElementwiseGroup? group = null;
        foreach (var consumer in node.Consumers)
        {
            if (!consumer.IsElementwise || consumer.Group is null || consumer.Shape != node.Shape || !consumer.Type.IsFloat()
                || (group is not null && group != consumer.Group))
                return null;
            group = consumer.Group;
        }
        // One chain is float32 or float64 as a whole; a step between the two is stored.
        return (group!.Root.Type == ElementType.Float64) == (node.Type == ElementType.Float64) && HasRoom(group, node) ? group : null;
    }

    private static bool HasRoom(ElementwiseGroup group, PlanNode node)
    {
        if (group.Members.Count >= MaximumMembers)
            return false;
        var reads = group.Members.Append(node).SelectMany(m => m.Inputs).Where(i => i != node && (i.Group is null || i.Group != group)).ToHashSet();
        int scalars = reads.Count(i => i.IsConstant);
        return scalars <= MaximumScalars && reads.Count - scalars <= MaximumInputs;
    }

    // The latest kernel that feeds the group hosts it: what the other inputs need is there by then. A conversion to float64
    // doesn't make the kernel before it one of float64.
    private static void FindHost(ElementwiseGroup group)
    {
        if (!group.Root.Type.IsFloat())
            return;
        foreach (var member in group.Members)
        {
            foreach (var input in member.Inputs)
            {
                var views = new List<PlanNode>();
                var host = input;
                while (host.Op is ReshapeOp or PermuteOp && OnlyFor(host, views.Count > 0 ? views[0] : null, group))
                {
                    views.Insert(0, host);
                    host = host.Inputs[0];
                }
                if (host.HasEpilogue && host.Guest is null && (host.Type == ElementType.Float64) == (group.Root.Type == ElementType.Float64) && OnlyFor(host, views.Count > 0 ? views[0] : null, group)
                    && (group.Host is null || host.Id > group.Host.Id))
                {
                    group.Host = host;
                    group.HostViews.Clear();
                    group.HostViews.AddRange(views);
                }
            }
        }
        if (group.Host is not null)
            group.Host.Guest = group;
    }

    private static bool OnlyFor(PlanNode node, PlanNode? view, ElementwiseGroup group) => node.Op is PairedProductOp
        // Both halves are made at once, so both must be read here.
        ? view is null && node.Consumers.All(c => c.Group == group || (c.Op is PairedHalfOp && c.Consumers.All(user => user.Group == group)))
        : !node.IsRoot && !node.Inlined && (view is null ? node.Consumers.All(c => c.Group == group) : node.Consumers is [var only] && only == view);

    private static void InlineUpsampling(List<PlanNode> nodes)
    {
        foreach (var node in nodes)
        {
            if (node.Op is ConvolutionOp { InputDilation: (1, 1) } && node.Inputs[0] is { IsRoot: false } x && x.Consumers.Count == 1 && node.Inputs[1] != x && UpsamplingFactor(x) > 1)
                x.Inlined = true;
        }
    }

    /// <summary>How often a nearest resampling repeats each row and column, or 0 when it isn't that.</summary>
    public static int UpsamplingFactor(PlanNode node)
    {
        if (node.Op is not ResampleOp { Mode: ResamplingMode.Nearest })
            return 0;
        var from = node.Inputs[0].Shape;
        int factor = node.Shape[2] / from[2];
        return factor * from[2] == node.Shape[2] && factor * from[3] == node.Shape[3] ? factor : 0;
    }
}
