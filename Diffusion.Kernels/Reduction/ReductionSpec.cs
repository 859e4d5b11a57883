using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>How elements are combined.</summary>
public enum ReductionKind
{
    /// <summary>Σ; 0 when empty. Summed so that the error doesn't grow with the length (pairwise or in blocks).</summary>
    Sum,

    /// <summary>Sum over count; NaN when empty.</summary>
    Mean,

    /// <summary>Largest; NaN if any is; −∞ when empty.</summary>
    Maximum,

    /// <summary>Smallest; NaN if any is; +∞ when empty.</summary>
    Minimum,

    /// <summary>Π; 1 when empty.</summary>
    Product,

    /// <summary>Index of the first largest element; the output is Int64 or Int32. Refused when empty.</summary>
    ArgMax,
}

/// <summary>
/// Y[i…] = combine over r… of X[i…, r…]. The last <paramref name="ReducedAxes"/> axes of X are reduced (permute by strides);
/// Y has the axes before them. Operands: X, the epilogue's inputs, Y.
/// </summary>
/// <param name="Kind">How.</param>
/// <param name="X">[kept…, reduced…].</param>
/// <param name="Y">[kept…].</param>
/// <param name="ReducedAxes">How many trailing axes of X are reduced.</param>
public sealed record ReductionSpec(ReductionKind Kind, Layout X, Layout Y, int ReducedAxes) : KernelSpec
{
    /// <summary>What happens to the result before it is stored.</summary>
    public Epilogue After { get; init; } = Epilogue.None;

    /// <inheritdoc/>
    public override Epilogue Epilogue => After;

    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [X, .. After.Inputs, Y];

    /// <inheritdoc/>
    public override void Validate()
    {
        const string op = "Reduction";
        Require(ReducedAxes >= 0 && ReducedAxes <= X.Rank && Y.Rank == X.Rank - ReducedAxes
            && X.Shape.AsSpan(0, Y.Rank).SequenceEqual(Y.Shape.AsSpan()), op, $"Y must have X's first {X.Rank - ReducedAxes} axes; got X {X}, Y {Y}.");
        if (Kind == ReductionKind.ArgMax)
        {
            Require(Y.Type is ElementType.Int32 or ElementType.Int64, op, $"ArgMax gives Int32 or Int64; got {Y}.");
            Require(ReducedAxes == 1 && X.Shape[^1] > 0, op, $"ArgMax reduces one axis that isn't empty; got {X}.");
            Require(After.IsNone, op, "ArgMax has no epilogue.");
        }
        After.Program.Validate(op);
        RequireEpilogue(After, Y, 1, op);
    }
}

/// <summary>
/// The q-quantile of each row, linearly interpolated between order statistics (torch.quantile's default). Operands: X, Y. NaN in a
/// row gives NaN.
/// </summary>
/// <param name="X">[rows, C], C ≥ 1.</param>
/// <param name="Y">[rows].</param>
/// <param name="Q">0 … 1.</param>
public sealed record QuantileSpec(Layout X, Layout Y, double Q) : KernelSpec
{
    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [X, Y];

    /// <inheritdoc/>
    public override void Validate()
    {
        Require(X.Rank == 2 && Y.Rank == 1 && X.Shape[0] == Y.Shape[0] && X.Shape[1] >= 1, "Quantile", $"X is [rows, C ≥ 1], Y [rows]; got {X}, {Y}.");
        Require(Q is >= 0 and <= 1, "Quantile", $"q is within 0 … 1; got {Q}.");
    }
}
