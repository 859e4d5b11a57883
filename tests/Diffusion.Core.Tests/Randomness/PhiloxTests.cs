using Diffusion.Core.Randomness;
using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Randomness;

/// <summary>Torch's CUDA numbers on the host and as tensors.</summary>
public sealed class PhiloxTests
{
    // torch.manual_seed(0); torch.randn(3, 4, device="cuda"), as published with web UIs that imitate it.
    private static readonly double[] Seed0 =
    [
        -0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564, -0.62285122, -0.32838709, -1.07454231, -0.36314407, -1.67105067, 2.26550497,
    ];

    [Fact]
    public void Normals_are_those_of_torch_on_cuda()
    {
        Assert.All(NoiseSource.FromPhiloxSeed(0).Randn([3, 4]).Zip(Seed0), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
        Assert.All(Tensor.RandomNormal([3, 4], 0).ToArray().Zip(Seed0), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
    }

    [Fact]
    public void A_draw_moves_the_offset_on_by_4_and_an_empty_one_does_not()
    {
        var generator = new PhiloxGenerator(7);
        Assert.Equal(Tensor.RandomNormal([5], 7).ToArray(), generator.Randn(5));
        Assert.Empty(generator.Randn(0));
        Assert.Equal(4u, generator.Offset);
        Assert.Equal(Tensor.RandomUniform([300], 7, 4).ToArray(), generator.Rand(300));
        Assert.Equal(8u, generator.Offset);
        Assert.Equal(Tensor.RandomNormal([2], 7, 8).ToArray(), new PhiloxGenerator(7, 8).Randn(2));
    }

    [Fact]
    public void An_element_depends_on_its_position_only()
    {
        var whole = Tensor.RandomNormal([1000], 9).ToArray();
        Assert.Equal(whole[..10], Tensor.RandomNormal([2, 5], 9).ToArray());
        Assert.All(Tensor.RandomNormal([1000], 9, type: ElementType.Float64).ToDoubles().Zip(whole), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.NotEqual(whole, Tensor.RandomNormal([1000], 10).ToArray());
        Assert.NotEqual(whole, Tensor.RandomNormal([1000], 9, 4).ToArray());
    }

    [Fact]
    public void A_list_of_seeds_draws_each_sample_by_itself()
    {
        var both = NoiseSource.FromPhiloxSeeds([1, 2]);
        float[] values = both.Randn([2, 3]);
        Assert.Equal([.. NoiseSource.FromPhiloxSeed(1).Randn([1, 3]), .. NoiseSource.FromPhiloxSeed(2).Randn([1, 3])], values);
        Assert.Equal(both.Sample(1).Rand([4]), new PhiloxGenerator(2, 4).Rand(4));
        Assert.Empty(both.Snapshot());
        Assert.Throws<ArgumentException>(() => both.Randn([3, 3]));
        Assert.Throws<ArgumentException>(() => NoiseSource.FromPhiloxSeeds([]));
        Assert.Contains("FromSeed", Assert.Throws<NotSupportedException>(() => both.Multinomial(new float[] { 1, 1 }, 2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_offsets_and_types_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Tensor.RandomNormal([2], 0, 3));
        Assert.Throws<ArgumentException>(() => new PhiloxGenerator(0, 2));
        Assert.Throws<TensorShapeException>(() => Tensor.RandomUniform([2], 0, type: ElementType.Int32));
    }
}
