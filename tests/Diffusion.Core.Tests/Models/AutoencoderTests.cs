using Diffusion.Core.Models;
using Diffusion.Core.Tensors;
using FsCheck.Xunit;
using Xunit;
using static Diffusion.Core.Tests.Models.RandomModels;

namespace Diffusion.Core.Tests.Models;

public sealed class AutoencoderTests
{
    private static readonly AutoencoderKLConfig Config = new()
    {
        BlockOutChannels = [8, 16],
        DownBlockTypes = ["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
        UpBlockTypes = ["AttnUpDecoderBlock2D", "UpDecoderBlock2D"],
        NormNumGroups = 4,
        SampleSize = 16,
    };

    [Fact]
    public void Pictures_become_latents_and_pictures_again()
    {
        var vae = AutoencoderKL.Of(Config, RandomWeights(AutoencoderKL.ExpectedTensors(Config)));
        var posterior = vae.Encode(Values(1, 2, 3, 16, 24));
        Assert.Equal(Shape.Of(2, 4, 8, 12), posterior.Mean.Shape);
        var picture = vae.Decode(posterior.Mode).Realize();
        Assert.Equal(Shape.Of(2, 3, 16, 24), picture.Shape);
        Close(picture, vae.Decode(posterior.Mode, VaeOptions.Default.WithSlicing(true)));
        // A tile that is as large as the picture is the picture.
        Close(picture, vae.Decode(posterior.Mode, VaeOptions.Default.WithTiling(new VaeTiling(32, 16))), 0);
        Assert.Equal(picture.Shape, vae.Decode(posterior.Mode, VaeOptions.Default.WithTiling(new VaeTiling(8, 4))).Shape);
        Assert.Equal(new VaeTiling(16, 8), Config.DefaultTiling);
        Assert.Throws<TensorShapeException>(() => vae.Decode(Values(1, 1, 3, 8, 8)));
        Assert.Throws<TensorShapeException>(() => vae.Decode(posterior.Mode, VaeOptions.Default.WithTiling(new VaeTiling(8, 4, 1.5))));
    }

    [Fact]
    public void Tiny_latents_survive_being_stored()
    {
        var config = new AutoencoderTinyConfig { EncoderBlockOutChannels = [8, 8, 8, 8], DecoderBlockOutChannels = [8, 8, 8, 8] };
        var vae = AutoencoderTiny.Of(config, RandomWeights(AutoencoderTiny.ExpectedTensors(config)));
        var latents = vae.Encode(Values(1, 1, 3, 32, 48));
        Assert.Equal(Shape.Of(1, 4, 4, 6), latents.Shape);
        Assert.Equal(Shape.Of(1, 3, 32, 48), vae.Decode(latents).Shape);
        var inside = Values(2, 1, 4, 4, 4) * 2.9;
        Close(inside, vae.UnscaleLatents(vae.ScaleLatents(inside)), 1e-5);
    }

    [Property(MaxTest = 20)]
    public void A_distribution_diverges_from_itself_by_nothing(int seed)
    {
        var distribution = DiagonalGaussian.OfMoments(Values(seed, 2, 4, 3, 3));
        Close(Tensor.Zeros([2]), distribution.KlDivergence(distribution), 1e-4);
        var standard = new DiagonalGaussian(Tensor.Zeros([2, 2, 3, 3]), Tensor.Zeros([2, 2, 3, 3]));
        Close(distribution.KlDivergence(), distribution.KlDivergence(standard), 1e-4);
        Close(distribution.Mode, distribution.Sample(Tensor.Zeros([2, 2, 3, 3])), 0);
    }
}
