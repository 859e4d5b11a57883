using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Models;

namespace Diffusion.Benchmarks.Networks;

/// <summary>What tells the UNets of Stable Diffusion's generations apart, with inputs.</summary>
/// <param name="Config">The configuration.</param>
/// <param name="Depths">Transformer blocks of each level's layers, finest first.</param>
/// <param name="MiddleDepth">Those of the middle.</param>
/// <param name="Heads">Heads of each level.</param>
/// <param name="IsLinear">Linear layers around transformer blocks.</param>
/// <param name="Sample">A sample, noise.</param>
/// <param name="Tokens">Tokens of a text.</param>
internal sealed record UNetShape(
    UNet2DConditionConfig Config, ImmutableArray<int> Depths, int MiddleDepth, ImmutableArray<int> Heads, bool IsLinear, RandomArray Sample, RandomArray Tokens)
{
    /// <summary>The timestep.</summary>
    public const double Timestep = 500;

    /// <summary>The text as a whole, [1, 1280], where the model takes it.</summary>
    public RandomArray? TextEmbedding { get; init; }

    /// <summary>Sizes and crop, with <see cref="TextEmbedding"/>.</summary>
    public ImmutableArray<float> TimeIds { get; init; } = [];

    /// <summary>Stable Diffusion 1.5 at 64×64: 859.5 million parameters.</summary>
    public static UNetShape StableDiffusion15 { get; } =
        new(Networks.StableDiffusion15.Config, [1, 1, 1, 0], 1, [8, 8, 8, 8], false, Networks.StableDiffusion15.Sample, Networks.StableDiffusion15.Tokens);

    /// <summary>Stable Diffusion XL at 128×128: 2567.5 million parameters.</summary>
    public static UNetShape StableDiffusionXl { get; } = new(
        new UNet2DConditionConfig
        {
            Source = "Stable Diffusion XL",
            SampleSize = 128,
            BlockOutChannels = [320, 640, 1280],
            DownBlockTypes = ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            UpBlockTypes = ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
            TransformerLayersPerBlock = [[1], [2], [10]],
            CrossAttentionDim = [2048],
            AttentionHeadDim = [5, 10, 20],
            UseLinearProjection = true,
            AdditionEmbedType = "text_time",
            AdditionTimeEmbedDim = 256,
            ProjectionClassEmbeddingsInputDim = 2816,
        },
        [0, 2, 10], 10, [5, 10, 20], true, RandomArray.Uniform(1, 1.7f, 1, 4, 128, 128), RandomArray.Uniform(2, 1.7f, 1, 77, 2048))
    {
        TextEmbedding = RandomArray.Uniform(3, 1.7f, 1, 1280),
        TimeIds = [1024, 1024, 0, 0, 1024, 1024],
    };

    /// <summary>What the model is conditioned on.</summary>
    public UNetConditioning Conditioning(Device device)
    {
        var conditioning = UNetConditioning.OnTokens(Tokens.Input(device));
        return TextEmbedding is null ? conditioning
            : conditioning.WithTextEmbeds(TextEmbedding.Input(device)).WithTimeIds(Core.Tensors.Tensor.From([.. TimeIds], [1, TimeIds.Length], device));
    }

    /// <summary>Bytes of all weights in float32.</summary>
    public long WeightBytes => UNet2DConditionModel.ExpectedTensors(Config).Sum(t => t.Shape.Aggregate(4L, (a, b) => a * b));
}
