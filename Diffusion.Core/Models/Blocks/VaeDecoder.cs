using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>The decoder of an autoencoder: attention in the middle, then convolutional blocks that double the size.</summary>
public sealed record VaeDecoder
{
    private readonly Conv2d convIn;
    private readonly UNetMidBlock mid;
    private readonly ImmutableArray<BlockLayer> blocks;
    private readonly Func<Tensor, Tensor?, Tensor> normOut;
    private readonly Conv2d convOut;

    private VaeDecoder(WeightScope scope, VaeNetworkOptions options)
    {
        var channels = options.BlockOutChannels;
        convIn = Conv2d.Of(scope["conv_in"], options.InChannels, channels[^1]);
        mid = options.Mid(scope["mid_block"]);
        blocks = [.. options.BlockTypes.Select((type, i) => (Type: type, Index: i, Level: channels.Length - 1 - i)).Select(at =>
            Block(scope["up_blocks", at.Index], options.Spec(at.Type, channels[at.Level]) with
            {
                InChannels = channels[Math.Min(at.Level + 1, channels.Length - 1)],
                Layers = options.LayersPerBlock + 1,
                Resample = at.Level > 0,
            }))];
        normOut = NormOut(scope["conv_norm_out"], options);
        convOut = Conv2d.Of(scope["conv_out"], channels[0], options.OutChannels);
    }

    /// <summary>The network of a scope.</summary>
    /// <exception cref="NotSupportedException">A block's class isn't known.</exception>
    public static VaeDecoder Of(WeightScope scope, VaeNetworkOptions options)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(options);
        return new VaeDecoder(scope, options);
    }

    /// <summary>[N, C, H, W] → [N, C′, f·H, f·W].</summary>
    /// <param name="x">The latents.</param>
    /// <param name="latents">What steers spatial normalisations, where the decoder has them.</param>
    public Tensor Forward(Tensor x, Tensor? latents = null)
    {
        var context = new BlockContext { TimeEmbedding = latents };
        x = blocks.Aggregate(mid.Forward(convIn.Forward(x), context), (h, block) => block(h, context));
        return convOut.Forward(normOut(x, latents).Silu());
    }

    private static BlockLayer Block(WeightScope scope, UNetBlockSpec spec)
    {
        if (spec.Type is not ("UpDecoderBlock2D" or "AttnUpDecoderBlock2D"))
            throw new NotSupportedException($"{scope.Path}: block type '{spec.Type}' isn't known; use UpDecoderBlock2D or AttnUpDecoderBlock2D.");
        bool isSpatial = spec.TimeScaleShift == "spatial";
        BlockLayer Layer(int i)
        {
            var resnet = BlockLayers.Resnet(scope["resnets", i], spec.Resnet(i == 0 ? spec.InChannels : spec.OutChannels, spec.OutChannels, spec.Groups));
            return spec.Type == "UpDecoderBlock2D" ? resnet
                : resnet.Then(BlockLayers.SelfAttention(scope["attentions", i], spec, spec.OutChannels, isSpatial ? 0 : spec.Groups, 1, isSpatial ? spec.TembChannels : 0));
        }
        ImmutableArray<BlockLayer> layers = [.. Enumerable.Range(0, spec.Layers).Select(Layer)];
        var up = spec.Resample ? Upsample2D.Of(scope["upsamplers", 0], spec.OutChannels) : null;
        return (x, context) =>
        {
            x = layers.Aggregate(x, (h, layer) => layer(h, context));
            return up is null ? x : up.Forward(x);
        };
    }

    private static Func<Tensor, Tensor?, Tensor> NormOut(WeightScope scope, VaeNetworkOptions options)
    {
        if (options.NormType != "spatial")
        {
            var norm = GroupNorm.Of(scope, options.BlockOutChannels[0], options.NormNumGroups, 1e-6);
            return (x, _) => norm.Forward(x);
        }
        var spatial = SpatialNorm.Of(scope, options.BlockOutChannels[0], options.InChannels);
        return (x, latents) => spatial.Forward(x, latents ?? throw new TensorShapeException("VaeDecoder: this decoder is steered by its latents; give them."));
    }
}
