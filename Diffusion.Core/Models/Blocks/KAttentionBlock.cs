using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Self- and cross-attention with normalisations steered by the time embedding, as in k-diffusion's image networks.</summary>
public sealed record KAttentionBlock
{
    private readonly AdaGroupNorm? norm1;
    private readonly Attention? attn1;
    private readonly AdaGroupNorm norm2;
    private readonly Attention attn2;

    private KAttentionBlock(WeightScope scope, int channels, int headDim, int crossAttentionDim, int tembChannels, bool selfAttention, int groupSize)
    {
        var options = Attention.OverPositions(scope, channels, headDim);
        int groups = Math.Max(1, channels / groupSize);
        if (selfAttention)
        {
            norm1 = AdaGroupNorm.Of(scope["norm1"], tembChannels, channels, groups);
            attn1 = Attention.Of(scope["attn1"], options);
        }
        norm2 = AdaGroupNorm.Of(scope["norm2"], tembChannels, channels, groups);
        attn2 = Attention.Of(scope["attn2"], options with { CrossAttentionDim = crossAttentionDim, CrossAttentionNorm = "layer_norm" });
    }

    /// <summary>The block of a scope.</summary>
    public static KAttentionBlock Of(
        WeightScope scope, int channels, int headDim, int crossAttentionDim, int tembChannels, bool selfAttention, int groupSize = 32)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new KAttentionBlock(scope, channels, headDim, crossAttentionDim, tembChannels, selfAttention, groupSize);
    }

    /// <summary>[N, C, H, W] → [N, C, H, W].</summary>
    public Tensor Forward(Tensor x, BlockContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var temb = context.TimeEmbedding ?? throw new TensorShapeException("KAttentionBlock: a time embedding is needed.");
        if (norm1 is not null && attn1 is not null)
            x = Attention.FromTokens(context.Attend(attn1, Attention.ToTokens(norm1.Forward(x, temb)), null, context.AttentionMask), x.Shape) + x;
        var mask = context.EncoderHiddenStates is null ? context.AttentionMask : context.EncoderAttentionMask;
        return Attention.FromTokens(context.Attend(attn2, Attention.ToTokens(norm2.Forward(x, temb)), context.EncoderHiddenStates, mask), x.Shape) + x;
    }
}
