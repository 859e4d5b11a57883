using System.Collections.Immutable;
using Diffusion.Core.Randomness;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Randomness;

/// <summary>One generator for a batch, or one for each sample.</summary>
public sealed class NoiseSourceTests
{
    private static readonly ImmutableArray<int> Shape = [2, 3, 5, 1];

    [Property]
    public bool One_seed_fills_the_batch_in_one_draw(ulong seed) =>
        NoiseSource.FromSeed(seed).Randn(Shape).SequenceEqual(new TorchGenerator(seed).Randn(30));

    // 15 values a sample come from pairs, 30 in one draw come from blocks of 16: the two must differ.
    [Property]
    public bool A_seed_for_each_sample_draws_each_by_itself(ulong first, ulong second)
    {
        var drawn = NoiseSource.FromSeeds([first, second]).Randn(Shape);
        return drawn.SequenceEqual([.. new TorchGenerator(first).Randn(15), .. new TorchGenerator(second).Randn(15)])
            && !drawn.SequenceEqual(NoiseSource.FromSeed(first).Randn(Shape));
    }

    [Property]
    public bool A_list_of_one_seed_is_that_seed(ulong seed) =>
        NoiseSource.FromSeeds([seed]).Randn(Shape).SequenceEqual(NoiseSource.FromSeed(seed).Randn(Shape));

    [Property]
    public bool A_run_can_be_resumed(ulong first, ulong second)
    {
        var source = NoiseSource.FromSeeds([first, second]);
        source.Randn(Shape);
        var state = source.Snapshot();
        var resumed = NoiseSource.FromStates(state);
        return source.Randn(Shape).SequenceEqual(resumed.Randn(Shape)) && source.Rand(Shape).SequenceEqual(resumed.Rand(Shape));
    }

    [Fact]
    public void Draws_go_on_from_each_other()
    {
        var source = NoiseSource.FromSeed(5);
        Assert.NotEqual(source.Randn(Shape), source.Randn(Shape));
    }

    [Fact]
    public void Recorded_noise_can_be_handed_in()
    {
        var source = NoiseSource.FromSeed(5).WithRandn(shape => new float[shape.Aggregate(1, (a, b) => a * b)]);
        Assert.All(source.Randn(Shape), value => Assert.Equal(0, value));
        Assert.Equal(new TorchGenerator(5).Rand(30), source.Rand(Shape));
    }

    [Fact]
    public void Samples_draw_from_their_own_stream_or_the_shared_one()
    {
        var each = NoiseSource.FromSeeds([5, 6]);
        Assert.Equal(new TorchGenerator(6).Randn(8), each.Sample(1).Randn([1, 8]));
        Assert.Equal(new TorchGenerator(5).Randn(8), each.Randn([2, 8])[..8]);
        Assert.Throws<ArgumentOutOfRangeException>(() => each.Sample(2));

        var (shared, generator) = (NoiseSource.FromSeed(5), new TorchGenerator(5));
        Assert.Equal(generator.Randn(8), shared.Sample(0).Randn([1, 8]));
        Assert.Equal(generator.Randn(8), shared.Sample(1).Randn([1, 8]));
        Assert.Equal([7f], each.WithRandn(_ => [7]).Sample(1).Randn([1]));
    }

    [Fact]
    public void Seeds_and_batch_must_agree()
    {
        Assert.Throws<ArgumentException>(() => NoiseSource.FromSeeds([]));
        var error = Assert.Throws<ArgumentException>(() => NoiseSource.FromSeeds([1, 2, 3]).Randn(Shape));
        Assert.Contains("3 generators for a batch of 2", error.Message, StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => NoiseSource.FromSeeds([1, 2]).Multinomial(new float[] { 1, 2 }, 2));
        Assert.Throws<ArgumentException>(() => NoiseSource.FromSeed(1).Randn([1, -2]));
    }
}
