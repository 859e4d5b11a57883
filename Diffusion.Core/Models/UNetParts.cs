using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using static Diffusion.Core.Models.UNet2DConditionConfig;

namespace Diffusion.Core.Models;

/// <summary>The parts of a <see cref="UNet2DConditionModel"/>, built from its configuration.</summary>
internal sealed record UNetParts
{
    private readonly UNet2DConditionConfig config;
    private readonly Tensor? fourier;
    private readonly TimestepEmbedding timeEmbedding;
    private readonly Func<UNetConditioning, Tensor, Tensor>? classEmbedding;
    private readonly Func<UNetConditioning, Tensor>? additionEmbedding;
    private readonly HintEmbedding? hintEmbedding;
    private readonly Func<UNetConditioning, Tensor>? tokens;
    private readonly GligenProjection? positionNet;

    private UNetParts(WeightScope scope, UNet2DConditionConfig config)
    {
        this.config = config;
        ConvIn = Conv2d.Of(scope["conv_in"], config.InChannels, config.BlockOutChannels[0], config.ConvInKernel, padding: (config.ConvInKernel - 1) / 2);
        int time = config.TimeEmbedDim, timeInput = config.TimeEmbeddingType == "fourier" ? time : config.BlockOutChannels[0];
        if (config.TimeEmbeddingType == "fourier")
            fourier = scope["time_proj"].Tensor("weight", time / 2);
        timeEmbedding = TimestepEmbedding.Of(scope["time_embedding"], timeInput, time, config.ActFn, config.TimestepPostAct, config.TimeCondProjDim ?? 0);
        tokens = Tokens(scope, config);
        classEmbedding = ClassEmbedding(scope["class_embedding"], time, timeInput);
        additionEmbedding = AdditionEmbedding(scope["add_embedding"], time);
        hintEmbedding = config.AdditionEmbedType == "image_hint" ? HintEmbedding.Of(scope["add_embedding"]) : null;
        Down = [.. Enumerable.Range(0, config.Levels).Select(i => UNetDownBlock.Of(scope["down_blocks", i], DownSpec(config, i)))];
        Mid = config.MidBlockType.Length == 0 ? null : UNetMidBlock.Of(scope["mid_block"], MidSpec(config));
        Up = [.. Enumerable.Range(0, config.Levels).Select(i => UNetUpBlock.Of(scope["up_blocks", i], UpSpec(config, i)))];
        if (config.NormNumGroups is { } groups)
            NormOut = GroupNorm.Of(scope["conv_norm_out"], config.BlockOutChannels[0], groups, config.NormEps);
        ConvOut = Conv2d.Of(scope["conv_out"], config.BlockOutChannels[0], config.OutChannels, config.ConvOutKernel, padding: (config.ConvOutKernel - 1) / 2);
        if (config.AttentionType is "gated" or "gated-text-image")
            positionNet = GligenProjection.Of(scope["position_net"], config.CrossAttentionDim[0], config.CrossAttentionDim[0], config.AttentionType == "gated-text-image");
    }

    public Conv2d ConvIn { get; }

    public ImmutableArray<UNetDownBlock> Down { get; }

    public UNetMidBlock? Mid { get; }

    public ImmutableArray<UNetUpBlock> Up { get; }

    public GroupNorm? NormOut { get; }

    public Conv2d ConvOut { get; }

    public static UNetParts Of(WeightScope scope, UNet2DConditionConfig config) => new(scope, config);

    /// <summary>Timesteps as one number a sample.</summary>
    public static float[] PerSample(string model, Tensor sample, Tensor timestep)
    {
        ArgumentNullException.ThrowIfNull(timestep);
        int batch = sample.Rank == 4 ? sample.Shape[0] : 0;
        var values = timestep.ToArray();
        return values.Length == 1 ? [.. Enumerable.Repeat(values[0], batch)]
            : timestep.Rank == 1 && values.Length == batch ? values
            : throw new TensorShapeException($"{model}: expected one timestep or one a sample [{batch}]; got {timestep.Shape}.");
    }

    /// <summary>The time embedding [N, temb] with everything that is added to it, and the hint's channels if there are any.</summary>
    public (Tensor Embedding, Tensor? Hint) Embed(float[] timesteps, UNetConditioning conditioning, Device device)
    {
        var embedding = timeEmbedding.Forward(TimeProjection(timesteps, device), conditioning.TimestepCond);
        if (classEmbedding is not null)
        {
            var classes = classEmbedding(conditioning, Required(conditioning.ClassLabels, "ClassLabels", "class_embed_type"));
            embedding = config.ClassEmbeddingsConcat ? Tensor.Concat(-1, embedding, classes) : embedding + classes;
        }
        if (additionEmbedding is not null)
            embedding += additionEmbedding(conditioning);
        if (config.TimeEmbeddingActFn.Length > 0)
            embedding = embedding.Activate(config.TimeEmbeddingActFn);
        return (embedding, hintEmbedding?.Forward(Required(conditioning.Hint, "Hint", "addition_embed_type")));
    }

    /// <summary>The tokens for cross-attention.</summary>
    public Tensor? EncodeTokens(UNetConditioning conditioning) => tokens is null ? conditioning.EncoderHiddenStates : tokens(conditioning);

    /// <summary>GLIGEN's tokens.</summary>
    public Tensor Grounded(GligenInput input) => positionNet?.Forward(input)
        ?? throw new NotSupportedException("UNet2DConditionModel: this model has no position_net (attention_type isn't gated); leave Gligen away.");

    private Tensor TimeProjection(float[] values, Device device) => fourier is null
        ? Embeddings.Timestep(values, config.BlockOutChannels[0], config.FlipSinToCos, config.FreqShift, device: device)
        : Embeddings.GaussianFourier(values, fourier.ToArray(), log: false, config.FlipSinToCos, device);

    private static Func<UNetConditioning, Tensor>? Tokens(WeightScope scope, UNet2DConditionConfig config)
    {
        var (part, hidden, cross) = (scope["encoder_hid_proj"], config.EncoderHidDim ?? 0, config.CrossAttentionDim[0]);
        switch (config.EncoderHidDimType)
        {
            case "text_proj":
                var text = Linear.Of(part, hidden, cross);
                return c => text.Forward(Required(c.EncoderHiddenStates, "EncoderHiddenStates", "encoder_hid_dim_type"));
            case "text_image_proj":
                var both = TextImageProjection.Of(part, hidden, cross, cross);
                return c => both.Forward(Required(c.EncoderHiddenStates, "EncoderHiddenStates", "encoder_hid_dim_type"), Required(c.ImageEmbeds, "ImageEmbeds", "encoder_hid_dim_type"));
            case "image_proj":
                var image = ImageProjection.Of(part, hidden, cross);
                return c => image.Forward(Required(c.ImageEmbeds, "ImageEmbeds", "encoder_hid_dim_type"));
            default:
                return null;
        }
    }

    private Func<UNetConditioning, Tensor, Tensor>? ClassEmbedding(WeightScope scope, int time, int timeInput)
    {
        switch (config.ClassEmbedType)
        {
            case "" when config.NumClassEmbeds is { } count:
                var table = scope.Tensor("weight", count, time);
                return (_, labels) => table.Embed(labels).Cast(ElementType.Float32);
            case "timestep":
                var steps = TimestepEmbedding.Of(scope, timeInput, time, config.ActFn);
                return (_, labels) => steps.Forward(TimeProjection(labels.ToArray(), labels.Device));
            case "identity":
                return (_, labels) => labels;
            case "projection":
                var projection = TimestepEmbedding.Of(scope, config.ProjectionClassEmbeddingsInputDim ?? 0, time);
                return (_, labels) => projection.Forward(labels);
            case "simple_projection":
                var linear = Linear.Of(scope, config.ProjectionClassEmbeddingsInputDim ?? 0, time);
                return (_, labels) => linear.Forward(labels);
            default:
                return null;
        }
    }

    private Func<UNetConditioning, Tensor>? AdditionEmbedding(WeightScope scope, int time)
    {
        const string Field = "addition_embed_type";
        int cross = config.CrossAttentionDim[0], hidden = config.EncoderHidDim ?? 0;
        switch (config.AdditionEmbedType)
        {
            case "text":
                var pooled = TextTimeEmbedding.Of(scope, config.EncoderHidDim ?? cross, time, config.AdditionEmbedTypeNumHeads);
                return c => pooled.Forward(Required(c.EncoderHiddenStates, "EncoderHiddenStates", Field));
            case "text_image":
                var both = TextImageTimeEmbedding.Of(scope, cross, cross, time);
                return c => both.Forward(Required(c.TextEmbeds ?? c.EncoderHiddenStates, "TextEmbeds", Field), Required(c.ImageEmbeds, "ImageEmbeds", Field));
            case "text_time":
                var embedding = TimestepEmbedding.Of(scope, config.ProjectionClassEmbeddingsInputDim ?? 0, time);
                return c => embedding.Forward(WithTimeIds(Required(c.TextEmbeds, "TextEmbeds", Field), Required(c.TimeIds, "TimeIds", Field)));
            case "image" or "image_hint":
                var image = ImageTimeEmbedding.Of(scope, hidden, time);
                return c => image.Forward(Required(c.ImageEmbeds, "ImageEmbeds", Field));
            default:
                return null;
        }
    }

    private Tensor WithTimeIds(Tensor text, Tensor ids)
    {
        var embedded = Embeddings.Timestep(ids.ToArray(), config.AdditionTimeEmbedDim ?? 0, config.FlipSinToCos, config.FreqShift, device: text.Device);
        var joined = Tensor.Concat(-1, text.Cast(ElementType.Float32), embedded.Reshape(text.Shape[0], -1));
        return joined.Shape[-1] == config.ProjectionClassEmbeddingsInputDim ? joined
            : throw new TensorShapeException($"UNet2DConditionModel: text embeddings {text.Shape} and time ids {ids.Shape} make vectors of {joined.Shape[-1]}, this model takes {config.ProjectionClassEmbeddingsInputDim}.");
    }

    private static Tensor Required(Tensor? part, string name, string field) => part
        ?? throw new TensorShapeException($"UNet2DConditionModel: this model's {field} needs {name}, and UNetConditioning has none.");

    private static UNetBlockSpec Common(UNet2DConditionConfig config, int level, string type) => new()
    {
        Type = type,
        InChannels = config.BlockOutChannels[level],
        OutChannels = config.BlockOutChannels[level],
        Layers = At(config.LayersPerBlock, level),
        TransformerLayers = At(config.TransformerLayersPerBlock, level),
        TembChannels = config.ClassEmbeddingsConcat ? 2 * config.TimeEmbedDim : config.TimeEmbedDim,
        DownsamplePadding = config.DownsamplePadding,
        Epsilon = config.NormEps,
        Activation = config.ActFn,
        Groups = config.NormNumGroups ?? 0,
        Heads = At(config.AttentionHeadDim, level),
        HeadDim = At(config.AttentionHeadDim, level),
        CrossAttentionDim = At(config.CrossAttentionDim, level),
        CrossAttentionNorm = config.CrossAttentionNorm,
        DualCrossAttention = config.DualCrossAttention,
        UseLinearProjection = config.UseLinearProjection,
        OnlyCrossAttention = At(config.OnlyCrossAttention, level),
        AttentionType = config.AttentionType,
        TimeScaleShift = config.ResnetTimeScaleShift,
        SkipTimeAct = config.ResnetSkipTimeAct,
        OutScaleFactor = config.ResnetOutScaleFactor,
    };

    private static UNetBlockSpec DownSpec(UNet2DConditionConfig config, int level) => Common(config, level, config.DownBlockTypes[level]) with
    {
        InChannels = config.BlockOutChannels[Math.Max(0, level - 1)],
        Resample = level < config.Levels - 1,
    };

    private static UNetBlockSpec MidSpec(UNet2DConditionConfig config) => Common(config, config.Levels - 1, config.MidBlockType) with
    {
        // A middle block without cross-attention is a single residual block.
        Layers = config.MidBlockType == "UNetMidBlock2D" ? 0 : 1,
        TransformerLayers = At(config.TransformerLayersPerBlock, config.Levels - 1)[..1],
        OutScaleFactor = config.MidBlockScaleFactor,
        OnlyCrossAttention = config.MidBlockOnlyCrossAttention ?? (config.OnlyCrossAttention.Length == 1 && config.OnlyCrossAttention[0]),
        AddAttention = false,
    };

    private static UNetBlockSpec UpSpec(UNet2DConditionConfig config, int index)
    {
        int level = config.Levels - 1 - index;
        return Common(config, level, config.UpBlockTypes[index]) with
        {
            InChannels = config.BlockOutChannels[Math.Max(0, level - 1)],
            PreviousChannels = config.BlockOutChannels[Math.Min(level + 1, config.Levels - 1)],
            Layers = At(config.LayersPerBlock, level) + 1,
            TransformerLayers = config.ReverseTransformerLayersPerBlock.IsEmpty ? At(config.TransformerLayersPerBlock, level) : config.ReverseTransformerLayersPerBlock[index],
            // The reference doesn't turn this list around, unlike all others.
            HeadDim = At(config.AttentionHeadDim, index),
            Resample = level > 0,
            ResolutionIndex = index,
        };
    }
}
