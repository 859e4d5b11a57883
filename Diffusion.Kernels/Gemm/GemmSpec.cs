using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>
/// C[b,m,n] = epilogue(Σ_k A[b,m,k]·B[b,k,n]), accumulated in float32. Operands in launch order: A, B, the epilogue's
/// inputs, C. Any strides; a linear layer's weight (N,K) is B with strides (0, 1, K).
/// With <paramref name="Paired"/>, B has 2·N columns and the epilogue's program starts with two results: column n and
/// column n+N (GEGLU: value and gate).
/// </summary>
/// <param name="A">[batch, M, K].</param>
/// <param name="B">[batch, K, N], or [batch, K, 2N] when paired.</param>
/// <param name="C">[batch, M, N].</param>
/// <param name="ConstantB">B never changes (a weight): the backend may ask for it packed.</param>
/// <param name="Paired">Two results a column, see above.</param>
public sealed record GemmSpec(Layout A, Layout B, Layout C, bool ConstantB = false, bool Paired = false) : KernelSpec
{
    /// <summary>What happens to the result before it is stored.</summary>
    public Epilogue After { get; init; } = Epilogue.None;

    /// <inheritdoc/>
    public override Epilogue Epilogue => After;

    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [A, B, .. After.Inputs, C];

    /// <inheritdoc/>
    public override double Flops => 2.0 * A.Count * (B.Rank == 3 ? B.Shape[2] : 0);

    /// <inheritdoc/>
    public override void Validate()
    {
        Require(A.Rank == 3 && B.Rank == 3 && C.Rank == 3, "Gemm", $"operands are [batch, rows, columns]; got A {A}, B {B}, C {C}.");
        int columns = Paired ? B.Shape[2] / 2 : B.Shape[2];
        Require(!Paired || B.Shape[2] % 2 == 0, "Gemm", $"a paired product needs an even number of columns in B; got {B}.");
        Require(A.Shape[0] == B.Shape[0] && A.Shape[0] == C.Shape[0], "Gemm", $"batch sizes differ: A {A}, B {B}, C {C}.");
        Require(A.Shape[2] == B.Shape[1], "Gemm", $"A's columns ({A.Shape[2]}) must equal B's rows ({B.Shape[1]}).");
        Require(A.Shape[1] == C.Shape[1] && columns == C.Shape[2], "Gemm", $"C must be [{A.Shape[0]}, {A.Shape[1]}, {columns}]; got {C}.");
        After.Program.Validate("Gemm");
        RequireEpilogue(After, C, Paired ? 2 : 1, "Gemm");
    }
}
