using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>How an autoencoder's encoder or decoder is built; the names are diffusers'.</summary>
public sealed record VaeNetworkOptions
{
    /// <summary>Channels in.</summary>
    public required int InChannels { get; init; }

    /// <summary>Channels out.</summary>
    public required int OutChannels { get; init; }

    /// <summary>Classes of the blocks in order.</summary>
    public required ImmutableArray<string> BlockTypes { get; init; }

    /// <summary>Channels, a level each, finest first.</summary>
    public required ImmutableArray<int> BlockOutChannels { get; init; }

    /// <summary>Layers of an encoder's block; a decoder's has one more.</summary>
    public int LayersPerBlock { get; init; } = 2;

    /// <summary>Groups of normalisations.</summary>
    public int NormNumGroups { get; init; } = 32;

    /// <summary>The activation inside blocks.</summary>
    public string ActFn { get; init; } = "silu";

    /// <summary><c>group</c>, or <c>spatial</c> for a decoder that is steered by its latents (MoVQ).</summary>
    public string NormType { get; init; } = "group";

    /// <summary>Whether the middle has attention.</summary>
    public bool MidBlockAddAttention { get; init; } = true;

    internal UNetBlockSpec Spec(string type, int channels) => new()
    {
        Type = type,
        InChannels = channels,
        OutChannels = channels,
        Layers = LayersPerBlock,
        Epsilon = 1e-6,
        Activation = ActFn,
        Groups = NormNumGroups,
        HeadDim = channels,
        DownsamplePadding = 0,
        AddAttention = MidBlockAddAttention,
        TimeScaleShift = NormType == "spatial" ? "spatial" : "default",
        // What steers a spatial normalisation goes the way of the time embedding.
        TembChannels = NormType == "spatial" ? InChannels : 0,
    };

    internal UNetMidBlock Mid(WeightScope scope) => UNetMidBlock.Of(scope, Spec("UNetMidBlock2D", BlockOutChannels[^1]) with { Layers = 1 });
}

/// <summary>The encoder of an autoencoder: convolutional blocks that halve the size, and attention in the middle.</summary>
public sealed record VaeEncoder
{
    private readonly Conv2d convIn;
    private readonly ImmutableArray<BlockLayer> blocks;
    private readonly UNetMidBlock mid;
    private readonly GroupNorm normOut;
    private readonly Conv2d convOut;

    private VaeEncoder(WeightScope scope, VaeNetworkOptions options)
    {
        var channels = options.BlockOutChannels;
        convIn = Conv2d.Of(scope["conv_in"], options.InChannels, channels[0]);
        blocks = [.. options.BlockTypes.Select((type, i) => Block(scope["down_blocks", i], type, options.Spec(type, channels[i]) with
        {
            InChannels = channels[Math.Max(0, i - 1)],
            Resample = i < channels.Length - 1,
        }))];
        mid = options.Mid(scope["mid_block"]);
        normOut = GroupNorm.Of(scope["conv_norm_out"], channels[^1], options.NormNumGroups, 1e-6);
        convOut = Conv2d.Of(scope["conv_out"], channels[^1], options.OutChannels);
    }

    /// <summary>The network of a scope.</summary>
    /// <exception cref="NotSupportedException">A block's class isn't known.</exception>
    public static VaeEncoder Of(WeightScope scope, VaeNetworkOptions options)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(options);
        return new VaeEncoder(scope, options);
    }

    /// <summary>[N, C, H, W] → [N, C′, H/f, W/f].</summary>
    public Tensor Forward(Tensor x)
    {
        var context = new BlockContext();
        x = blocks.Aggregate(convIn.Forward(x), (h, block) => block(h, context));
        return convOut.Forward(normOut.Forward(mid.Forward(x, context)).Silu());
    }

    private static BlockLayer Block(WeightScope scope, string type, UNetBlockSpec spec)
    {
        if (type is not ("DownEncoderBlock2D" or "AttnDownEncoderBlock2D"))
            throw new NotSupportedException($"{scope.Path}: block type '{type}' isn't known; use DownEncoderBlock2D or AttnDownEncoderBlock2D.");
        var block = UNetDownBlock.Of(scope, spec with { Type = type == "DownEncoderBlock2D" ? "DownBlock2D" : "AttnDownBlock2D" });
        return (x, context) => block.Forward(x, context).Hidden;
    }
}
