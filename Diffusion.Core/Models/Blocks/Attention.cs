using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>
/// Computes one attention layer: what diffusers calls an attention processor. Adapters put their own in place of
/// <see cref="AttentionCall.Default"/>.
/// </summary>
public delegate Tensor AttentionProcessor(AttentionCall call);

/// <summary>What an attention layer is asked to do.</summary>
/// <param name="Layer">The layer with its weights and its name.</param>
/// <param name="HiddenStates">The queries' side: tokens [N, L, C] or an image [N, C, H, W].</param>
/// <param name="EncoderHiddenStates">The keys' side [N, K, D], or none for self-attention.</param>
/// <param name="Mask">Added to the scores, [N, 1, K], if any.</param>
/// <param name="Condition">Latents for a layer with a spatial normalisation, if any.</param>
public sealed record AttentionCall(Attention Layer, Tensor HiddenStates, Tensor? EncoderHiddenStates, Tensor? Mask, Tensor? Condition)
{
    /// <summary>The layer's plain result.</summary>
    public static AttentionProcessor Default { get; } = call => call.Layer.Forward(call.HiddenStates, call.EncoderHiddenStates, call.Mask, call.Condition);

    /// <summary>Whether keys and values come from elsewhere.</summary>
    public bool IsCross => EncoderHiddenStates is not null;
}

/// <summary>How an attention layer is built; the names are diffusers'.</summary>
public sealed record AttentionOptions
{
    /// <summary>Channels of the queries' side.</summary>
    public required int QueryDim { get; init; }

    /// <summary>Channels of the keys' side; as many as of the queries' where it is 0.</summary>
    public int CrossAttentionDim { get; init; }

    /// <summary>Heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Channels of a head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Whether the projections of queries, keys and values have a bias.</summary>
    public bool Bias { get; init; }

    /// <summary>Whether the final projection has a bias.</summary>
    public bool OutBias { get; init; } = true;

    /// <summary>Groups of the normalisation in front; none where it is 0.</summary>
    public int NormGroups { get; init; }

    /// <summary>Added to variances.</summary>
    public double Epsilon { get; init; } = 1e-5;

    /// <summary>Channels of the latents that steer a spatial normalisation in front; none where it is 0.</summary>
    public int SpatialNormDim { get; init; }

    /// <summary><c>layer_norm</c> or <c>group_norm</c> on the keys' side; empty for none.</summary>
    public string CrossAttentionNorm { get; init; } = "";

    /// <summary>Channels of text tokens whose keys and values are put before the image's own; none where it is 0.</summary>
    public int AddedKvDim { get; init; }

    /// <summary>With <see cref="AddedKvDim"/>: only the added keys and values.</summary>
    public bool OnlyCrossAttention { get; init; }

    /// <summary>The input is added to the result.</summary>
    public bool ResidualConnection { get; init; }

    /// <summary>The result is divided by it.</summary>
    public double RescaleOutputFactor { get; init; } = 1;
}

/// <summary>
/// Multi-head attention (Vaswani et al. 2017) in the forms that diffusion networks have: self, cross, over image positions with a
/// normalisation in front, and with added text keys.
/// </summary>
public sealed record Attention
{
    private readonly GroupNorm? groupNorm;
    private readonly SpatialNorm? spatialNorm;
    private readonly LayerNorm? crossLayerNorm;
    private readonly GroupNorm? crossGroupNorm;

    private Attention(WeightScope scope, AttentionOptions options)
    {
        Name = scope.Path;
        Options = options;
        int inner = options.Heads * options.HeadDim, keys = options.CrossAttentionDim > 0 ? options.CrossAttentionDim : options.QueryDim;
        if (options.NormGroups > 0)
            groupNorm = GroupNorm.Of(scope["group_norm"], options.QueryDim, options.NormGroups, options.Epsilon);
        if (options.SpatialNormDim > 0)
            spatialNorm = SpatialNorm.Of(scope["spatial_norm"], options.QueryDim, options.SpatialNormDim);
        if (options.CrossAttentionNorm == "layer_norm")
            crossLayerNorm = LayerNorm.Of(scope["norm_cross"], keys);
        else if (options.CrossAttentionNorm == "group_norm")
            crossGroupNorm = GroupNorm.Of(scope["norm_cross"], options.AddedKvDim > 0 ? options.AddedKvDim : keys, 32, 1e-5);
        ToQ = Linear.Of(scope["to_q"], options.QueryDim, inner, options.Bias);
        if (!options.OnlyCrossAttention)
        {
            ToK = Linear.Of(scope["to_k"], keys, inner, options.Bias);
            ToV = Linear.Of(scope["to_v"], keys, inner, options.Bias);
        }
        if (options.AddedKvDim > 0)
        {
            AddKProj = Linear.Of(scope["add_k_proj"], options.AddedKvDim, inner);
            AddVProj = Linear.Of(scope["add_v_proj"], options.AddedKvDim, inner);
        }
        ToOut = Linear.Of(scope["to_out", 0], inner, options.QueryDim, options.OutBias);
    }

    /// <summary>The layer's place in the model, e.g. <c>down_blocks.0.attentions.0.transformer_blocks.0.attn2</c>.</summary>
    public string Name { get; }

    /// <summary>How it was built.</summary>
    public AttentionOptions Options { get; }

    /// <summary>Heads.</summary>
    public int Heads => Options.Heads;

    /// <summary>The projection of queries.</summary>
    public Linear ToQ { get; }

    /// <summary>The projection of keys; none with <see cref="AttentionOptions.OnlyCrossAttention"/>.</summary>
    public Linear? ToK { get; }

    /// <summary>The projection of values; none with <see cref="AttentionOptions.OnlyCrossAttention"/>.</summary>
    public Linear? ToV { get; }

    /// <summary>The projection of added keys, if any.</summary>
    public Linear? AddKProj { get; }

    /// <summary>The projection of added values, if any.</summary>
    public Linear? AddVProj { get; }

    /// <summary>The final projection.</summary>
    public Linear ToOut { get; }

    /// <summary>The layer of a scope.</summary>
    /// <exception cref="Formats.CheckpointException">The heads don't divide the channels, or are none.</exception>
    /// <exception cref="NotSupportedException">The normalisation of the keys' side isn't known.</exception>
    public static Attention Of(WeightScope scope, AttentionOptions options)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Heads < 1 || options.HeadDim < 1 || options.Heads * options.HeadDim != options.QueryDim)
            throw scope.Invalid($"{options.Heads} heads of {options.HeadDim} channels don't make {options.QueryDim} channels. Check attention_head_dim in config.json.");
        return options.CrossAttentionNorm is "" or "layer_norm" or "group_norm" ? new Attention(scope, options)
            : throw new NotSupportedException($"{scope.Path}: cross_attention_norm '{options.CrossAttentionNorm}' isn't known; use layer_norm, group_norm or none.");
    }

    /// <summary>The options of attention over image positions with heads of a given size.</summary>
    internal static AttentionOptions OverPositions(WeightScope scope, int channels, int headDim) => new()
    {
        QueryDim = channels,
        Heads = headDim > 0 && channels % headDim == 0 ? channels / headDim
            : throw scope.Invalid($"attention_head_dim {headDim} doesn't divide {channels} channels."),
        HeadDim = headDim,
        Bias = true,
    };

    /// <summary>The layer's result, in the shape of the input.</summary>
    /// <param name="hiddenStates">Tokens [N, L, C] or an image [N, C, H, W].</param>
    /// <param name="encoderHiddenStates">The keys' side [N, K, D]; the input itself where there is none.</param>
    /// <param name="mask">Added to the scores, [N, 1, K], if any. Keys beyond its length aren't masked.</param>
    /// <param name="condition">Latents for a spatial normalisation, if the layer has one.</param>
    public Tensor Forward(Tensor hiddenStates, Tensor? encoderHiddenStates = null, Tensor? mask = null, Tensor? condition = null)
    {
        ArgumentNullException.ThrowIfNull(hiddenStates);
        var x = spatialNorm is not null && condition is not null ? spatialNorm.Forward(hiddenStates, condition) : hiddenStates;
        var tokens = groupNorm is null ? ToTokens(x) : ToTokens(Normalized(groupNorm, x));
        var keys = encoderHiddenStates is null ? null : Encoded(encoderHiddenStates);
        var attended = AddKProj is null ? Attend(tokens, keys ?? tokens, mask) : AttendAdded(tokens, keys ?? ToTokens(hiddenStates), mask);
        var result = FromTokens(ToOut.Forward(attended), hiddenStates.Shape);
        if (Options.ResidualConnection || AddKProj is not null)
            result += hiddenStates;
        return Options.RescaleOutputFactor == 1 ? result : result / Options.RescaleOutputFactor;
    }

    /// <summary>[N, L, heads·size] → [N, heads, L, size].</summary>
    public Tensor SplitHeads(Tensor x) => x.Reshape(x.Shape[0], x.Shape[1], Heads, -1).Permute(0, 2, 1, 3);

    /// <summary>[N, heads, L, size] → [N, L, heads·size].</summary>
    public static Tensor MergeHeads(Tensor x) => x.Permute(0, 2, 1, 3).Reshape(x.Shape[0], x.Shape[2], -1);

    /// <summary>An image [N, C, H, W] as tokens [N, H·W, C]; tokens stay tokens.</summary>
    public static Tensor ToTokens(Tensor x) => x.Rank == 3 ? x : x.Reshape(x.Shape[0], x.Shape[1], -1).Permute(0, 2, 1);

    /// <summary>Tokens [N, H·W, C] as an image of the given shape; tokens stay tokens where it has three axes.</summary>
    public static Tensor FromTokens(Tensor x, Shape shape) => shape.Rank == 3 ? x : x.Permute(0, 2, 1).Reshape(x.Shape[0], -1, shape[2], shape[3]);

    /// <summary>The keys' side after the layer's own normalisation, if it has one.</summary>
    public Tensor Encoded(Tensor encoderHiddenStates) =>
        crossLayerNorm is not null ? crossLayerNorm.Forward(encoderHiddenStates)
        : crossGroupNorm is not null ? Normalized(crossGroupNorm, encoderHiddenStates)
        : encoderHiddenStates;

    /// <summary>A mask [N, 1, K] for scores [N, heads, L, keys]: keys beyond its length aren't masked.</summary>
    public static Tensor? ToScores(Tensor? mask, int keys)
    {
        if (mask is null)
            return null;
        var whole = mask.Shape[-1] < keys ? mask.Pad(-1, 0, keys - mask.Shape[-1]) : mask;
        return whole.Rank == 4 ? whole : whole.Unsqueeze(1);
    }

    private Tensor Attend(Tensor tokens, Tensor keys, Tensor? mask)
    {
        var (k, v) = (SplitHeads(Required(ToK).Forward(keys)), SplitHeads(Required(ToV).Forward(keys)));
        return MergeHeads(Tensor.Attention(SplitHeads(ToQ.Forward(tokens)), k, v, mask: ToScores(mask, k.Shape[2])));
    }

    // The text's keys and values come first, then the image's own.
    private Tensor AttendAdded(Tensor tokens, Tensor text, Tensor? mask)
    {
        var (k, v) = (SplitHeads(Required(AddKProj).Forward(text)), SplitHeads(Required(AddVProj).Forward(text)));
        if (ToK is not null && ToV is not null)
        {
            k = Tensor.Concat(2, k, SplitHeads(ToK.Forward(tokens)));
            v = Tensor.Concat(2, v, SplitHeads(ToV.Forward(tokens)));
        }
        return MergeHeads(Tensor.Attention(SplitHeads(ToQ.Forward(tokens)), k, v, mask: ToScores(mask, k.Shape[2])));
    }

    private Linear Required(Linear? projection) => projection
        ?? throw new NotSupportedException($"{Name}: this layer has no projection of its own for keys and values; give it encoderHiddenStates.");

    // Channels are the last axis of tokens and the second of images.
    private static Tensor Normalized(GroupNorm norm, Tensor x) => x.Rank == 3 ? norm.Forward(x.Permute(0, 2, 1)).Permute(0, 2, 1) : norm.Forward(x);
}
