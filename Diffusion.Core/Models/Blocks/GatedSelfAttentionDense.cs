using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Lets image tokens look at grounding tokens, through gates (GLIGEN, Li et al. 2023).</summary>
/// <param name="Projection">Grounding tokens → image channels.</param>
/// <param name="Attn">Self-attention over both.</param>
/// <param name="Ff">The feed-forward network.</param>
/// <param name="Norm1">In front of the attention.</param>
/// <param name="Norm2">In front of the network.</param>
/// <param name="AlphaAttn">The attention's gate, a scalar.</param>
/// <param name="AlphaDense">The network's gate, a scalar.</param>
public sealed record GatedSelfAttentionDense(
    Linear Projection, Attention Attn, FeedForward Ff, LayerNorm Norm1, LayerNorm Norm2, Tensor AlphaAttn, Tensor AlphaDense)
{
    /// <summary>The block of a scope.</summary>
    public static GatedSelfAttentionDense Of(WeightScope scope, int channels, int contextChannels, int heads, int headDim)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new GatedSelfAttentionDense(
            Linear.Of(scope["linear"], contextChannels, channels),
            Attention.Of(scope["attn"], new AttentionOptions { QueryDim = channels, Heads = heads, HeadDim = headDim }),
            FeedForward.Of(scope["ff"], channels),
            LayerNorm.Of(scope["norm1"], channels),
            LayerNorm.Of(scope["norm2"], channels),
            scope.Tensor("alpha_attn"),
            scope.Tensor("alpha_dense"));
    }

    /// <summary>[N, L, C] and grounding tokens [N, boxes, D] → [N, L, C].</summary>
    public Tensor Forward(Tensor x, Tensor objects, BlockContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        int tokens = x.Shape[1];
        var both = Norm1.Forward(Tensor.Concat(1, x, Projection.Forward(objects)));
        x += AlphaAttn.Tanh() * context.Attend(Attn, both).Slice(1, 0, tokens);
        return x + AlphaDense.Tanh() * Ff.Forward(Norm2.Forward(x));
    }
}
