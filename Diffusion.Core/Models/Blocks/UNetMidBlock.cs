using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>The middle of a UNet or of an autoencoder: a residual block, then attention and another residual block for each layer.</summary>
/// <param name="Layers">The layers, one after another.</param>
public sealed record UNetMidBlock(ImmutableArray<BlockLayer> Layers)
{
    /// <summary>
    /// The block of a scope. <see cref="UNetBlockSpec.Layers"/> says how many pairs of attention and residual block follow the first
    /// residual block; <see cref="UNetBlockSpec.InChannels"/> is the number of channels, <see cref="UNetBlockSpec.OutScaleFactor"/>
    /// divides all sums.
    /// </summary>
    /// <exception cref="NotSupportedException">The class isn't known.</exception>
    public static UNetMidBlock Of(WeightScope scope, UNetBlockSpec spec)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(spec);
        int channels = spec.InChannels, groups = spec.Groups > 0 ? spec.Groups : Math.Min(channels / 4, 32);
        spec = spec with { Groups = groups };
        // Where the time embedding scales, the reference leaves the attention's normalisation away unless it is asked for.
        int attentionGroups = spec.AttentionGroups > 0 ? spec.AttentionGroups : spec.TimeScaleShift == "default" ? groups : 0;
        Func<int, BlockLayer>? attention = spec.PlainType switch
        {
            "UNetMidBlock2DCrossAttn" => i => BlockLayers.Transformer(scope["attentions", i], spec with { OnlyCrossAttention = false }, channels, i),
            "UNetMidBlock2DSimpleCrossAttn" => i => BlockLayers.AddedKvAttention(scope["attentions", i], spec, channels),
            "UNetMidBlock2D" => spec.AddAttention
                ? i => BlockLayers.SelfAttention(scope["attentions", i], spec, channels, attentionGroups, spec.OutScaleFactor,
                    spec.TimeScaleShift == "spatial" ? spec.TembChannels : 0)
                : null,
            var other => throw new NotSupportedException($"{scope.Path}: mid_block_type '{other}' isn't known; use UNetMidBlock2D, UNetMidBlock2DCrossAttn, UNetMidBlock2DSimpleCrossAttn or null."),
        };
        var options = spec.Resnet(channels, channels, groups) with
        {
            OutputScaleFactor = spec.OutScaleFactor,
            SkipTimeAct = spec.SkipTimeAct && spec.PlainType == "UNetMidBlock2DSimpleCrossAttn",
        };
        BlockLayer Resnet(int i) => BlockLayers.Resnet(scope["resnets", i], options);
        return new UNetMidBlock([Resnet(0), .. Enumerable.Range(0, spec.Layers).Select(i => attention is null ? Resnet(i + 1) : attention(i).Then(Resnet(i + 1)))]);
    }

    /// <summary>[N, C, H, W] → [N, C, H, W].</summary>
    public Tensor Forward(Tensor x, BlockContext context) => Layers.Aggregate(x, (h, layer) => layer(h, context));
}
