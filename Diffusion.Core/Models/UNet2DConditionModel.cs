using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;
using Diffusion.Kernels;

namespace Diffusion.Core.Models;

/// <summary>
/// The conditioned UNet of latent diffusion (Ronneberger et al. 2015; Rombach et al. 2022): Stable Diffusion 1, 2 and XL, DeepFloyd IF,
/// Kandinsky 2, latent consistency and GLIGEN models. A value: configuration, weights, and a pure <see cref="Forward(Tensor, double, UNetConditioning)"/>.
/// </summary>
public sealed class UNet2DConditionModel
{
    private readonly UNetParts parts;

    private UNet2DConditionModel(UNet2DConditionConfig config, ModelWeights weights)
    {
        Config = config;
        Weights = weights;
        parts = ModelLoading.Build(nameof(UNet2DConditionModel), weights, scope => UNetParts.Of(scope, config));
    }

    /// <summary>The configuration.</summary>
    public UNet2DConditionConfig Config { get; }

    /// <summary>The weights by their checkpoint names.</summary>
    public ModelWeights Weights { get; }

    /// <summary>The model of a configuration and weights.</summary>
    /// <exception cref="CheckpointException">The configuration's values don't fit together, or weights are missing or of another shape (all are listed).</exception>
    /// <exception cref="NotSupportedException">An option isn't supported.</exception>
    public static UNet2DConditionModel Of(UNet2DConditionConfig config, ModelWeights weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new UNet2DConditionModel(config.Validated(), weights);
    }

    /// <summary>The model of a configuration and a store of weights; names and shapes are checked before anything is read.</summary>
    /// <inheritdoc cref="Of"/>
    public static UNet2DConditionModel Load(UNet2DConditionConfig config, WeightStore store, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Of(config, ModelLoading.Read(nameof(UNet2DConditionModel), store, scope => UNetParts.Of(scope, config.Validated()), device));
    }

    /// <summary>The model of a component's folder.</summary>
    /// <param name="folder">A folder with <c>config.json</c> and weights.</param>
    /// <param name="variant">The variant of the weights, e.g. <c>fp16</c>; empty for the plain files.</param>
    /// <param name="device">Where to put the weights; the CPU when none is given.</param>
    /// <exception cref="CheckpointException">A file is absent or damaged, or doesn't fit.</exception>
    public static UNet2DConditionModel Load(string folder, string variant = "", Device? device = null) =>
        ModelLoading.FromFolder(folder, variant, (config, store) => Load(UNet2DConditionConfig.Parse(config), store, device));

    /// <summary>The tensors that a model of this configuration needs.</summary>
    public static ImmutableArray<ExpectedTensor> ExpectedTensors(UNet2DConditionConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ModelLoading.ExpectedBy(scope => UNetParts.Of(scope, config.Validated()));
    }

    /// <summary>The same network with other weights (a fused LoRA, say). This one stays as it is.</summary>
    public UNet2DConditionModel WithWeights(ModelWeights weights) => new(Config, weights);

    /// <summary>Predicts from a noisy sample.</summary>
    /// <param name="sample">[N, in channels, H, W].</param>
    /// <param name="timestep">The timestep of all samples.</param>
    /// <param name="conditioning">What else the prediction depends on.</param>
    /// <returns>[N, out channels, H, W].</returns>
    public Tensor Forward(Tensor sample, double timestep, UNetConditioning conditioning)
    {
        ArgumentNullException.ThrowIfNull(sample);
        return Run(sample, [.. Enumerable.Repeat((float)timestep, sample.Rank == 4 ? sample.Shape[0] : 0)], conditioning);
    }

    /// <summary>Predicts from a noisy sample.</summary>
    /// <param name="sample">[N, in channels, H, W].</param>
    /// <param name="timestep">A timestep each, [N], or one for all. Read on the host.</param>
    /// <param name="conditioning">What else the prediction depends on.</param>
    /// <returns>[N, out channels, H, W].</returns>
    public Tensor Forward(Tensor sample, Tensor timestep, UNetConditioning conditioning)
    {
        ArgumentNullException.ThrowIfNull(sample);
        return Run(sample, UNetParts.PerSample("UNet2DConditionModel", sample, timestep), conditioning);
    }

    private Tensor Run(Tensor sample, float[] timesteps, UNetConditioning conditioning)
    {
        ArgumentNullException.ThrowIfNull(conditioning);
        if (sample.Rank != 4)
            throw new TensorShapeException($"UNet2DConditionModel: the sample is [N, channels, H, W]; got {sample.Shape}.");
        if (Config.CenterInputSample)
            sample = sample * 2 - 1;
        var (embedding, hint) = parts.Embed(timesteps, conditioning, sample.Device);
        if (hint is not null)
            sample = Tensor.Concat(1, sample, hint);
        if (sample.Shape[1] != Config.InChannels)
            throw new TensorShapeException($"UNet2DConditionModel: the sample has {sample.Shape[1]} channels, this model takes {Config.InChannels}.");
        var context = new BlockContext
        {
            TimeEmbedding = embedding,
            EncoderHiddenStates = parts.EncodeTokens(conditioning),
            AttentionMask = Bias(conditioning.AttentionMask),
            EncoderAttentionMask = Bias(conditioning.EncoderAttentionMask),
            GligenObjects = conditioning.Gligen is { } boxes ? parts.Grounded(boxes) : null,
            Attention = conditioning.Hooks.Attention,
            Skip = conditioning.Hooks.Skip,
        };
        return Upward(Downward(sample, context, conditioning), context);
    }

    private sealed record Halfway(Tensor Sample, ImmutableArray<Tensor?> Residuals, bool IsOddSize);

    private Halfway Downward(Tensor sample, BlockContext context, UNetConditioning conditioning)
    {
        int factor = 1 << (parts.Up.Length - 1);
        bool isOdd = sample.Shape[2] % factor != 0 || sample.Shape[3] % factor != 0;
        var (control, mid) = (conditioning.DownBlockAdditionalResiduals, conditioning.MidBlockAdditionalResidual);
        var adapter = new Queue<Tensor>(conditioning.DownIntrablockAdditionalResiduals);
        sample = parts.ConvIn.Forward(sample);
        var residuals = ImmutableArray.Create<Tensor?>(sample);
        foreach (var block in parts.Down)
        {
            var additional = adapter.TryDequeue(out var next) ? next : null;
            var result = block.Forward(sample, context, block.HasCrossAttention ? additional : null);
            sample = additional is null || block.HasCrossAttention ? result.Hidden : result.Hidden + additional;
            residuals = residuals.AddRange(result.Residuals);
            // An adapter's addition after the block is part of its last skip connection too, as the reference adds it in place.
            if (additional is not null && !block.HasCrossAttention)
                residuals = residuals.SetItem(residuals.Length - 1, sample);
        }
        if (!control.IsEmpty)
        {
            if (control.Length != residuals.Length)
                throw new TensorShapeException($"UNet2DConditionModel: {control.Length} down block residuals were given, this model has {residuals.Length} skip connections.");
            residuals = [.. residuals.Zip(control, (residual, addition) => residual is null ? null : residual + addition)];
        }
        sample = parts.Mid?.Forward(sample, context) ?? sample;
        if (adapter.TryPeek(out var last) && last.Shape == sample.Shape)
            sample += last;
        return new Halfway(mid is null ? sample : sample + mid, residuals, isOdd);
    }

    private Tensor Upward(Halfway halfway, BlockContext context)
    {
        var (sample, residuals) = (halfway.Sample, halfway.Residuals);
        foreach (var block in parts.Up)
        {
            var own = residuals[^block.ResidualCount..];
            residuals = residuals[..^block.ResidualCount];
            // Where a size isn't a multiple of the network's factor, the next skip connection says how large to get.
            (int, int)? size = halfway.IsOddSize && !residuals.IsEmpty && residuals[^1] is { } next ? (next.Shape[2], next.Shape[3]) : null;
            sample = block.Forward(sample, own, context, size).Hidden;
        }
        return parts.ConvOut.Forward(parts.NormOut is null ? sample : parts.NormOut.Forward(sample).Activate(Config.ActFn));
    }

    // 1 keeps, 0 hides: added to the scores.
    private static Tensor? Bias(Tensor? mask) => mask is null ? null : ((1 - mask.Cast(ElementType.Float32)) * -10000).Unsqueeze(1);
}
