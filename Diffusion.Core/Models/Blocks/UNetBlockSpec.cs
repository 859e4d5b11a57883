using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Everything that a UNet's block can be told; a block takes what it needs. The names are diffusers'.</summary>
public sealed record UNetBlockSpec
{
    /// <summary>The block's class, e.g. <c>CrossAttnDownBlock2D</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Residual blocks.</summary>
    public int Layers { get; init; } = 1;

    /// <summary>Transformer blocks of each layer.</summary>
    public ImmutableArray<int> TransformerLayers { get; init; } = [1];

    /// <summary>Channels in. Of an upward block: channels of the level above, whose skip connection comes last.</summary>
    public required int InChannels { get; init; }

    /// <summary>Channels out.</summary>
    public required int OutChannels { get; init; }

    /// <summary>Channels of the features that come in from the level below (upward blocks).</summary>
    public int PreviousChannels { get; init; }

    /// <summary>Channels of the time embedding; 0 for none.</summary>
    public int TembChannels { get; init; }

    /// <summary>Whether the block changes the size at its end.</summary>
    public bool Resample { get; init; }

    /// <summary><c>conv</c> or <c>resnet</c>, for blocks that leave the choice.</summary>
    public string ResampleType { get; init; } = "conv";

    /// <summary>Zeros around the input of a downsampling convolution.</summary>
    public int DownsamplePadding { get; init; } = 1;

    /// <summary>Added to variances.</summary>
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "silu";

    /// <summary>Normalisation groups; 0 where the configuration has none, and then the block must know its own.</summary>
    public int Groups { get; init; }

    /// <summary>Normalisation groups of a middle block's attention; 0 to take <see cref="Groups"/>.</summary>
    public int AttentionGroups { get; init; }

    /// <summary>Heads of transformers.</summary>
    public int Heads { get; init; } = 1;

    /// <summary>Channels of a head in attention layers without a transformer around.</summary>
    public int HeadDim { get; init; } = 1;

    /// <summary>Channels of the text tokens.</summary>
    public int CrossAttentionDim { get; init; }

    /// <summary><c>layer_norm</c> or <c>group_norm</c> on text tokens; empty for none.</summary>
    public string CrossAttentionNorm { get; init; } = "";

    /// <summary>Two transformers, for text and image tokens.</summary>
    public bool DualCrossAttention { get; init; }

    /// <summary>Linear layers around transformer blocks.</summary>
    public bool UseLinearProjection { get; init; }

    /// <summary>No self-attention.</summary>
    public bool OnlyCrossAttention { get; init; }

    /// <summary><c>default</c>, <c>gated</c> or <c>gated-text-image</c>.</summary>
    public string AttentionType { get; init; } = "default";

    /// <summary>How the time embedding comes in.</summary>
    public string TimeScaleShift { get; init; } = "default";

    /// <summary>The time embedding comes activated already.</summary>
    public bool SkipTimeAct { get; init; }

    /// <summary>Residual sums are divided by it, in blocks that do so.</summary>
    public double OutScaleFactor { get; init; } = 1;

    /// <summary>Whether a middle block has attention.</summary>
    public bool AddAttention { get; init; } = true;

    /// <summary>An upward block's index; 0 is the coarsest.</summary>
    public int ResolutionIndex { get; init; }

    /// <summary>The type without the prefix that old configurations have.</summary>
    internal string PlainType => Type.StartsWith("UNetRes", StringComparison.Ordinal) ? Type[7..] : Type;

    internal int RequiredGroups(WeightScope scope) => Groups > 0 ? Groups
        : throw scope.Invalid($"norm_num_groups is null, but {Type} needs it. Give a number in config.json.");

    internal ResnetOptions Resnet(int inChannels, int outChannels, int groups) => new()
    {
        InChannels = inChannels,
        OutChannels = outChannels,
        TembChannels = TembChannels,
        Groups = groups,
        Epsilon = Epsilon,
        Activation = Activation,
        TimeScaleShift = TimeScaleShift,
    };
}

/// <summary>One layer of a block: a residual block and the attention after it.</summary>
public delegate Tensor BlockLayer(Tensor x, BlockContext context);

internal static class BlockLayers
{
    /// <summary>A residual block as a layer.</summary>
    public static BlockLayer Resnet(WeightScope scope, ResnetOptions options)
    {
        if (options.TimeScaleShift is "ada_group" or "spatial")
        {
            var conditioned = ResnetBlockCondNorm2D.Of(scope, options);
            return (x, context) => conditioned.Forward(x, context.TimeEmbedding
                ?? throw new TensorShapeException($"{scope.Path}: this block needs a time embedding or latents to be steered by."));
        }
        var block = ResnetBlock2D.Of(scope, options);
        return (x, context) => block.Forward(x, context.TimeEmbedding);
    }

    /// <summary>Attention over positions as a layer.</summary>
    public static BlockLayer SelfAttention(WeightScope scope, UNetBlockSpec spec, int channels, int groups, double rescale, int spatialNormDim = 0)
    {
        var attention = Attention.Of(scope, Attention.OverPositions(scope, channels, spec.HeadDim) with
        {
            RescaleOutputFactor = rescale,
            Epsilon = spec.Epsilon,
            NormGroups = groups,
            SpatialNormDim = spatialNormDim,
            ResidualConnection = true,
        });
        return (x, context) => context.Attention(new AttentionCall(attention, x, null, null, spatialNormDim > 0 ? context.TimeEmbedding : null));
    }

    /// <summary>Attention over positions and text tokens together as a layer.</summary>
    public static BlockLayer AddedKvAttention(WeightScope scope, UNetBlockSpec spec, int channels)
    {
        var attention = Attention.Of(scope, Attention.OverPositions(scope, channels, spec.HeadDim) with
        {
            CrossAttentionDim = channels,
            AddedKvDim = RequiredCrossAttentionDim(scope, spec),
            NormGroups = spec.RequiredGroups(scope),
            OnlyCrossAttention = spec.OnlyCrossAttention,
            CrossAttentionNorm = spec.CrossAttentionNorm,
        });
        return (x, context) => context.Attend(attention, x, context.EncoderHiddenStates,
            context.AttentionMask ?? (context.EncoderHiddenStates is null ? null : context.EncoderAttentionMask));
    }

    /// <summary>A transformer, or two, as a layer.</summary>
    public static BlockLayer Transformer(WeightScope scope, UNetBlockSpec spec, int channels, int layer)
    {
        var options = new TransformerOptions
        {
            Heads = spec.Heads,
            HeadDim = spec.Heads > 0 && channels % spec.Heads == 0 ? channels / spec.Heads
                : throw scope.Invalid($"{spec.Heads} attention heads (attention_head_dim in config.json) don't divide {channels} channels."),
            CrossAttentionDim = RequiredCrossAttentionDim(scope, spec),
            NormGroups = spec.RequiredGroups(scope),
        };
        if (spec.DualCrossAttention)
            return DualTransformer2DModel.Of(scope, channels, options).Forward;
        return Transformer2DModel.Of(scope, channels, options with
        {
            Layers = spec.TransformerLayers.Length == 1 ? spec.TransformerLayers[0]
                : layer < spec.TransformerLayers.Length ? spec.TransformerLayers[layer]
                : throw scope.Invalid($"transformer_layers_per_block has {spec.TransformerLayers.Length} numbers for a block of {spec.Layers} layers."),
            OnlyCrossAttention = spec.OnlyCrossAttention,
            UseLinearProjection = spec.UseLinearProjection,
            AttentionType = spec.AttentionType,
        }).Forward;
    }

    public static BlockLayer Then(this BlockLayer first, BlockLayer second) => (x, context) => second(first(x, context), context);

    private static int RequiredCrossAttentionDim(WeightScope scope, UNetBlockSpec spec) => spec.CrossAttentionDim > 0 ? spec.CrossAttentionDim
        : throw scope.Invalid($"{spec.Type} needs cross_attention_dim. Give a number above 0 in config.json.");
}
