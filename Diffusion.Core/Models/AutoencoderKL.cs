using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;

namespace Diffusion.Core.Models;

/// <summary>
/// The variational autoencoder of latent diffusion (Kingma and Welling 2013; Rombach et al. 2022): pictures to latents and back.
/// A value: configuration, weights, and pure <see cref="Encode"/> and <see cref="Decode"/>. Latents here aren't scaled;
/// multiply with <see cref="AutoencoderKLConfig.ScalingFactor"/> for a denoiser.
/// </summary>
public sealed class AutoencoderKL
{
    private readonly Parts parts;

    private AutoencoderKL(AutoencoderKLConfig config, ModelWeights weights)
    {
        Config = config;
        Weights = weights;
        parts = ModelLoading.Build(nameof(AutoencoderKL), weights, scope => Parts.Of(scope, config));
    }

    /// <summary>The configuration.</summary>
    public AutoencoderKLConfig Config { get; }

    /// <summary>The weights by their checkpoint names.</summary>
    public ModelWeights Weights { get; }

    /// <summary>The model of a configuration and weights.</summary>
    /// <exception cref="CheckpointException">The configuration's values don't fit together, or weights are missing or of another shape (all are listed).</exception>
    /// <exception cref="NotSupportedException">An option isn't supported.</exception>
    public static AutoencoderKL Of(AutoencoderKLConfig config, ModelWeights weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new AutoencoderKL(config.Validated(), weights);
    }

    /// <summary>The model of a configuration and a store of weights; names and shapes are checked before anything is read.</summary>
    /// <inheritdoc cref="Of"/>
    public static AutoencoderKL Load(AutoencoderKLConfig config, WeightStore store, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Of(config, ModelLoading.Read(nameof(AutoencoderKL), store, scope => Parts.Of(scope, config.Validated()), device));
    }

    /// <summary>The model of a component's folder.</summary>
    /// <param name="folder">A folder with <c>config.json</c> and weights.</param>
    /// <param name="variant">The variant of the weights, e.g. <c>fp16</c>; empty for the plain files.</param>
    /// <param name="device">Where to put the weights; the CPU when none is given.</param>
    /// <exception cref="CheckpointException">A file is absent or damaged, or doesn't fit.</exception>
    public static AutoencoderKL Load(string folder, string variant = "", Device? device = null) =>
        ModelLoading.FromFolder(folder, variant, (config, store) => Load(AutoencoderKLConfig.Parse(config), store, device));

    /// <summary>The tensors that a model of this configuration needs.</summary>
    public static ImmutableArray<ExpectedTensor> ExpectedTensors(AutoencoderKLConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ModelLoading.ExpectedBy(scope => Parts.Of(scope, config.Validated()));
    }

    /// <summary>The same network with other weights. This one stays as it is.</summary>
    public AutoencoderKL WithWeights(ModelWeights weights) => new(Config, weights);

    /// <summary>The distribution of a picture's latents.</summary>
    /// <param name="x">Pictures [N, C, H, W], −1 … 1; H and W multiples of <see cref="AutoencoderKLConfig.ScaleFactor"/>.</param>
    /// <param name="options">How to save memory.</param>
    public DiagonalGaussian Encode(Tensor x, VaeOptions? options = null)
    {
        RequireImage("Encode", x, Config.InChannels);
        var how = options ?? VaeOptions.Default;
        var tiling = how.Tiling;
        Tensor Moments(Tensor part) => parts.QuantConv.Forward(parts.Encoder.Forward(part));
        bool isTiled = tiling.IsEnabled && Math.Max(x.Shape[2], x.Shape[3]) > tiling.SampleSize;
        return DiagonalGaussian.OfMoments(how.PerPicture(x, part => isTiled ? tiling.Run(part, tiling.SampleSize, tiling.LatentSize, Moments) : Moments(part)));
    }

    /// <summary>The picture of latents.</summary>
    /// <param name="z">Latents [N, latent channels, h, w].</param>
    /// <param name="options">How to save memory.</param>
    /// <returns>Pictures [N, C, H, W], about −1 … 1.</returns>
    public Tensor Decode(Tensor z, VaeOptions? options = null)
    {
        RequireImage("Decode", z, Config.LatentChannels);
        var how = options ?? VaeOptions.Default;
        var tiling = how.Tiling;
        Tensor Picture(Tensor part) => parts.Decoder.Forward(parts.PostQuantConv.Forward(part));
        bool isTiled = tiling.IsEnabled && Math.Max(z.Shape[2], z.Shape[3]) > tiling.LatentSize;
        return how.PerPicture(z, part => isTiled ? tiling.Run(part, tiling.LatentSize, tiling.SampleSize, Picture) : Picture(part));
    }

    private static void RequireImage(string operation, Tensor x, int channels)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Rank != 4 || x.Shape[1] != channels)
            throw new TensorShapeException($"AutoencoderKL.{operation}: expected [N, {channels}, H, W]; got {x.Shape}.");
    }

    private sealed record Parts(VaeEncoder Encoder, Conv2d QuantConv, Conv2d PostQuantConv, VaeDecoder Decoder)
    {
        public static Parts Of(WeightScope scope, AutoencoderKLConfig config)
        {
            var options = new VaeNetworkOptions
            {
                InChannels = config.InChannels,
                OutChannels = 2 * config.LatentChannels,
                BlockTypes = config.DownBlockTypes,
                BlockOutChannels = config.BlockOutChannels,
                LayersPerBlock = config.LayersPerBlock,
                NormNumGroups = config.NormNumGroups,
                ActFn = config.ActFn,
            };
            int latents = config.LatentChannels;
            return new Parts(
                VaeEncoder.Of(scope["encoder"], options),
                Conv2d.Of(scope["quant_conv"], 2 * latents, 2 * latents, kernel: 1, padding: 0),
                Conv2d.Of(scope["post_quant_conv"], latents, latents, kernel: 1, padding: 0),
                VaeDecoder.Of(scope["decoder"], options with { InChannels = latents, OutChannels = config.OutChannels, BlockTypes = config.UpBlockTypes }));
        }
    }
}
