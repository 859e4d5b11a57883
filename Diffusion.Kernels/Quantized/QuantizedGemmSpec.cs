using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>
/// C[b,m,n] = epilogue(Σ_k A[b,m,k]·q[n,k]·s[n,k/G]): a linear layer whose weights are small integers with scales. Operands in launch
/// order: A, W, Scales, the epilogue's inputs, C. W and Scales are dense and never change.
/// <para>
/// The integers are symmetric: no zero point. <see cref="ElementType.Int8"/>: W is [N, K]. <see cref="ElementType.UInt8"/>: four bits
/// each, −8 … 7 in two's complement, W is [N, ⌈K/2⌉] with element 2i in the low nibble of byte i and 2i+1 in the high one; the last
/// high nibble of an odd K isn't read.
/// </para>
/// <para>
/// Weight only (the default): the weight q·s is multiplied and accumulated in float32; A is not rounded.
/// </para>
/// <para>
/// With <paramref name="DynamicActivations"/> each row of A becomes int8 at each launch, by float32 arithmetic that every backend
/// repeats: a = max |A[b,m,·]|; inverse = 127 / a and scale = a / 127, each a float32 division to nearest; q[k] = A[b,m,k]·inverse,
/// rounded to a float32 and then to the nearest integer, halves to even. A row with a &lt; 2⁻¹⁰⁰ counts as zeros (all q and the scale
/// are 0); a row with a NaN or an infinity gives NaN. Products are summed exactly in int32, and the sum times both scales
/// is the result. Needs one scale an output channel.
/// </para>
/// </summary>
/// <param name="A">[batch, M, K], any strides, floating point.</param>
/// <param name="W">The integers, dense; see above.</param>
/// <param name="Scales">[N, groups], dense, floating point: groups is 1 when <paramref name="GroupSize"/> is 0, else ⌈K/GroupSize⌉.</param>
/// <param name="C">[batch, M, N], any strides.</param>
/// <param name="GroupSize">How many consecutive k share a scale, a multiple of 8; 0 for one scale an output channel.</param>
/// <param name="DynamicActivations">Whether rows of A are rounded to int8, see above.</param>
public sealed record QuantizedGemmSpec(Layout A, Layout W, Layout Scales, Layout C, int GroupSize = 0, bool DynamicActivations = false) : KernelSpec
{
    /// <summary>The deepest sum that int32 holds for certain: 128·127 a product.</summary>
    public const int MaxDynamicDepth = 131072;

    /// <summary>What happens to the result before it is stored.</summary>
    public Epilogue After { get; init; } = Epilogue.None;

    /// <summary>Whether the integers have four bits.</summary>
    public bool IsInt4 => W.Type == ElementType.UInt8;

    /// <summary>Scales of one output channel.</summary>
    public int Groups => GroupSize == 0 ? 1 : (A.Shape[2] + GroupSize - 1) / GroupSize;

    /// <inheritdoc/>
    public override Epilogue Epilogue => After;

    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [A, W, Scales, .. After.Inputs, C];

    /// <inheritdoc/>
    public override double Flops => 2.0 * A.Count * (C.Rank == 3 ? C.Shape[2] : 0);

    /// <inheritdoc/>
    public override void Validate()
    {
        const string op = "QuantizedGemm";
        Require(A.Rank == 3 && W.Rank == 2 && Scales.Rank == 2 && C.Rank == 3, op,
            $"A is [batch, rows, K], W [N, K], Scales [N, groups], C [batch, rows, N]; got A {A}, W {W}, Scales {Scales}, C {C}.");
        int depth = A.Shape[2], columns = C.Shape[2];
        Require(A.Type.IsFloat() && Scales.Type.IsFloat(), op, $"A and Scales are floating point; got {A} and {Scales}.");
        Require(W.Type is ElementType.Int8 or ElementType.UInt8, op, $"W is Int8, or UInt8 with two 4-bit integers a byte; got {W}.");
        Require(GroupSize >= 0 && GroupSize % 8 == 0, op, $"a group is a multiple of 8 weights, or 0 for one scale an output channel; got {GroupSize}.");
        int stored = IsInt4 ? (depth + 1) / 2 : depth;
        Require(W.Shape[0] == columns && W.Shape[1] == stored && IsDense(W), op, $"W must be dense [{columns}, {stored}] for K = {depth}; got {W}.");
        Require(Scales.Shape[0] == columns && Scales.Shape[1] == Groups && IsDense(Scales), op,
            $"Scales must be dense [{columns}, {Groups}] for K = {depth} in groups of {GroupSize}; got {Scales}.");
        Require(A.Shape[0] == C.Shape[0] && A.Shape[1] == C.Shape[1], op, $"C must be [{A.Shape[0]}, {A.Shape[1]}, {columns}]; got {C}.");
        Require(!DynamicActivations || GroupSize == 0, op, $"rounded activations need one scale an output channel; got groups of {GroupSize}. Use GroupSize 0 or leave A as it is.");
        Require(!DynamicActivations || depth <= MaxDynamicDepth, op, $"sums of {depth} products may exceed int32; K is at most {MaxDynamicDepth} with rounded activations.");
        After.Program.Validate(op);
        RequireEpilogue(After, C, 1, op);
    }

    private static bool IsDense(Layout layout) => layout.IsContiguous || layout.Count == 0;
}
