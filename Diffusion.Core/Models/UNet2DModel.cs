using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;
using Diffusion.Kernels;

namespace Diffusion.Core.Models;

/// <summary>
/// The UNet of unconditional diffusion in pixels or latents: DDPM (Ho et al. 2020), NCSN++ (Song et al. 2021), consistency models.
/// A value: configuration, weights, and a pure <see cref="Forward(Tensor, double, UNetConditioning)"/>.
/// </summary>
public sealed class UNet2DModel
{
    private readonly Parts parts;

    private UNet2DModel(UNet2DConfig config, ModelWeights weights)
    {
        Config = config;
        Weights = weights;
        parts = ModelLoading.Build(nameof(UNet2DModel), weights, scope => new Parts(scope, config));
    }

    /// <summary>The configuration.</summary>
    public UNet2DConfig Config { get; }

    /// <summary>The weights by their checkpoint names.</summary>
    public ModelWeights Weights { get; }

    /// <summary>The model of a configuration and weights.</summary>
    /// <exception cref="CheckpointException">The configuration's values don't fit together, or weights are missing or of another shape (all are listed).</exception>
    /// <exception cref="NotSupportedException">An option isn't supported.</exception>
    public static UNet2DModel Of(UNet2DConfig config, ModelWeights weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new UNet2DModel(config.Validated(), weights);
    }

    /// <summary>The model of a configuration and a store of weights; names and shapes are checked before anything is read.</summary>
    /// <inheritdoc cref="Of"/>
    public static UNet2DModel Load(UNet2DConfig config, WeightStore store, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Of(config, ModelLoading.Read(nameof(UNet2DModel), store, scope => new Parts(scope, config.Validated()), device));
    }

    /// <summary>The model of a component's folder.</summary>
    /// <param name="folder">A folder with <c>config.json</c> and weights.</param>
    /// <param name="variant">The variant of the weights, e.g. <c>fp16</c>; empty for the plain files.</param>
    /// <param name="device">Where to put the weights; the CPU when none is given.</param>
    /// <exception cref="CheckpointException">A file is absent or damaged, or doesn't fit.</exception>
    public static UNet2DModel Load(string folder, string variant = "", Device? device = null) =>
        ModelLoading.FromFolder(folder, variant, (config, store) => Load(UNet2DConfig.Parse(config), store, device));

    /// <summary>The tensors that a model of this configuration needs.</summary>
    public static ImmutableArray<ExpectedTensor> ExpectedTensors(UNet2DConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ModelLoading.ExpectedBy(scope => new Parts(scope, config.Validated()));
    }

    /// <summary>The same network with other weights. This one stays as it is.</summary>
    public UNet2DModel WithWeights(ModelWeights weights) => new(Config, weights);

    /// <summary>Predicts from a noisy sample.</summary>
    /// <param name="sample">[N, in channels, H, W].</param>
    /// <param name="timestep">The timestep (with fourier embeddings: the noise level) of all samples.</param>
    /// <param name="conditioning">Class labels and hooks; the other parts aren't used by this network.</param>
    /// <returns>[N, out channels, H, W].</returns>
    public Tensor Forward(Tensor sample, double timestep, UNetConditioning conditioning)
    {
        ArgumentNullException.ThrowIfNull(sample);
        return Run(sample, [.. Enumerable.Repeat((float)timestep, sample.Rank == 4 ? sample.Shape[0] : 0)], conditioning);
    }

    /// <summary>Predicts from a noisy sample.</summary>
    /// <param name="sample">[N, in channels, H, W].</param>
    /// <param name="timestep">A timestep each, [N], or one for all. Read on the host.</param>
    /// <param name="conditioning">Class labels and hooks; the other parts aren't used by this network.</param>
    /// <returns>[N, out channels, H, W].</returns>
    public Tensor Forward(Tensor sample, Tensor timestep, UNetConditioning conditioning)
    {
        ArgumentNullException.ThrowIfNull(sample);
        return Run(sample, UNetParts.PerSample("UNet2DModel", sample, timestep), conditioning);
    }

    private Tensor Run(Tensor sample, float[] timesteps, UNetConditioning conditioning)
    {
        ArgumentNullException.ThrowIfNull(conditioning);
        if (sample.Rank != 4 || sample.Shape[1] != Config.InChannels)
            throw new TensorShapeException($"UNet2DModel: the sample is [N, {Config.InChannels}, H, W]; got {sample.Shape}.");
        if (Config.CenterInputSample)
            sample = sample * 2 - 1;
        var context = new BlockContext
        {
            TimeEmbedding = parts.Embed(timesteps, conditioning, sample.Device),
            Attention = conditioning.Hooks.Attention,
            Skip = conditioning.Hooks.Skip,
        };
        Tensor? skip = sample;
        sample = parts.ConvIn.Forward(sample);
        var residuals = ImmutableArray.Create<Tensor?>(sample);
        foreach (var block in parts.Down)
        {
            var result = block.Forward(sample, context, null, skip);
            (sample, skip) = (result.Hidden, result.SkipSample);
            residuals = residuals.AddRange(result.Residuals);
        }
        sample = parts.Mid.Forward(sample, context);
        skip = null;
        foreach (var block in parts.Up)
        {
            var own = residuals[^block.ResidualCount..];
            residuals = residuals[..^block.ResidualCount];
            (int, int)? size = !residuals.IsEmpty && residuals[^1] is { } next ? (next.Shape[2], next.Shape[3]) : null;
            var result = block.Forward(sample, own, context, size, skip);
            (sample, skip) = (result.Hidden, result.SkipSample);
        }
        sample = parts.ConvOut.Forward(parts.NormOut.Forward(sample).Silu());
        if (skip is not null)
            sample += skip;
        // These networks predict noise; the score is that divided by the noise level.
        return Config.TimeEmbeddingType != "fourier" ? sample
            : sample / Tensor.From(timesteps, Shape.Of(timesteps.Length, 1, 1, 1), sample.Device);
    }

    private sealed class Parts
    {
        private readonly UNet2DConfig config;
        private readonly Tensor? timeTable;
        private readonly TimestepEmbedding timeEmbedding;
        private readonly Func<Tensor, Tensor>? classEmbedding;

        public Parts(WeightScope scope, UNet2DConfig config)
        {
            this.config = config;
            int first = config.BlockOutChannels[0], last = config.BlockOutChannels[^1], time = 4 * first;
            ConvIn = Conv2d.Of(scope["conv_in"], config.InChannels, first);
            timeTable = config.TimeEmbeddingType switch
            {
                "fourier" => scope["time_proj"].Tensor("weight", first),
                "learned" => scope["time_proj"].Tensor("weight", config.NumTrainTimesteps ?? 0, first),
                _ => null,
            };
            int timeInput = config.TimeEmbeddingType == "fourier" ? 2 * first : first;
            timeEmbedding = TimestepEmbedding.Of(scope["time_embedding"], timeInput, time);
            classEmbedding = ClassEmbedding(scope["class_embedding"], timeInput, time);
            Down = [.. Enumerable.Range(0, config.Levels).Select(i => UNetDownBlock.Of(scope["down_blocks", i], Common(config, config.DownBlockTypes[i], i) with
            {
                InChannels = config.BlockOutChannels[Math.Max(0, i - 1)],
                Resample = i < config.Levels - 1,
                ResampleType = config.DownsampleType,
            }))];
            Mid = UNetMidBlock.Of(scope["mid_block"], Common(config, "UNetMidBlock2D", config.Levels - 1) with
            {
                InChannels = last,
                Layers = 1,
                OutScaleFactor = config.MidBlockScaleFactor,
                AttentionGroups = config.AttnNormNumGroups ?? 0,
                AddAttention = config.AddAttention,
            });
            Up = [.. Enumerable.Range(0, config.Levels).Select(i => (Index: i, Level: config.Levels - 1 - i)).Select(at =>
                UNetUpBlock.Of(scope["up_blocks", at.Index], Common(config, config.UpBlockTypes[at.Index], at.Level) with
                {
                    InChannels = config.BlockOutChannels[Math.Max(0, at.Level - 1)],
                    PreviousChannels = config.BlockOutChannels[Math.Min(at.Level + 1, config.Levels - 1)],
                    Layers = config.LayersPerBlock + 1,
                    Resample = at.Level > 0,
                    ResampleType = config.UpsampleType,
                    ResolutionIndex = at.Index,
                }))];
            NormOut = GroupNorm.Of(scope["conv_norm_out"], first, config.NormNumGroups ?? Math.Min(first / 4, 32), config.NormEps);
            ConvOut = Conv2d.Of(scope["conv_out"], first, config.OutChannels);
        }

        public Conv2d ConvIn { get; }

        public ImmutableArray<UNetDownBlock> Down { get; }

        public UNetMidBlock Mid { get; }

        public ImmutableArray<UNetUpBlock> Up { get; }

        public GroupNorm NormOut { get; }

        public Conv2d ConvOut { get; }

        public Tensor Embed(float[] timesteps, UNetConditioning conditioning, Device device)
        {
            var embedding = timeEmbedding.Forward(TimeProjection(timesteps, device));
            return (classEmbedding, conditioning.ClassLabels) switch
            {
                (null, null) => embedding,
                ({ } embed, { } labels) => embedding + embed(labels),
                (null, _) => throw new NotSupportedException("UNet2DModel: this model knows no classes; leave ClassLabels away."),
                _ => throw new TensorShapeException("UNet2DModel: this model needs ClassLabels, and UNetConditioning has none."),
            };
        }

        private Tensor TimeProjection(float[] values, Device device) => config.TimeEmbeddingType switch
        {
            "fourier" => Embeddings.GaussianFourier(values, timeTable!.ToArray(), log: true, flipSinToCos: false, device),
            "learned" => timeTable!.Embed(Tensor.FromIntegers([.. values.Select(v => (long)v)], Shape.Of(values.Length), device)).Cast(ElementType.Float32),
            _ => Embeddings.Timestep(values, config.BlockOutChannels[0], config.FlipSinToCos, config.FreqShift, device: device),
        };

        private Func<Tensor, Tensor>? ClassEmbedding(WeightScope scope, int timeInput, int time)
        {
            switch (config.ClassEmbedType)
            {
                case "" when config.NumClassEmbeds is { } count:
                    var table = scope.Tensor("weight", count, time);
                    return labels => table.Embed(labels).Cast(ElementType.Float32);
                case "timestep":
                    var steps = TimestepEmbedding.Of(scope, timeInput, time);
                    return labels => steps.Forward(TimeProjection(labels.ToArray(), labels.Device));
                case "identity":
                    return labels => labels;
                default:
                    return null;
            }
        }

        private static UNetBlockSpec Common(UNet2DConfig config, string type, int level) => new()
        {
            Type = type,
            InChannels = config.BlockOutChannels[level],
            OutChannels = config.BlockOutChannels[level],
            Layers = config.LayersPerBlock,
            TembChannels = 4 * config.BlockOutChannels[0],
            DownsamplePadding = config.DownsamplePadding,
            Epsilon = config.NormEps,
            Activation = config.ActFn,
            Groups = config.NormNumGroups ?? 0,
            HeadDim = config.AttentionHeadDim ?? config.BlockOutChannels[level],
            TimeScaleShift = config.ResnetTimeScaleShift,
        };
    }
}
