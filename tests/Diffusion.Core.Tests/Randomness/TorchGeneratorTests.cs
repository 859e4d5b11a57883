using System.Globalization;
using Diffusion.Core.Formats;
using Diffusion.Core.Randomness;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Randomness;

/// <summary>torch's generator against recorded draws, and the laws of its stream.</summary>
public sealed class TorchGeneratorTests
{
    private static readonly string Folder = Path.Combine(Repository(), "tests", "fixtures", "rng");

    public static TheoryData<ulong> Seeds => [42UL, 4294967301UL];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Normals_of_every_size_are_torchs(ulong seed)
    {
        using var file = Open(seed);
        string[] names = [.. file.Names.Where(name => name.StartsWith("randn/", StringComparison.Ordinal))];
        Assert.True(names.Length >= 40);
        foreach (var name in names)
        {
            var expected = file.ToFloats(name);
            Near(expected, new TorchGenerator(seed).Randn(expected.Length), name);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Consecutive_normals_hand_the_cached_value_on(ulong seed)
    {
        using var file = Open(seed);
        var generator = new TorchGenerator(seed);
        foreach (var name in file.Names.Where(name => name.StartsWith("consecutive_randn/", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            var expected = file.ToFloats(name);
            Near(expected, generator.Randn(expected.Length), name);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Mixed_draws_leave_the_cached_value_alone(ulong seed)
    {
        using var file = Open(seed);
        var generator = new TorchGenerator(seed);
        Near(file.ToFloats("mixed/00_randn_3"), generator.Randn(3), "00");
        Assert.Equal(file.ToFloats("mixed/01_rand_5"), generator.Rand(5));
        Near(file.ToFloats("mixed/02_randn_16"), generator.Randn(16), "02");
        Assert.Equal(file.ToInt64s("mixed/03_randint_0_10_7"), generator.RandInt(0, 10, 7));
        Near(file.ToFloats("mixed/04_randn_2"), generator.Randn(2), "04");
        Assert.Equal(file.ToFloats("mixed/05_rand_17"), generator.Rand(17));
        Assert.Equal(file.ToInt64s("mixed/06_randperm_9"), generator.RandPerm(9));
        Near(file.ToFloats("mixed/07_randn_18"), generator.Randn(18), "07");
        Near(file.ToFloats("mixed/08_randn_1"), generator.Randn(1), "08");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Other_draws_are_torchs(ulong seed)
    {
        using var file = Open(seed);
        TorchGenerator Fresh() => new(seed);
        Assert.Equal(file.ToFloats("rand/1000"), Fresh().Rand(1000));
        Assert.Equal(file.ToFloats("uniform_-2_3/40"), Fresh().Uniform(40, -2, 3));
        Assert.Equal(file.ToInt64s("randint/-5_5/33"), Fresh().RandInt(-5, 5, 33));
        Assert.Equal(file.ToInt64s("randint/0_2**40/20"), Fresh().RandInt(0, 1L << 40, 20));
        Assert.Equal(file.ToInt64s("randperm/50"), Fresh().RandPerm(50));
        Assert.Equal(file.ToInt64s("multinomial/1"), Fresh().Multinomial(file.ToFloats("multinomial/probs"), (int)file.Entry("multinomial/probs").Shape[1]));
        Near(file.ToFloats("exponential/40"), Fresh().Exponential(40), "exponential");
        Near(file.ToFloats("normal_mean1_std2/20"), Fresh().Normal(20, 1, 2), "normal");
        Near(file.ToFloats("normal_mean1_std2/10"), Fresh().Normal(10, 1, 2), "normal");
        Near(file.ToFloats("randn_f64_as_f32/24"), [.. Fresh().RandnDouble(24).Select(value => (float)value)], "float64");
        Near(file.ToFloats("randn_f16_as_f32/40"), [.. Fresh().RandnHalf(40).Select(value => (float)value)], "float16");
        Near(file.ToFloats("randn_f16_as_f32/5"), [.. Fresh().RandnHalf(5).Select(value => (float)value)], "float16");
    }

    [Property]
    public bool A_snapshot_replays_what_follows(ulong seed, byte before, byte count)
    {
        var generator = new TorchGenerator(seed);
        generator.Randn(before);
        var state = generator.State;
        var first = generator.Randn(count).Concat(generator.Rand(count)).Concat(generator.Exponential(count)).ToArray();
        var forked = TorchGenerator.FromState(state);
        var second = forked.Randn(count).Concat(forked.Rand(count)).Concat(forked.Exponential(count)).ToArray();
        return first.SequenceEqual(second) && generator.State == forked.State && generator.State.GetHashCode() == forked.State.GetHashCode();
    }

    [Property]
    public bool A_clone_goes_its_own_way(ulong seed, byte before)
    {
        var generator = new TorchGenerator(seed);
        generator.Randn(before);
        var clone = generator.Clone();
        var drawn = clone.Randn(7);
        return drawn.SequenceEqual(generator.Randn(7));
    }

    [Property]
    public bool Manual_seed_forgets_the_past(ulong seed, ulong other, byte before, byte count)
    {
        var generator = new TorchGenerator(other);
        generator.Randn(before);
        generator.ManualSeed(seed);
        return generator.State == new TorchGenerator(seed).State && generator.Randn(count).SequenceEqual(new TorchGenerator(seed).Randn(count));
    }

    // Small draws come from pairs in float64, one value at a time: where the draw is split makes no difference.
    [Property]
    public bool Small_draws_may_be_split(ulong seed, byte left, byte right)
    {
        var (a, b) = (left % 8, right % 8);
        var (whole, split) = (new TorchGenerator(seed), new TorchGenerator(seed));
        return whole.Randn(a + b).SequenceEqual([.. split.Randn(a), .. split.Randn(b)]) && whole.State == split.State;
    }

    // The definition for 16 and more, written down plainly in float64.
    [Property]
    public bool Large_draws_are_blocks_of_sixteen(ulong seed, ushort size)
    {
        var count = 16 + size % 200;
        var uniforms = new TorchGenerator(seed);
        var expected = uniforms.Rand(count).Select(value => (double)value).ToArray();
        for (var start = 0; start + 16 <= count; start += 16) BoxMuller(expected.AsSpan(start, 16));
        if (count % 16 != 0)
        {
            uniforms.Rand(16).Select(value => (double)value).ToArray().CopyTo(expected, count - 16);
            BoxMuller(expected.AsSpan(count - 16));
        }
        return expected.Zip(new TorchGenerator(seed).Randn(count)).All(pair => Math.Abs(pair.First - pair.Second) < 2e-6);
    }

    [Property]
    public bool Filling_is_drawing(ulong seed, byte count)
    {
        var filled = new float[count];
        new TorchGenerator(seed).FillRandn(filled);
        return filled.SequenceEqual(new TorchGenerator(seed).Randn(count));
    }

    [Property]
    public bool Only_the_low_half_of_a_seed_counts(uint low, uint high) =>
        new TorchGenerator(low).Rand(3).SequenceEqual(new TorchGenerator(((ulong)high << 32) | low).Rand(3));

    [Property]
    public bool A_permutation_holds_every_number_once(ulong seed, byte count) =>
        new TorchGenerator(seed).RandPerm(count).Order().SequenceEqual(Enumerable.Range(0, count).Select(i => (long)i));

    [Property]
    public bool Integers_stay_in_their_range(ulong seed, long a, long b)
    {
        var (low, high) = (Math.Min(a, b), Math.Max(a, b));
        return low == high || new TorchGenerator(seed).RandInt(low, high, 50).All(value => value >= low && value < high);
    }

    [Fact]
    public void The_whole_range_of_integers_can_be_drawn() =>
        Assert.Equal(100, new TorchGenerator(1).RandInt(long.MinValue, long.MaxValue, 100).Distinct().Count());

    [Property(MaxTest = 20)]
    public bool Normals_have_mean_0_and_variance_1(ulong seed)
    {
        var values = new TorchGenerator(seed).Randn(20_000);
        var mean = values.Average(value => (double)value);
        var variance = values.Average(value => (value - mean) * (value - mean));
        return Math.Abs(mean) < 0.05 && Math.Abs(variance - 1) < 0.06 && values.All(float.IsFinite);
    }

    [Fact]
    public void Categories_are_drawn_by_weight()
    {
        float[] row = [0, 1, 3];
        var drawn = new TorchGenerator(7).Multinomial([.. Enumerable.Repeat(row, 4000).SelectMany(weights => weights)], 3);
        Assert.DoesNotContain(0, drawn);
        Assert.InRange(drawn.Count(category => category == 2), 2850, 3150);
    }

    [Fact]
    public void Draws_of_nothing_are_empty_and_change_nothing()
    {
        var generator = new TorchGenerator(3);
        Assert.Empty(generator.Randn(0));
        Assert.Empty(generator.RandPerm(0));
        Assert.Empty(generator.Multinomial([], 4));
        Assert.Equal(new TorchGenerator(3).State, generator.State);
    }

    [Fact]
    public void Impossible_draws_are_refused()
    {
        var generator = new TorchGenerator(3);
        Assert.Throws<ArgumentOutOfRangeException>(() => generator.Randn(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => generator.Rand(long.MaxValue));
        Assert.Throws<ArgumentException>(() => generator.RandInt(5, 5, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => generator.Normal(3, 0, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => generator.Normal(30, 0, double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => generator.Exponential(3, 0));
        Assert.Throws<ArgumentException>(() => generator.Uniform(3, 1, 0));
        Assert.Throws<ArgumentException>(() => generator.Uniform(3, 0, double.NaN));
        Assert.Throws<ArgumentException>(() => generator.Multinomial([1, 2, 3], 2));
        Assert.Throws<ArgumentException>(() => generator.Multinomial([0, 0], 2));
        Assert.Throws<ArgumentException>(() => generator.Multinomial([1, -1], 2));
        Assert.Throws<ArgumentException>(() => generator.Multinomial([1, float.NaN], 2));
        Assert.Throws<ArgumentException>(() => TorchGenerator.FromState(new TorchGeneratorState(0, [1, 2], 0, null)));
        Assert.Equal(new TorchGenerator(3).State, generator.State);
    }

    private static void BoxMuller(Span<double> block)
    {
        for (var i = 0; i < 8; i++)
        {
            var (radius, angle) = (Math.Sqrt(-2 * Math.Log(1 - block[i])), 2 * Math.PI * block[i + 8]);
            (block[i], block[i + 8]) = (radius * Math.Cos(angle), radius * Math.Sin(angle));
        }
    }

    private static SafetensorsFile Open(ulong seed) =>
        SafetensorsFile.Open(Path.Combine(Folder, $"seed_{seed.ToString(CultureInfo.InvariantCulture)}.safetensors"));

    private static void Near(float[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.True(expected.Zip(actual).All(pair => Math.Abs(pair.First - pair.Second) <= 1e-6f), what);
    }

    internal static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Diffusion.slnx"))) folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException("The tests run inside the repository.");
    }
}
