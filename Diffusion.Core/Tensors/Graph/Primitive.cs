using System.Collections.Immutable;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Graph;

/// <summary>
/// What a node of the graph does with its inputs. A closed set; everything else is composed from it. Primitives are values:
/// two are equal when they compute the same function (scalars of <see cref="ConstantOp"/> excepted: they are arguments of a
/// plan, so that a plan serves every step of a run).
/// </summary>
internal abstract record Primitive
{
    private protected Primitive()
    {
    }

    /// <summary>Name in messages and reports.</summary>
    public virtual string Name => GetType().Name[..^2];

    /// <summary>Whether the result is another view of the input's memory.</summary>
    public virtual bool IsView => false;

    private protected static bool Same(ImmutableArray<int> a, ImmutableArray<int> b) => a.AsSpan().SequenceEqual(b.AsSpan());

    private protected static int Hash(ImmutableArray<int> a)
    {
        var hash = default(HashCode);
        foreach (int n in a)
            hash.Add(n);
        return hash.ToHashCode();
    }
}

/// <summary>A tensor full of one number.</summary>
internal sealed record ConstantOp(double Value) : Primitive
{
    public bool Equals(ConstantOp? other) => other is not null;

    public override int GetHashCode() => 17;
}

/// <summary>An elementwise operation on inputs of the result's shape.</summary>
internal sealed record MapOp(ElementwiseOp Op) : Primitive
{
    public override string Name => Op.ToString();
}

/// <summary>Conversion to the node's element type.</summary>
internal sealed record CastOp : Primitive;

/// <summary>The same elements in row-major order under another shape.</summary>
internal sealed record ReshapeOp : Primitive
{
    public override bool IsView => true;
}

/// <summary>Result axis i is input axis Axes[i].</summary>
internal sealed record PermuteOp(ImmutableArray<int> Axes) : Primitive
{
    public override bool IsView => true;

    public bool Equals(PermuteOp? other) => other is not null && Same(Axes, other.Axes);

    public override int GetHashCode() => Hash(Axes);
}

/// <summary>Repeats axes of length 1.</summary>
internal sealed record ExpandOp : Primitive
{
    public override bool IsView => true;
}

/// <summary>Every Step-th element of one axis from Start on.</summary>
internal sealed record SliceOp(int Axis, int Start, int Step) : Primitive
{
    public override bool IsView => true;
}

/// <summary>Inputs one after another along an axis.</summary>
internal sealed record ConcatOp(int Axis) : Primitive;

/// <summary>[batch…, M, K] × [batch…, K, N], batches equal.</summary>
internal sealed record MatMulOp : Primitive;

/// <summary>X […, K], W and scales as <see cref="QuantizedGemmSpec"/> has them → […, N].</summary>
internal sealed record QuantizedProductOp(int Inputs, int GroupSize, bool RoundsActivations) : Primitive;

/// <summary>Numbers by a counter from a state (seed, offset); see <see cref="RandomSpec"/>.</summary>
internal sealed record RandomOp(RandomKind Kind) : Primitive;

/// <summary>X [N,C,H,W], W [O,C/groups,KH,KW] → [N,O,OH,OW]; see <see cref="ConvolutionSpec"/>.</summary>
internal sealed record ConvolutionOp(
    (int Y, int X) Stride, (int Top, int Bottom, int Left, int Right) Padding, (int Y, int X) Dilation, (int Y, int X) InputDilation, int Groups) : Primitive;

/// <summary>Q, K, V [batch, heads, tokens, size], then the mask if any.</summary>
internal sealed record AttentionOp(double Scale, bool Causal) : Primitive;

/// <summary>X [N, C, positions…], then weight and bias if affine.</summary>
internal sealed record GroupNormOp(int Groups, double Epsilon) : Primitive;

/// <summary>X […, C], then weight if any, then bias if any.</summary>
internal sealed record RowNormOp(RowNormKind Kind, double Epsilon, bool HasWeight, bool HasBias) : Primitive;

/// <summary>Over the last axis.</summary>
internal sealed record SoftmaxOp : Primitive;

/// <summary>Over the last Axes axes, which vanish.</summary>
internal sealed record ReduceOp(ReductionKind Kind, int Axes) : Primitive
{
    public override string Name => Kind.ToString();
}

/// <summary>Over the last axis, which vanishes.</summary>
internal sealed record QuantileOp(double Q) : Primitive;

/// <summary>X [N,C,H,W] → [N,C,OH,OW].</summary>
internal sealed record ResampleOp(ResamplingMode Mode, bool AlignCorners, bool AntiAlias, (double Y, double X) ScaleFactor) : Primitive;

/// <summary>X [N,C,H,W] → [N,C,OH,OW].</summary>
internal sealed record PoolOp(PoolingKind Kind, (int Y, int X) Window, (int Y, int X) Stride, (int Y, int X) Padding) : Primitive;

/// <summary>X and an index of rank 1: picks along one axis.</summary>
internal sealed record GatherOp(int Axis) : Primitive;

/// <summary>The same values, laid out row-major.</summary>
internal sealed record ContiguousOp : Primitive;
