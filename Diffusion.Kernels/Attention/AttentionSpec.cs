using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>
/// O[b,h,i,:] = Σ_j softmax_j(Scale·Q[b,h,i,:]·K[b,h,j,:] + Mask[b,h,i,j])·V[b,h,j,:], without materialising the scores.
/// Operands in launch order: Q, K, V, the mask if any, O. Any strides; token layout (B, L, H·D) is strides (L·H·D, D, H·D, 1).
/// With no keys the result is 0.
/// </summary>
/// <param name="Q">[batch, heads, queries, D].</param>
/// <param name="K">[batch, heads, keys, D].</param>
/// <param name="V">[batch, heads, keys, DV].</param>
/// <param name="O">[batch, heads, queries, DV].</param>
/// <param name="Scale">Factor on the scores, usually 1/√D.</param>
public sealed record AttentionSpec(Layout Q, Layout K, Layout V, Layout O, double Scale) : KernelSpec
{
    /// <summary>Added to the scores: [batch, heads, queries, keys] (strides of 0 broadcast), −∞ hides a key. Empty or one.</summary>
    public ImmutableArray<Layout> Mask { get; init; } = [];

    /// <summary>Query i sees keys 0…i only.</summary>
    public bool Causal { get; init; }

    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [Q, K, V, .. Mask, O];

    /// <inheritdoc/>
    public override double Flops => 2.0 * Q.Shape[0] * Q.Shape[1] * Q.Shape[2] * K.Shape[2] * ((double)Q.Shape[3] + V.Shape[3]);

    /// <inheritdoc/>
    public override void Validate()
    {
        const string op = "Attention";
        Require(Q.Rank == 4 && K.Rank == 4 && V.Rank == 4 && O.Rank == 4, op, $"operands are [batch, heads, tokens, size]; got {Q}, {K}, {V}, {O}.");
        for (int i = 0; i < 2; i++)
            Require(Q.Shape[i] == K.Shape[i] && Q.Shape[i] == V.Shape[i] && Q.Shape[i] == O.Shape[i], op, $"batch and heads differ: {Q}, {K}, {V}, {O}.");
        Require(Q.Shape[3] == K.Shape[3], op, $"queries and keys differ in size: {Q}, {K}.");
        Require(K.Shape[2] == V.Shape[2], op, $"keys and values differ in number: {K}, {V}.");
        Require(O.Shape[2] == Q.Shape[2] && O.Shape[3] == V.Shape[3], op, $"O must have Q's tokens and V's size; got {O}.");
        Require(Mask.Length <= 1, op, $"at most one mask; got {Mask.Length}.");
        foreach (var mask in Mask)
        {
            Require(mask.Rank == 4 && mask.Shape[0] == Q.Shape[0] && mask.Shape[1] == Q.Shape[1] && mask.Shape[2] == Q.Shape[2] && mask.Shape[3] == K.Shape[2],
                op, $"the mask must be [{Q.Shape[0]}, {Q.Shape[1]}, {Q.Shape[2]}, {K.Shape[2]}] (broadcast by strides of 0); got {mask}.");
        }
        Require(double.IsFinite(Scale), op, $"the scale must be a finite number; got {Scale}.");
    }
}
