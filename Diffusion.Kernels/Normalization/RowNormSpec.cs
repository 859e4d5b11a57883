using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>Which statistic a row is divided by.</summary>
public enum RowNormKind
{
    /// <summary>Subtract the mean, divide by √(variance + ε) (Ba et al. 2016).</summary>
    Layer,

    /// <summary>Divide by √(mean of squares + ε) (Zhang and Sennrich 2019).</summary>
    RootMeanSquare,
}

/// <summary>
/// Normalisation of each row of length C, times Weight[c], plus Bias[c], then the epilogue. Operands in launch order: X,
/// Weight if any, Bias if any, the epilogue's inputs, Y.
/// </summary>
/// <param name="Kind">Layer or root-mean-square norm.</param>
/// <param name="X">[rows, C].</param>
/// <param name="Y">[rows, C].</param>
/// <param name="Epsilon">Added to the variance or mean square; ≥ 0.</param>
public sealed record RowNormSpec(RowNormKind Kind, Layout X, Layout Y, double Epsilon) : KernelSpec
{
    /// <summary>[C]; empty or one.</summary>
    public ImmutableArray<Layout> Weight { get; init; } = [];

    /// <summary>[C]; empty or one.</summary>
    public ImmutableArray<Layout> Bias { get; init; } = [];

    /// <summary>What happens to the result before it is stored.</summary>
    public Epilogue After { get; init; } = Epilogue.None;

    /// <inheritdoc/>
    public override Epilogue Epilogue => After;

    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [X, .. Weight, .. Bias, .. After.Inputs, Y];

    /// <inheritdoc/>
    public override void Validate()
    {
        const string op = "RowNorm";
        Require(X.Rank == 2 && Y.Rank == 2 && X.Shape.AsSpan().SequenceEqual(Y.Shape.AsSpan()), op, $"X and Y are [rows, C]; got {X}, {Y}.");
        Require(Epsilon >= 0, op, $"epsilon is at least 0; got {Epsilon}.");
        Require(Weight.Length <= 1 && Bias.Length <= 1, op, "at most one weight and one bias.");
        foreach (var affine in Weight.AddRange(Bias))
            Require(affine.Rank == 1 && affine.Shape[0] == X.Shape[1], op, $"weight and bias are [{X.Shape[1]}]; got {affine}.");
        After.Program.Validate(op);
        RequireEpilogue(After, Y, 1, op);
    }
}
