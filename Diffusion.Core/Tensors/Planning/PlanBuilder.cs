using System.Collections.Immutable;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>
/// Lowers a graph to kernels: chooses layouts (channels-last for images), emits one kernel for each group of fused
/// operations, and inserts copies where a layout can't be said by strides.
/// </summary>
internal sealed partial class PlanBuilder
{
    private readonly IKernelBackend backend;
    private readonly List<PlanNode> nodes;
    private readonly PlanNode[] roots;
    private readonly List<PlanStep> steps = [];
    private readonly List<Region> regions = [];
    private readonly HashSet<int> constantLeaves;
    private readonly Dictionary<int, Value> leaves = [];
    private readonly Dictionary<(PlanNode, string), Value> copies = [];

    private PlanBuilder(IKernelBackend backend, List<PlanNode> nodes, PlanNode[] roots)
    {
        this.backend = backend;
        this.nodes = nodes;
        this.roots = roots;
        constantLeaves = [.. nodes.Where(n => n.LeafConstant).Select(n => n.Leaf)];
    }

    /// <summary>Makes the plan of a captured graph.</summary>
    public static Plan Build(IKernelBackend backend, GraphCapture capture, IReadOnlyList<Tensor> roots)
    {
        var key = new PlanKey(capture.Hash, [.. capture.Operations], [.. capture.Structure]);
        var (imported, importedRoots) = GraphImport.Import(capture, roots);
        var (nodes, rootNodes) = ViewSinking.Rewrite(PairedProducts.Rewrite(imported), importedRoots);
        Fusion.Decide(nodes);
        var builder = new PlanBuilder(backend, nodes, rootNodes);
        builder.EmitAll();
        return builder.Finish(key, capture.Leaves.Count);
    }

    private void EmitAll()
    {
        foreach (var node in nodes)
        {
            if (node.IsLeaf || node.IsConstant || node.Op.IsView || node.Inlined || node.Guest is not null || node.Op is PairedHalfOp)
                continue;
            if (!node.IsElementwise)
                EmitKernel(node, null);
            else if (node.Group!.Root == node)
                EmitGroup(node.Group);
        }
    }

    private void EmitGroup(ElementwiseGroup group)
    {
        if (group.Host is { } host)
        {
            if (EmitKernel(host, group))
                return;
            EmitKernel(host, null);
        }
        var program = GroupProgram.Of(group, null);
        var inputs = program.Inputs.Select(ValueOf).ToArray();
        var layout = ElementwiseLayout(group.Root, inputs);
        var output = NewValue(layout);
        Emit(new ElementwiseSpec(program.Program, [.. inputs.Select(v => v.Layout)], layout), [.. inputs, output], group.Root, program.Scalars,
            group.Members.Where(m => m != group.Root).Select(m => m.Op.Name), mayTakeOver: true);
        group.Root.Value = output;
    }

    // Elementwise results lie in memory in the same order as their largest input, so that both are walked straight.
    private static Layout ElementwiseLayout(PlanNode node, Value[] inputs)
    {
        foreach (var input in inputs)
        {
            if (input.Layout.Rank > 1 && input.Layout.IsFull())
                return input.Layout.DenseLike(node.Type);
        }
        return Layout.Contiguous(node.Type, node.Shape.Lengths);
    }

    // False when the group can't be this kernel's epilogue because an operand's layout can't be said in the kernel's shape.
    private bool EmitKernel(PlanNode node, ElementwiseGroup? guest)
    {
        switch (node.Op)
        {
            case MatMulOp: return EmitMatMul(node, guest);
            case PairedProductOp: return EmitPairedProduct(node, guest);
            case QuantizedProductOp product: return EmitQuantizedProduct(node, product, guest);
            case ConvolutionOp convolution: return EmitConvolution(node, convolution, guest);
            case GroupNormOp norm: return EmitGroupNorm(node, norm, guest);
            case RowNormOp norm: return EmitRowNorm(node, norm, guest);
            case ReduceOp reduce: return EmitReduce(node, reduce, guest);
            case AttentionOp attention: EmitAttention(node, attention); return true;
            case SoftmaxOp: EmitSoftmax(node); return true;
            case QuantileOp quantile: EmitQuantile(node, quantile); return true;
            case ResampleOp resample: EmitResample(node, resample); return true;
            case PoolOp pool: EmitPool(node, pool); return true;
            case GatherOp gather: EmitGather(node, gather); return true;
            case RandomOp random: EmitRandom(node, random); return true;
            case ConcatOp concat: EmitConcat(node, concat); return true;
            case ContiguousOp: node.Value = Copy(ValueOf(node.Inputs[0]), Layout.Contiguous(node.Type, node.Shape.Lengths), node, "contiguous"); return true;
            default: throw new InvalidOperationException($"Planner: no kernel for {node.Op.Name}.");
        }
    }

    /// <summary>Where a node's elements are; makes views, and copies where a view isn't possible.</summary>
    private Value ValueOf(PlanNode node)
    {
        if (node.Value is { } known)
            return known;
        if (node.IsLeaf)
        {
            if (!leaves.TryGetValue(node.Leaf, out var leaf))
            {
                leaf = new Value(new Region(RegionKind.Leaf, node.Leaf, 0), 0, node.LeafLayout!);
                leaves.Add(node.Leaf, leaf);
            }
            return node.Value = leaf;
        }
        if (node.IsConstant)
            return node.Value = Fill(node);
        if (!node.Op.IsView)
            throw new InvalidOperationException($"Planner: {node.Op.Name}{node.Shape} is read before it is computed.");
        var input = ValueOf(node.Inputs[0]);
        if (Layouts.View(node, input.Layout) is { } view)
            return node.Value = new Value(input.Region, input.Offset + view.Offset, view.Layout);
        var dense = RowMajor(node.Inputs[0], input);
        return node.Value = dense with { Layout = dense.Layout.Reshape(node.Shape.Lengths)! };
    }

    private Value Fill(PlanNode node)
    {
        var layout = Layout.Contiguous(node.Type, node.Shape.Lengths);
        var output = NewValue(layout);
        Emit(new ElementwiseSpec(new ElementwiseProgram(0, [new Instruction(ElementwiseOp.Scalar)]), [], layout), [output], node, [node.Scalar], []);
        return output;
    }

    private Value RowMajor(PlanNode node, Value value) =>
        value.Layout.IsContiguous ? value : CopyOnce(node, value, Layout.Contiguous(value.Layout.Type, value.Layout.Shape), "row-major");

    private Value CopyOnce(PlanNode node, Value value, Layout layout, string purpose)
    {
        if (!copies.TryGetValue((node, purpose), out var copy))
        {
            copy = Copy(value, layout, node, purpose);
            copies.Add((node, purpose), copy);
        }
        return copy;
    }

    private Value Copy(Value value, Layout layout, PlanNode node, string purpose)
    {
        var output = NewValue(layout);
        CopyInto(value, output, node, purpose);
        return output;
    }

    private void CopyInto(Value value, Value output, PlanNode node, string purpose) =>
        Emit(new ElementwiseSpec(ElementwiseProgram.Identity, [value.Layout], output.Layout), [value, output], node, [], [], purpose);

    private Value NewValue(Layout layout)
    {
        var region = new Region(RegionKind.Arena, -1, layout.Span * layout.Type.Size());
        regions.Add(region);
        return new Value(region, 0, layout);
    }

    private void Emit(
        KernelSpec spec, ImmutableArray<Value> operands, PlanNode node, ImmutableArray<int> scalars, IEnumerable<string> fused, string? purpose = null, bool mayTakeOver = false)
    {
        if (operands[^1].Layout.Count == 0)
            return;
        var prepared = backend.Prepare(spec);
        int step = steps.Count;
        foreach (var operand in operands)
            operand.Region.Use(step);
        Region? workspace = null;
        if (prepared.WorkspaceBytes > 0)
        {
            workspace = new Region(RegionKind.Arena, -1, prepared.WorkspaceBytes);
            workspace.Use(step);
            regions.Add(workspace);
        }
        string name = spec.GetType().Name[..^4];
        steps.Add(new PlanStep(prepared, operands, workspace, scalars, name, purpose is null ? [.. fused] : [.. fused, purpose], node.Shape, mayTakeOver));
    }

    private bool IsConstantLeaf(Value value) =>
        value.Region.Kind == RegionKind.Leaf && constantLeaves.Contains(value.Region.Index);
}

/// <summary>One kernel of a plan.</summary>
internal sealed record PlanStep(
    PreparedKernel Kernel, ImmutableArray<Value> Operands, Region? Workspace, ImmutableArray<int> Scalars, string Name, ImmutableArray<string> Fused, Shape Shape, bool MayTakeOver);
