using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;

namespace Diffusion.Core.Models;

/// <summary>
/// The tiny autoencoder (TAESD, Ollin Boer Bohan): a small network that was taught to do what Stable Diffusion's autoencoder does, for
/// previews. A value: configuration, weights, and pure <see cref="Encode"/> and <see cref="Decode"/>.
/// </summary>
public sealed class AutoencoderTiny
{
    private readonly Parts parts;

    private AutoencoderTiny(AutoencoderTinyConfig config, ModelWeights weights)
    {
        Config = config;
        Weights = weights;
        parts = ModelLoading.Build(nameof(AutoencoderTiny), weights, scope => Parts.Of(scope, config));
    }

    /// <summary>The configuration.</summary>
    public AutoencoderTinyConfig Config { get; }

    /// <summary>The weights by their checkpoint names.</summary>
    public ModelWeights Weights { get; }

    /// <summary>The model of a configuration and weights.</summary>
    /// <exception cref="CheckpointException">The configuration's values don't fit together, or weights are missing or of another shape (all are listed).</exception>
    public static AutoencoderTiny Of(AutoencoderTinyConfig config, ModelWeights weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new AutoencoderTiny(config.Validated(), weights);
    }

    /// <summary>The model of a configuration and a store of weights; names and shapes are checked before anything is read.</summary>
    /// <inheritdoc cref="Of"/>
    public static AutoencoderTiny Load(AutoencoderTinyConfig config, WeightStore store, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Of(config, ModelLoading.Read(nameof(AutoencoderTiny), store, scope => Parts.Of(scope, config.Validated()), device));
    }

    /// <summary>The model of a component's folder.</summary>
    /// <param name="folder">A folder with <c>config.json</c> and weights.</param>
    /// <param name="variant">The variant of the weights, e.g. <c>fp16</c>; empty for the plain files.</param>
    /// <param name="device">Where to put the weights; the CPU when none is given.</param>
    /// <exception cref="CheckpointException">A file is absent or damaged, or doesn't fit.</exception>
    public static AutoencoderTiny Load(string folder, string variant = "", Device? device = null) =>
        ModelLoading.FromFolder(folder, variant, (config, store) => Load(AutoencoderTinyConfig.Parse(config), store, device));

    /// <summary>The tensors that a model of this configuration needs.</summary>
    public static ImmutableArray<ExpectedTensor> ExpectedTensors(AutoencoderTinyConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return ModelLoading.ExpectedBy(scope => Parts.Of(scope, config.Validated()));
    }

    /// <summary>The same network with other weights. This one stays as it is.</summary>
    public AutoencoderTiny WithWeights(ModelWeights weights) => new(Config, weights);

    /// <summary>The latents of a picture.</summary>
    /// <param name="x">Pictures [N, C, H, W], −1 … 1.</param>
    /// <param name="options">How to save memory.</param>
    public Tensor Encode(Tensor x, VaeOptions? options = null)
    {
        RequireImage("Encode", x, Config.InChannels);
        var how = options ?? VaeOptions.Default;
        return how.PerPicture(x, part => how.Tiling.IsEnabled ? Tiled(part, how.Tiling.SampleSize, how.Tiling, parts.Encode, n => n / Config.ScaleFactor) : parts.Encode(part));
    }

    /// <summary>The picture of latents.</summary>
    /// <param name="z">Latents [N, latent channels, h, w].</param>
    /// <param name="options">How to save memory.</param>
    /// <returns>Pictures [N, C, H, W], about −1 … 1.</returns>
    public Tensor Decode(Tensor z, VaeOptions? options = null)
    {
        RequireImage("Decode", z, Config.LatentChannels);
        var how = options ?? VaeOptions.Default;
        int factor = (int)Math.Pow(Config.UpsamplingScalingFactor, Config.NumDecoderBlocks.Length - 1);
        return how.PerPicture(z, part => how.Tiling.IsEnabled ? Tiled(part, how.Tiling.LatentSize, how.Tiling, parts.Decode, n => n * factor) : parts.Decode(part));
    }

    /// <summary>Latents as numbers from 0 to 1, for storing them as a picture.</summary>
    public Tensor ScaleLatents(Tensor latents) => (latents / (2 * Config.LatentMagnitude) + Config.LatentShift).Clamp(0, 1);

    /// <summary>The inverse of <see cref="ScaleLatents"/>.</summary>
    public Tensor UnscaleLatents(Tensor scaled) => (scaled - Config.LatentShift) * (2 * Config.LatentMagnitude);

    // Tile after tile is laid over what is there already, with an edge that goes from nothing to all of it.
    private static Tensor Tiled(Tensor x, int size, VaeTiling tiling, Func<Tensor, Tensor> run, Func<int, int> scaled)
    {
        int blend = (int)(size * tiling.OverlapFactor), step = size - blend, edge = scaled(blend);
        if (blend < 0 || step < 1 || edge == 1)
            throw new TensorShapeException($"VaeTiling: tiles of {size} that overlap by {tiling.OverlapFactor} have seams that can't be blended; choose larger tiles or another overlap.");
        int width = scaled(x.Shape[3]);
        Tensor? done = null;
        for (int top = 0; top < x.Shape[2]; top += step)
        {
            Tensor? strip = null;
            for (int left = 0; left < x.Shape[3]; left += step)
            {
                var tile = run(x.Slice(2, top, Math.Min(size, x.Shape[2] - top)).Slice(3, left, Math.Min(size, x.Shape[3] - left)));
                strip ??= Below(done, scaled(top), tile, width);
                int at = scaled(left), length = Math.Min(tile.Shape[3], width - at);
                var mask = Ramp(top > 0, tile.Shape[2], edge, tile).Unsqueeze(1) * Ramp(left > 0, length, edge, tile);
                var old = strip.Slice(3, at, length);
                strip = Replace(strip, 3, at, mask * tile.Slice(3, 0, length) + (1 - mask) * old);
            }
            done = done is null ? strip : Tensor.Concat(2, done.Slice(2, 0, scaled(top)), strip!);
        }
        return done!;
    }

    // What is there already where a strip of tiles comes: the end of what is done, then zeros.
    private static Tensor Below(Tensor? done, int top, Tensor tile, int width)
    {
        var shape = Shape.Of(tile.Shape[0], tile.Shape[1], tile.Shape[2], width);
        if (done is null || done.Shape[2] <= top)
            return Tensor.Zeros(shape, tile.ElementType, tile.Device);
        int known = Math.Min(done.Shape[2] - top, tile.Shape[2]);
        var old = done.Slice(2, top, known);
        return known == tile.Shape[2] ? old : old.Pad(2, 0, tile.Shape[2] - known);
    }

    private static Tensor Ramp(bool isBlended, int length, int edge, Tensor like) => isBlended
        ? Tensor.From([.. Enumerable.Range(0, length).Select(i => edge == 0 ? 1f : Math.Clamp(i / (edge - 1f), 0, 1))], Shape.Of(length), like.Device)
        : Tensor.Ones(Shape.Of(length), device: like.Device);

    private static Tensor Replace(Tensor x, int axis, int at, Tensor part)
    {
        int end = at + part.Shape[axis];
        var pieces = new List<Tensor>();
        if (at > 0)
            pieces.Add(x.Slice(axis, 0, at));
        pieces.Add(part);
        if (end < x.Shape[axis])
            pieces.Add(x.Slice(axis, end, x.Shape[axis] - end));
        return Tensor.Concat(axis, [.. pieces]);
    }

    private static void RequireImage(string operation, Tensor x, int channels)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Rank != 4 || x.Shape[1] != channels)
            throw new TensorShapeException($"AutoencoderTiny.{operation}: expected [N, {channels}, H, W]; got {x.Shape}.");
    }

    private sealed record Parts(ImmutableArray<Func<Tensor, Tensor>> Encoder, ImmutableArray<Func<Tensor, Tensor>> Decoder)
    {
        public static Parts Of(WeightScope scope, AutoencoderTinyConfig config) =>
            new([.. EncoderLayers(scope["encoder"], config)], [.. DecoderLayers(scope["decoder"], config)]);

        public Tensor Encode(Tensor x) => Encoder.Aggregate((x + 1) / 2, (h, layer) => layer(h));

        public Tensor Decode(Tensor z) => Decoder.Aggregate((z / 3).Tanh() * 3, (h, layer) => layer(h)) * 2 - 1;

        private static IEnumerable<Func<Tensor, Tensor>> EncoderLayers(WeightScope scope, AutoencoderTinyConfig config)
        {
            int index = 0, last = config.NumEncoderBlocks.Length - 1;
            for (int level = 0; level <= last; level++)
            {
                // The channels have to be the same throughout, since a level's first convolution doesn't change them.
                int channels = config.EncoderBlockOutChannels[level];
                yield return (level == 0
                    ? Conv2d.Of(scope["layers", index++], config.InChannels, channels)
                    : Conv2d.Of(scope["layers", index++], channels, channels, stride: 2, bias: false)).Forward;
                for (int i = 0; i < config.NumEncoderBlocks[level]; i++)
                    yield return Block(scope["layers", index++], channels, config.ActFn);
            }
            yield return Conv2d.Of(scope["layers", index], config.EncoderBlockOutChannels[last], config.LatentChannels).Forward;
        }

        private static IEnumerable<Func<Tensor, Tensor>> DecoderLayers(WeightScope scope, AutoencoderTinyConfig config)
        {
            var first = Conv2d.Of(scope["layers", 0], config.LatentChannels, config.DecoderBlockOutChannels[0]);
            yield return x => first.Forward(x).Activate(config.ActFn);
            int index = 2, last = config.NumDecoderBlocks.Length - 1;
            for (int level = 0; level <= last; level++)
            {
                int channels = config.DecoderBlockOutChannels[level];
                for (int i = 0; i < config.NumDecoderBlocks[level]; i++)
                    yield return Block(scope["layers", index++], channels, config.ActFn);
                if (level < last)
                {
                    index++;
                    yield return x => x.UpsampleNearest(config.UpsamplingScalingFactor);
                }
                yield return Conv2d.Of(scope["layers", index++], channels, level < last ? channels : config.OutChannels, bias: level == last).Forward;
            }
        }

        // Three convolutions added to their input. Input and output have the same channels, so there is no convolution beside them.
        private static Func<Tensor, Tensor> Block(WeightScope scope, int channels, string activation)
        {
            var (first, second, third) = (Conv2d.Of(scope["conv", 0], channels, channels), Conv2d.Of(scope["conv", 2], channels, channels), Conv2d.Of(scope["conv", 4], channels, channels));
            return x => (third.Forward(second.Forward(first.Forward(x).Activate(activation)).Activate(activation)) + x).Relu();
        }
    }
}
