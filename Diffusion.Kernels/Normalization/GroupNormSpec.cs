using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>
/// Group normalisation over channels-last memory (Wu and He 2018): for each sample and each group of C/Groups channels,
/// (x − mean)/√(variance + Epsilon)·Weight[c] + Bias[c], then the epilogue. Operands in launch order: X, then Weight and Bias if
/// affine, the epilogue's inputs, Y. Mean and variance must be accurate when |mean| ≫ deviation (no E[x²]−E[x]² in float32).
/// </summary>
/// <param name="X">[N, positions, C].</param>
/// <param name="Y">[N, positions, C].</param>
/// <param name="Groups">Divides C.</param>
/// <param name="Epsilon">Added to the variance; ≥ 0.</param>
public sealed record GroupNormSpec(Layout X, Layout Y, int Groups, double Epsilon) : KernelSpec
{
    /// <summary>Weight and bias, each [C]; empty without affine part, else both.</summary>
    public ImmutableArray<Layout> Affine { get; init; } = [];

    /// <summary>What happens to the result before it is stored.</summary>
    public Epilogue After { get; init; } = Epilogue.None;

    /// <inheritdoc/>
    public override Epilogue Epilogue => After;

    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [X, .. Affine, .. After.Inputs, Y];

    /// <inheritdoc/>
    public override void Validate()
    {
        const string op = "GroupNorm";
        Require(X.Rank == 3 && Y.Rank == 3 && X.Shape.AsSpan().SequenceEqual(Y.Shape.AsSpan()), op, $"X and Y are [N, positions, C]; got {X}, {Y}.");
        Require(Groups >= 1 && X.Shape[2] % Groups == 0, op, $"{X.Shape[2]} channels don't divide into {Groups} groups.");
        Require(Epsilon >= 0, op, $"epsilon is at least 0; got {Epsilon}.");
        Require(Affine.Length is 0 or 2, op, $"give weight and bias, or neither; got {Affine.Length} operands.");
        foreach (var affine in Affine)
            Require(affine.Rank == 1 && affine.Shape[0] == X.Shape[2], op, $"weight and bias are [{X.Shape[2]}]; got {affine}.");
        After.Program.Validate(op);
        RequireEpilogue(After, Y, 1, op);
    }
}
