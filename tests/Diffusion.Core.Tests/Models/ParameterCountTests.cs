using System.Collections.Immutable;
using Diffusion.Core.Models;
using Diffusion.Core.Weights;
using Xunit;

namespace Diffusion.Core.Tests.Models;

/// <summary>The published models' numbers of tensors and parameters follow from their configurations alone.</summary>
public sealed class ParameterCountTests
{
    private static (int Tensors, long Parameters) Count(ImmutableArray<ExpectedTensor> expected) =>
        (expected.Length, expected.Sum(tensor => tensor.Shape.Aggregate(1L, (a, b) => a * b)));

    [Fact]
    public void Stable_Diffusion_1() =>
        Assert.Equal((686, 859_520_964L), Count(UNet2DConditionModel.ExpectedTensors(new UNet2DConditionConfig { CrossAttentionDim = [768] })));

    [Fact]
    public void Stable_Diffusion_2() => Assert.Equal((686, 865_910_724L), Count(UNet2DConditionModel.ExpectedTensors(new UNet2DConditionConfig
    {
        CrossAttentionDim = [1024],
        AttentionHeadDim = [5, 10, 20, 20],
        UseLinearProjection = true,
    })));

    [Fact]
    public void Stable_Diffusion_XL() => Assert.Equal((1680, 2_567_463_684L), Count(UNet2DConditionModel.ExpectedTensors(new UNet2DConditionConfig
    {
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
    })));

    [Fact]
    public void Stable_Diffusion_s_autoencoder() => Assert.Equal((248, 83_653_863L), Count(AutoencoderKL.ExpectedTensors(new AutoencoderKLConfig
    {
        BlockOutChannels = [128, 256, 512, 512],
        DownBlockTypes = [.. Enumerable.Repeat("DownEncoderBlock2D", 4)],
        UpBlockTypes = [.. Enumerable.Repeat("UpDecoderBlock2D", 4)],
        LayersPerBlock = 2,
    })));

    [Fact]
    public void The_tiny_autoencoder() => Assert.Equal(2_445_063L, Count(AutoencoderTiny.ExpectedTensors(new AutoencoderTinyConfig())).Parameters);

    [Fact]
    public void CLIP_s_text_model() => Assert.Equal((196, 123_060_480L), Count(ClipTextModel.ExpectedTensors(new ClipTextConfig
    {
        HiddenSize = 768,
        IntermediateSize = 3072,
        NumAttentionHeads = 12,
    })));
}
