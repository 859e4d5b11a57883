using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>How the transformer blocks of a <see cref="Transformer2DModel"/> are built; the names are diffusers'.</summary>
public sealed record TransformerOptions
{
    /// <summary>Heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Channels of a head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Channels of the text tokens; 0 for none, and then there is no second attention.</summary>
    public int CrossAttentionDim { get; init; }

    /// <summary>Transformer blocks one after another.</summary>
    public int Layers { get; init; } = 1;

    /// <summary>Groups of the normalisation in front.</summary>
    public int NormGroups { get; init; } = 32;

    /// <summary>The first attention is a cross-attention too.</summary>
    public bool OnlyCrossAttention { get; init; }

    /// <summary>Linear layers instead of 1×1 convolutions around the blocks; the same numbers in another weight shape.</summary>
    public bool UseLinearProjection { get; init; }

    /// <summary><c>default</c>, or <c>gated</c> and <c>gated-text-image</c> for GLIGEN.</summary>
    public string AttentionType { get; init; } = "default";

    /// <summary>The feed-forward network's activation.</summary>
    public string Activation { get; init; } = "geglu";

    /// <summary>Channels inside.</summary>
    public int InnerDim => Heads * HeadDim;
}

/// <summary>Self-attention, cross-attention and a feed-forward network, each with a normalisation in front and added to its input.</summary>
public sealed record BasicTransformerBlock
{
    private readonly bool onlyCrossAttention;
    private readonly LayerNorm norm1;
    private readonly Attention attn1;
    private readonly GatedSelfAttentionDense? fuser;
    private readonly LayerNorm? norm2;
    private readonly Attention? attn2;
    private readonly LayerNorm norm3;
    private readonly FeedForward ff;

    private BasicTransformerBlock(WeightScope scope, TransformerOptions options)
    {
        int dim = options.InnerDim;
        var attention = new AttentionOptions { QueryDim = dim, Heads = options.Heads, HeadDim = options.HeadDim };
        onlyCrossAttention = options.OnlyCrossAttention;
        norm1 = LayerNorm.Of(scope["norm1"], dim);
        attn1 = Attention.Of(scope["attn1"], attention with { CrossAttentionDim = options.OnlyCrossAttention ? options.CrossAttentionDim : 0 });
        if (options.CrossAttentionDim > 0)
        {
            norm2 = LayerNorm.Of(scope["norm2"], dim);
            attn2 = Attention.Of(scope["attn2"], attention with { CrossAttentionDim = options.CrossAttentionDim });
        }
        norm3 = LayerNorm.Of(scope["norm3"], dim);
        ff = FeedForward.Of(scope["ff"], dim, options.Activation);
        if (options.AttentionType is "gated" or "gated-text-image")
            fuser = GatedSelfAttentionDense.Of(scope["fuser"], dim, options.CrossAttentionDim, options.Heads, options.HeadDim);
    }

    /// <summary>The block of a scope.</summary>
    public static BasicTransformerBlock Of(WeightScope scope, TransformerOptions options)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(options);
        return new BasicTransformerBlock(scope, options);
    }

    /// <summary>[N, L, C] → [N, L, C].</summary>
    public Tensor Forward(Tensor x, BlockContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        x = context.Attend(attn1, norm1.Forward(x), onlyCrossAttention ? context.EncoderHiddenStates : null, context.AttentionMask) + x;
        if (fuser is not null && context.GligenObjects is not null)
            x = fuser.Forward(x, context.GligenObjects, context);
        if (norm2 is not null && attn2 is not null)
            x = context.Attend(attn2, norm2.Forward(x), context.EncoderHiddenStates, context.EncoderAttentionMask) + x;
        return ff.Forward(norm3.Forward(x)) + x;
    }
}
