using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>What a downward block gives.</summary>
/// <param name="Hidden">The features for the next block.</param>
/// <param name="Residuals">The skip connections, in order; an absent one is passed over by the upward half.</param>
/// <param name="SkipSample">The picture that skip blocks carry along, if any.</param>
public sealed record DownBlockResult(Tensor Hidden, ImmutableArray<Tensor?> Residuals, Tensor? SkipSample);

/// <summary>A block of a UNet's downward half: layers, each of which leaves a skip connection, then half the size.</summary>
public sealed record UNetDownBlock
{
    private readonly ImmutableArray<BlockLayer> layers;
    private readonly BlockLayer? downsample;
    private readonly Conv2d? skipConv;
    private readonly bool isK;

    private UNetDownBlock(UNetBlockSpec spec, ImmutableArray<BlockLayer> layers, BlockLayer? downsample, Conv2d? skipConv = null, bool isK = false)
    {
        Type = spec.PlainType;
        (this.layers, this.downsample, this.skipConv, this.isK) = (layers, downsample, skipConv, isK);
    }

    /// <summary>The block's class, e.g. <c>CrossAttnDownBlock2D</c>.</summary>
    public string Type { get; }

    /// <summary>Whether the block looks at text tokens.</summary>
    public bool HasCrossAttention => Type.Contains("CrossAttn", StringComparison.Ordinal);

    /// <summary>How many skip connections the block leaves.</summary>
    public int ResidualCount => layers.Length + (downsample is null || isK ? 0 : 1);

    /// <summary>The block of a scope, by the class in its specification.</summary>
    /// <exception cref="NotSupportedException">The class isn't known.</exception>
    public static UNetDownBlock Of(WeightScope scope, UNetBlockSpec spec)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(spec);
        return spec.PlainType switch
        {
            "DownBlock2D" => Plain(scope, spec, Conv(scope, spec), null),
            "CrossAttnDownBlock2D" => Plain(scope, spec, Conv(scope, spec), i => BlockLayers.Transformer(scope["attentions", i], spec, spec.OutChannels, i)),
            "AttnDownBlock2D" => Plain(scope, spec, spec.ResampleType switch
            {
                "conv" => Conv(scope, spec),
                "resnet" => ResnetDown(scope, spec, spec.Resnet(spec.OutChannels, spec.OutChannels, spec.RequiredGroups(scope))),
                var other => throw new NotSupportedException($"{scope.Path}: downsample_type '{other}' isn't known; use conv or resnet."),
            }, i => BlockLayers.SelfAttention(scope["attentions", i], spec, spec.OutChannels, spec.RequiredGroups(scope), 1)),
            "ResnetDownsampleBlock2D" => Scaled(scope, spec, null),
            "SimpleCrossAttnDownBlock2D" => Scaled(scope, spec, i => BlockLayers.AddedKvAttention(scope["attentions", i], spec, spec.OutChannels)),
            "SkipDownBlock2D" => Skip(scope, spec, false),
            "AttnSkipDownBlock2D" => Skip(scope, spec, true),
            "KDownBlock2D" => K(scope, spec, false),
            "KCrossAttnDownBlock2D" => K(scope, spec, true),
            var other => throw new NotSupportedException($"{scope.Path}: block type '{other}' isn't known; use DownBlock2D, CrossAttnDownBlock2D, AttnDownBlock2D, "
                + "ResnetDownsampleBlock2D, SimpleCrossAttnDownBlock2D, SkipDownBlock2D, AttnSkipDownBlock2D, KDownBlock2D or KCrossAttnDownBlock2D."),
        };
    }

    /// <summary>[N, C, H, W] → [N, C′, H/2, W/2].</summary>
    /// <param name="x">The features.</param>
    /// <param name="context">What all blocks see.</param>
    /// <param name="additionalResidual">Added after the last layer (T2I-Adapter), if any.</param>
    /// <param name="skipSample">The picture that skip blocks carry along, if any.</param>
    public DownBlockResult Forward(Tensor x, BlockContext context, Tensor? additionalResidual = null, Tensor? skipSample = null)
    {
        var residuals = ImmutableArray.CreateBuilder<Tensor?>();
        for (int i = 0; i < layers.Length; i++)
        {
            x = layers[i](x, context);
            if (additionalResidual is not null && i == layers.Length - 1)
                x += additionalResidual;
            // A last block of the K kind keeps nothing where it has cross-attention: the way up begins right after it.
            residuals.Add(isK && HasCrossAttention && downsample is null ? null : x);
        }
        if (downsample is null)
            return new DownBlockResult(x, residuals.ToImmutable(), skipSample);
        x = downsample(x, context);
        if (skipConv is not null && skipSample is not null)
        {
            skipSample = FirResample2D.Down(skipSample);
            x = skipConv.Forward(skipSample) + x;
        }
        if (!isK)
            residuals.Add(x);
        return new DownBlockResult(x, residuals.ToImmutable(), skipSample);
    }

    private static UNetDownBlock Plain(WeightScope scope, UNetBlockSpec spec, BlockLayer? downsample, Func<int, BlockLayer>? attention) =>
        new(spec, Layers(spec, i => BlockLayers.Resnet(scope["resnets", i], spec.Resnet(Inputs(spec, i), spec.OutChannels, spec.RequiredGroups(scope))), attention), downsample);

    private static UNetDownBlock Scaled(WeightScope scope, UNetBlockSpec spec, Func<int, BlockLayer>? attention)
    {
        ResnetOptions Options(int inputs) => spec.Resnet(inputs, spec.OutChannels, spec.RequiredGroups(scope)) with
        {
            OutputScaleFactor = spec.OutScaleFactor,
            SkipTimeAct = spec.SkipTimeAct,
        };
        return new UNetDownBlock(spec, Layers(spec, i => BlockLayers.Resnet(scope["resnets", i], Options(Inputs(spec, i))), attention),
            ResnetDown(scope, spec, Options(spec.OutChannels)));
    }

    private static UNetDownBlock Skip(WeightScope scope, UNetBlockSpec spec, bool attention)
    {
        ResnetOptions Options(int inputs) => spec.Resnet(inputs, spec.OutChannels, Math.Min(inputs / 4, 32)) with
        {
            GroupsOut = Math.Min(spec.OutChannels / 4, 32),
            OutputScaleFactor = Math.Sqrt(2),
        };
        var layers = Layers(spec, i => BlockLayers.Resnet(scope["resnets", i], Options(Inputs(spec, i))),
            attention ? i => BlockLayers.SelfAttention(scope["attentions", i], spec, spec.OutChannels, 32, Math.Sqrt(2)) : null);
        return spec.Resample
            ? new UNetDownBlock(spec, layers,
                BlockLayers.Resnet(scope["resnet_down"], Options(spec.OutChannels) with { UseInShortcut = true, Resampling = ResnetResampling.FirDown }),
                Conv2d.Of(scope["skip_conv"], 3, spec.OutChannels, kernel: 1, padding: 0))
            : new UNetDownBlock(spec, layers, null);
    }

    private static UNetDownBlock K(WeightScope scope, UNetBlockSpec spec, bool attention)
    {
        const int GroupSize = 32;
        var layers = Layers(spec, i => BlockLayers.Resnet(scope["resnets", i], spec.Resnet(Inputs(spec, i), spec.OutChannels, Inputs(spec, i) / GroupSize) with
        {
            GroupsOut = spec.OutChannels / GroupSize,
            TimeScaleShift = "ada_group",
            ShortcutBias = false,
        }), attention ? i => KAttentionBlock.Of(scope["attentions", i], spec.OutChannels, spec.HeadDim, spec.CrossAttentionDim, spec.TembChannels, !spec.Resample).Forward : null);
        return new UNetDownBlock(spec, layers, spec.Resample ? (x, _) => KResample2D.Down(x) : null, isK: true);
    }

    private static int Inputs(UNetBlockSpec spec, int layer) => layer == 0 ? spec.InChannels : spec.OutChannels;

    private static ImmutableArray<BlockLayer> Layers(UNetBlockSpec spec, Func<int, BlockLayer> resnet, Func<int, BlockLayer>? attention) =>
        [.. Enumerable.Range(0, spec.Layers).Select(i => attention is null ? resnet(i) : resnet(i).Then(attention(i)))];

    private static BlockLayer? Conv(WeightScope scope, UNetBlockSpec spec)
    {
        if (!spec.Resample)
            return null;
        var conv = Downsample2D.Of(scope["downsamplers", 0], spec.OutChannels, spec.DownsamplePadding);
        return (x, _) => conv.Forward(x);
    }

    private static BlockLayer? ResnetDown(WeightScope scope, UNetBlockSpec spec, ResnetOptions options) =>
        spec.Resample ? BlockLayers.Resnet(scope["downsamplers", 0], options with { Resampling = ResnetResampling.Down }) : null;
}
