using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>A node of the graph while it is planned.</summary>
internal sealed class PlanNode(int id, Primitive op, PlanNode[] inputs, Shape shape, ElementType type)
{
    /// <summary>Position in topological order.</summary>
    public int Id { get; } = id;

    public Primitive Op { get; } = op;

    public PlanNode[] Inputs { get; } = inputs;

    public Shape Shape { get; } = shape;

    public ElementType Type { get; } = type;

    /// <summary>Number of the leaf, or −1.</summary>
    public int Leaf { get; init; } = -1;

    /// <summary>The leaf's layout and constness.</summary>
    public Layout? LeafLayout { get; init; }

    public bool LeafConstant { get; init; }

    /// <summary>Number of the constant's value, or −1.</summary>
    public int Scalar { get; init; } = -1;

    public bool IsRoot { get; set; }

    public List<PlanNode> Consumers { get; } = [];

    /// <summary>The elementwise group that this node belongs to.</summary>
    public ElementwiseGroup? Group { get; set; }

    /// <summary>The group whose program runs as this node's epilogue.</summary>
    public ElementwiseGroup? Guest { get; set; }

    /// <summary>Read through by its user (an upsampling inside a convolution), never computed by itself.</summary>
    public bool Inlined { get; set; }

    /// <summary>Where the result lies, once planned.</summary>
    public Value? Value { get; set; }

    public bool IsLeaf => Leaf >= 0;

    public bool IsConstant => Scalar >= 0;

    public bool IsElementwise => Op is MapOp or CastOp;

    /// <summary>Whether the kernel of this node takes an epilogue.</summary>
    public bool HasEpilogue => Op is MatMulOp or PairedProductOp or QuantizedProductOp or ConvolutionOp or GroupNormOp or RowNormOp || Op is ReduceOp { Kind: not ReductionKind.ArgMax };
}

/// <summary>Elementwise operations that run as one program: a root, and what only it reads.</summary>
internal sealed class ElementwiseGroup(PlanNode root)
{
    /// <summary>The operation whose result is stored.</summary>
    public PlanNode Root { get; } = root;

    /// <summary>All operations; sorted by <see cref="PlanNode.Id"/> once grouping is done.</summary>
    public List<PlanNode> Members { get; } = [root];

    /// <summary>The node in whose epilogue the program may run, or none.</summary>
    public PlanNode? Host { get; set; }

    /// <summary>Views from the host's result to what the program reads, host side first.</summary>
    public List<PlanNode> HostViews { get; } = [];
}

/// <summary>A stretch of memory with a lifetime in steps.</summary>
internal sealed class Region(RegionKind kind, int index, long bytes)
{
    private Region? alias;

    public RegionKind Kind { get; set; } = kind;

    /// <summary>Number of the leaf or result.</summary>
    public int Index { get; set; } = index;

    public long Bytes { get; } = bytes;

    public int FirstStep { get; set; } = int.MaxValue;

    public int LastStep { get; set; } = -1;

    /// <summary>Bytes from the arena's start.</summary>
    public long Offset { get; set; }

    /// <summary>The region whose memory this one takes over.</summary>
    public Region Resolved => alias is null ? this : alias.Resolved;

    public void TakeOver(Region other)
    {
        alias = other.Resolved;
        alias.LastStep = Math.Max(alias.LastStep, LastStep);
    }

    public void Use(int step)
    {
        FirstStep = Math.Min(FirstStep, step);
        LastStep = Math.Max(LastStep, step);
    }
}

internal enum RegionKind
{
    Leaf,
    Arena,
    Result,
}

/// <summary>A node's elements in memory: where the first one lies and how they are laid out (in the node's shape).</summary>
internal sealed record Value(Region Region, long Offset, Layout Layout)
{
    public long ByteOffset => Offset * Layout.Type.Size();
}
