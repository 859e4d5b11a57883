using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>Y[r,c] = exp(X[r,c] − max_c X[r])/Σ. Operands: X, Y. A row of −∞ alone gives NaN, as in torch.</summary>
/// <param name="X">[rows, C].</param>
/// <param name="Y">[rows, C].</param>
public sealed record SoftmaxSpec(Layout X, Layout Y) : KernelSpec
{
    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [X, Y];

    /// <inheritdoc/>
    public override void Validate() =>
        Require(X.Rank == 2 && Y.Rank == 2 && X.Shape.AsSpan().SequenceEqual(Y.Shape.AsSpan()), "Softmax", $"X and Y are [rows, C]; got {X}, {Y}.");
}
