using Diffusion.Core.Models;

namespace Diffusion.Benchmarks.Networks;

/// <summary>The autoencoder of Stable Diffusion with random weights, decoding to 512×512.</summary>
internal static class StableDiffusionDecoder
{
    public static AutoencoderKLConfig Config { get; } = new()
    {
        Source = "Stable Diffusion's autoencoder",
        BlockOutChannels = [128, 256, 512, 512],
        DownBlockTypes = ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
        UpBlockTypes = ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
        LayersPerBlock = 2,
        SampleSize = 512,
    };

    /// <summary>Latents, [1, 4, 64, 64].</summary>
    public static RandomArray Latents { get; } = RandomArray.Uniform(1, 1.7f, 1, 4, 64, 64);
}
