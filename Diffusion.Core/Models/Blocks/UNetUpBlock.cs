using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>What an upward block gives.</summary>
/// <param name="Hidden">The features for the next block.</param>
/// <param name="SkipSample">The picture that skip blocks carry along, if any.</param>
public sealed record UpBlockResult(Tensor Hidden, Tensor? SkipSample);

/// <summary>A block of a UNet's upward half: layers, each of which takes in a skip connection, then twice the size.</summary>
public sealed record UNetUpBlock
{
    private readonly int resolutionIndex;
    private readonly ImmutableArray<BlockLayer> layers;
    private readonly Func<Tensor, BlockContext, (int Height, int Width)?, Tensor>? upsample;
    private readonly BlockLayer? toPicture;
    private readonly bool isK;

    private UNetUpBlock(
        UNetBlockSpec spec, ImmutableArray<BlockLayer> layers, Func<Tensor, BlockContext, (int Height, int Width)?, Tensor>? upsample,
        BlockLayer? toPicture = null, bool isK = false)
    {
        Type = spec.PlainType;
        resolutionIndex = spec.ResolutionIndex;
        (this.layers, this.upsample, this.toPicture, this.isK) = (layers, upsample, toPicture, isK);
    }

    /// <summary>The block's class, e.g. <c>CrossAttnUpBlock2D</c>.</summary>
    public string Type { get; }

    /// <summary>How many skip connections the block takes.</summary>
    public int ResidualCount => layers.Length;

    private bool IsSkip => Type is "SkipUpBlock2D" or "AttnSkipUpBlock2D";

    /// <summary>The block of a scope, by the class in its specification.</summary>
    /// <exception cref="NotSupportedException">The class isn't known.</exception>
    public static UNetUpBlock Of(WeightScope scope, UNetBlockSpec spec)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(spec);
        return spec.PlainType switch
        {
            "UpBlock2D" => Plain(scope, spec, Conv(scope, spec), null),
            "CrossAttnUpBlock2D" => Plain(scope, spec, Conv(scope, spec), i => BlockLayers.Transformer(scope["attentions", i], spec, spec.OutChannels, i)),
            "AttnUpBlock2D" => Plain(scope, spec, spec.ResampleType switch
            {
                "conv" => Conv(scope, spec),
                "resnet" => ResnetUp(scope, spec, spec.Resnet(spec.OutChannels, spec.OutChannels, spec.RequiredGroups(scope))),
                var other => throw new NotSupportedException($"{scope.Path}: upsample_type '{other}' isn't known; use conv or resnet."),
            }, i => BlockLayers.SelfAttention(scope["attentions", i], spec, spec.OutChannels, spec.RequiredGroups(scope), 1)),
            "ResnetUpsampleBlock2D" => Scaled(scope, spec, null),
            "SimpleCrossAttnUpBlock2D" => Scaled(scope, spec, i => BlockLayers.AddedKvAttention(scope["attentions", i], spec, spec.OutChannels)),
            "SkipUpBlock2D" => Skip(scope, spec, false),
            "AttnSkipUpBlock2D" => Skip(scope, spec, true),
            "KUpBlock2D" => K(scope, spec),
            "KCrossAttnUpBlock2D" => KCross(scope, spec),
            var other => throw new NotSupportedException($"{scope.Path}: block type '{other}' isn't known; use UpBlock2D, CrossAttnUpBlock2D, AttnUpBlock2D, "
                + "ResnetUpsampleBlock2D, SimpleCrossAttnUpBlock2D, SkipUpBlock2D, AttnSkipUpBlock2D, KUpBlock2D or KCrossAttnUpBlock2D."),
        };
    }

    /// <summary>[N, C, H, W] → [N, C′, 2H, 2W].</summary>
    /// <param name="x">The features.</param>
    /// <param name="residuals">This block's skip connections in the order in which they were made; the last is taken first.</param>
    /// <param name="context">What all blocks see.</param>
    /// <param name="size">Rows and columns of the result, where they aren't just doubled.</param>
    /// <param name="skipSample">The picture that skip blocks carry along, if any.</param>
    public UpBlockResult Forward(
        Tensor x, ImmutableArray<Tensor?> residuals, BlockContext context, (int Height, int Width)? size = null, Tensor? skipSample = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        for (int i = 0; i < layers.Length; i++)
        {
            // Blocks of the K kind take one skip connection only, before their first layer.
            if (residuals[^(i + 1)] is { } residual && (!isK || i == 0))
                x = context.Skip(new SkipConnection(Type, resolutionIndex, i, x, residual)).Joined();
            x = layers[i](x, context);
        }
        if (IsSkip)
            x = AfterAttention(x, context);
        if (IsSkip && skipSample is not null)
            skipSample = FirResample2D.Up(skipSample);
        if (toPicture is not null)
        {
            var picture = toPicture(x, context);
            skipSample = skipSample is null ? picture : skipSample + picture;
        }
        return new UpBlockResult(upsample is null ? x : upsample(x, context, size), skipSample);
    }

    private BlockLayer? FinalAttention { get; init; }

    private Tensor AfterAttention(Tensor x, BlockContext context) => FinalAttention is null ? x : FinalAttention(x, context);

    private static UNetUpBlock Plain(
        WeightScope scope, UNetBlockSpec spec, Func<Tensor, BlockContext, (int Height, int Width)?, Tensor>? upsample, Func<int, BlockLayer>? attention) =>
        new(spec, Layers(spec.Layers, i => BlockLayers.Resnet(scope["resnets", i], spec.Resnet(Inputs(spec, i), spec.OutChannels, spec.RequiredGroups(scope))), attention), upsample);

    private static UNetUpBlock Scaled(WeightScope scope, UNetBlockSpec spec, Func<int, BlockLayer>? attention)
    {
        ResnetOptions Options(int inputs) => spec.Resnet(inputs, spec.OutChannels, spec.RequiredGroups(scope)) with
        {
            OutputScaleFactor = spec.OutScaleFactor,
            SkipTimeAct = spec.SkipTimeAct,
        };
        return new UNetUpBlock(spec, Layers(spec.Layers, i => BlockLayers.Resnet(scope["resnets", i], Options(Inputs(spec, i))), attention),
            ResnetUp(scope, spec, Options(spec.OutChannels)));
    }

    private static UNetUpBlock Skip(WeightScope scope, UNetBlockSpec spec, bool attention)
    {
        int groupsOut = Math.Min(spec.OutChannels / 4, 32);
        ResnetOptions Options(int inputs, int groups) => spec.Resnet(inputs, spec.OutChannels, groups) with { GroupsOut = groupsOut, OutputScaleFactor = Math.Sqrt(2) };
        // With attention the reference divides the skip connection's channels only.
        int Groups(int i) => Math.Min(attention ? Features(spec, i) + Skipped(spec, i) / 4 : Inputs(spec, i) / 4, 32);
        var layers = Layers(spec.Layers, i => BlockLayers.Resnet(scope["resnets", i], Options(Inputs(spec, i), Groups(i))), null);
        var final = attention ? BlockLayers.SelfAttention(scope["attentions", 0], spec, spec.OutChannels, 32, Math.Sqrt(2)) : null;
        if (!spec.Resample)
            return new UNetUpBlock(spec, layers, null) { FinalAttention = final };
        var up = BlockLayers.Resnet(scope["resnet_up"], Options(spec.OutChannels, groupsOut) with { UseInShortcut = true, Resampling = ResnetResampling.FirUp });
        var norm = GroupNorm.Of(scope["skip_norm"], spec.OutChannels, groupsOut, spec.Epsilon);
        var conv = Conv2d.Of(scope["skip_conv"], spec.OutChannels, 3);
        return new UNetUpBlock(spec, layers, (x, context, _) => up(x, context), (x, _) => conv.Forward(norm.Forward(x).Silu())) { FinalAttention = final };
    }

    private const int GroupSize = 32;

    // The level above is made with the last residual block; there is one layer less than in other blocks.
    private static UNetUpBlock K(WeightScope scope, UNetBlockSpec spec)
    {
        int count = spec.Layers - 1;
        ResnetOptions Options(int i)
        {
            int inputs = i == 0 ? 2 * spec.OutChannels : spec.OutChannels;
            return KResnet(spec, inputs) with { OutChannels = i == count - 1 ? spec.InChannels : spec.OutChannels };
        }
        return new UNetUpBlock(spec, Layers(count, i => BlockLayers.Resnet(scope["resnets", i], Options(i)), null), KUp(spec), isK: true);
    }

    private static UNetUpBlock KCross(WeightScope scope, UNetBlockSpec spec)
    {
        int count = spec.Layers - 1;
        bool isFirst = spec.InChannels == spec.OutChannels && spec.OutChannels == spec.TembChannels, isMiddle = spec.InChannels != spec.OutChannels;
        ResnetOptions Options(int i) => KResnet(spec, i == 0 && !isFirst ? 2 * spec.OutChannels : spec.OutChannels) with
        {
            Conv2dOutChannels = isMiddle && i == count - 1 ? spec.InChannels : 0,
        };
        BlockLayer Attend(int i) => KAttentionBlock.Of(scope["attentions", i], i == count - 1 ? spec.InChannels : spec.OutChannels,
            spec.HeadDim, spec.CrossAttentionDim, spec.TembChannels, isFirst).Forward;
        return new UNetUpBlock(spec, Layers(count, i => BlockLayers.Resnet(scope["resnets", i], Options(i)), Attend), KUp(spec), isK: true);
    }

    private static ResnetOptions KResnet(UNetBlockSpec spec, int inputs) => spec.Resnet(inputs, spec.OutChannels, inputs / GroupSize) with
    {
        GroupsOut = spec.OutChannels / GroupSize,
        TimeScaleShift = "ada_group",
        ShortcutBias = false,
    };

    private static Func<Tensor, BlockContext, (int Height, int Width)?, Tensor>? KUp(UNetBlockSpec spec) =>
        spec.Resample ? (x, _, _) => KResample2D.Up(x) : null;

    private static int Features(UNetBlockSpec spec, int layer) => layer == 0 ? spec.PreviousChannels : spec.OutChannels;

    private static int Skipped(UNetBlockSpec spec, int layer) => layer == spec.Layers - 1 ? spec.InChannels : spec.OutChannels;

    private static int Inputs(UNetBlockSpec spec, int layer) => Features(spec, layer) + Skipped(spec, layer);

    private static ImmutableArray<BlockLayer> Layers(int count, Func<int, BlockLayer> resnet, Func<int, BlockLayer>? attention) =>
        [.. Enumerable.Range(0, count).Select(i => attention is null ? resnet(i) : resnet(i).Then(attention(i)))];

    private static Func<Tensor, BlockContext, (int Height, int Width)?, Tensor>? Conv(WeightScope scope, UNetBlockSpec spec)
    {
        if (!spec.Resample)
            return null;
        var conv = Upsample2D.Of(scope["upsamplers", 0], spec.OutChannels);
        return (x, _, size) => conv.Forward(x, size);
    }

    private static Func<Tensor, BlockContext, (int Height, int Width)?, Tensor>? ResnetUp(WeightScope scope, UNetBlockSpec spec, ResnetOptions options)
    {
        if (!spec.Resample)
            return null;
        var up = BlockLayers.Resnet(scope["upsamplers", 0], options with { Resampling = ResnetResampling.Up });
        return (x, context, _) => up(x, context);
    }
}
