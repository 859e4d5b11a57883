using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>What all blocks of one forward pass see.</summary>
public sealed record BlockContext
{
    /// <summary>The time embedding [N, temb], if any.</summary>
    public Tensor? TimeEmbedding { get; init; }

    /// <summary>Text or image tokens [N, K, D] for cross-attention, if any.</summary>
    public Tensor? EncoderHiddenStates { get; init; }

    /// <summary>Added to the scores of self-attention, [N, 1, L], if any.</summary>
    public Tensor? AttentionMask { get; init; }

    /// <summary>Added to the scores of cross-attention, [N, 1, K], if any.</summary>
    public Tensor? EncoderAttentionMask { get; init; }

    /// <summary>GLIGEN's tokens for boxes [N, boxes, D], if any.</summary>
    public Tensor? GligenObjects { get; init; }

    /// <summary>Computes the attention layers.</summary>
    public AttentionProcessor Attention { get; init; } = AttentionCall.Default;

    /// <summary>Edits features and skip connection where they meet.</summary>
    public SkipEdit Skip { get; init; } = SkipConnection.Unchanged;

    internal Tensor Attend(Attention layer, Tensor hiddenStates, Tensor? encoderHiddenStates = null, Tensor? mask = null) =>
        Attention(new AttentionCall(layer, hiddenStates, encoderHiddenStates, mask, null));
}

/// <summary>Edits features and skip connection before they are put together: FreeU, for instance.</summary>
public delegate SkipConnection SkipEdit(SkipConnection connection);

/// <summary>A place in the upward half of a UNet where features and a skip connection meet.</summary>
/// <param name="BlockType">The block's type, e.g. <c>CrossAttnUpBlock2D</c>.</param>
/// <param name="ResolutionIndex">The block's index; 0 is the coarsest.</param>
/// <param name="LayerIndex">The residual block's index in the block.</param>
/// <param name="Hidden">The features [N, C, H, W].</param>
/// <param name="Residual">The skip connection [N, C′, H, W].</param>
public sealed record SkipConnection(string BlockType, int ResolutionIndex, int LayerIndex, Tensor Hidden, Tensor Residual)
{
    /// <summary>The edit that changes nothing.</summary>
    public static SkipEdit Unchanged { get; } = connection => connection;

    internal Tensor Joined() => Tensor.Concat(1, Hidden, Residual);
}
