using Diffusion.Core.Formats;
using Diffusion.Core.Randomness;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Randomness;

/// <summary>numpy's legacy generator against recorded draws.</summary>
public sealed class NumpyRandomStateTests
{
    [Fact]
    public void One_state_gives_numpys_numbers_in_order()
    {
        using var file = SafetensorsFile.Open(Path.Combine(TorchGeneratorTests.Repository(), "tests", "fixtures", "rng", "seed_42.safetensors"));
        var state = new NumpyRandomState(42);
        Assert.Equal(file.ToFloats("numpy/randn_21"), Rounded(state.Randn(21)));
        Assert.Equal(file.ToFloats("numpy/rand_8"), Rounded(state.Rand(8)));
        Assert.Equal(file.ToFloats("numpy/randn_4"), Rounded(state.Randn(4)));
        Assert.Equal(file.ToFloats("numpy/standard_normal_2x3"), Rounded(state.Randn(6)));
        Assert.Equal(file.ToInt64s("numpy/randint_0_100_10"), state.RandInt(0, 100, 10));
    }

    [Property]
    public bool Integers_stay_in_their_range(uint seed, long a, long b)
    {
        var (low, high) = (Math.Min(a, b), Math.Max(a, b));
        return low == high || new NumpyRandomState(seed).RandInt(low, high, 20).All(value => value >= low && value < high);
    }

    [Property]
    public bool Draws_may_be_split(uint seed, byte left, byte right)
    {
        var split = new NumpyRandomState(seed);
        return new NumpyRandomState(seed).Randn(left + right).SequenceEqual([.. split.Randn(left), .. split.Randn(right)]);
    }

    [Fact]
    public void An_empty_range_is_refused() => Assert.Throws<ArgumentException>(() => new NumpyRandomState(1).RandInt(2, 2, 1));

    private static float[] Rounded(double[] values) => [.. values.Select(value => (float)value)];
}
