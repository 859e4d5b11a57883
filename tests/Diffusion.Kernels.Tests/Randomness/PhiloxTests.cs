using System.Runtime.InteropServices;
using Diffusion.Kernels.Tests.Contracts;

namespace Diffusion.Kernels.Tests.Randomness;

/// <summary>Philox4x32-10 against published numbers.</summary>
public sealed class PhiloxTests
{
    /// <summary>The known answers of Random123 1.14 (tests/kat_vectors): counter, key, words.</summary>
    public static TheoryData<uint[], uint[], uint[]> KnownAnswers => new()
    {
        { [0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
        { [~0u, ~0u, ~0u, ~0u], [~0u, ~0u], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd] },
        { [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1] },
    };

    [Theory]
    [MemberData(nameof(KnownAnswers))]
    public void Gives_the_known_answers(uint[] counter, uint[] key, uint[] words) =>
        Assert.Equal((words[0], words[1], words[2], words[3]), Philox.Words((counter[0], counter[1], counter[2], counter[3]), key[0], key[1]));

    [Theory]
    [MemberData(nameof(KnownAnswers))]
    public void Subsequence_is_the_high_half_of_the_counter_and_offset_counts_words(uint[] counter, uint[] key, uint[] words)
    {
        ulong block = counter[0] | (ulong)counter[1] << 32, subsequence = counter[2] | (ulong)counter[3] << 32;
        // An offset has 64 bits and counts words, so a counter's two highest bits can't be reached by one.
        block &= ulong.MaxValue >> 2;
        var expected = Philox.Words(((uint)block, (uint)(block >> 32), counter[2], counter[3]), key[0], key[1]);
        Assert.Equal(expected, Philox.Words(key[0] | (ulong)key[1] << 32, subsequence, block << 2));
        if (counter[1] >> 30 == 0)
            Assert.Equal((words[0], words[1], words[2], words[3]), expected);
    }

    /// <summary>
    /// What <c>torch.randn(3, 4, device="cuda")</c> gives after <c>torch.manual_seed(0)</c>, as published with web UIs that imitate it on the CPU.
    /// </summary>
    [Fact]
    public void Normals_are_those_of_torch_on_cuda()
    {
        double[] expected =
        [
            -0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564, -0.62285122, -0.32838709, -1.07454231, -0.36314407, -1.67105067, 2.26550497,
        ];
        using var backend = CpuBackend.Create(1);
        var spec = new RandomSpec(RandomKind.Normal, Make.Layout(ElementType.Int64, 2), Make.Layout([3, 4]));
        var bytes = ContractRunner.Output(backend, new ContractCase("torch", spec) { Data = (_, _, _) => 0 });
        var values = MemoryMarshal.Cast<byte, float>(bytes).Slice(3, 12).ToArray();
        Assert.All(values.Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
    }

    [Fact]
    public void Uniforms_and_normals_have_their_moments()
    {
        using var backend = CpuBackend.Create(2);
        foreach (var (kind, mean, variance, fourth) in new[] { (RandomKind.Uniform, 0.5, 1.0 / 12, 1.0 / 80), (RandomKind.Normal, 0.0, 1.0, 3.0) })
        {
            const int count = 1 << 20;
            var spec = new RandomSpec(kind, Make.Layout(ElementType.Int64, 2), Make.Layout([count]));
            var bytes = ContractRunner.Output(backend, new ContractCase("moments", spec) { Data = (_, index, _) => index == 0 ? 123 : 8 });
            double[] values = [.. MemoryMarshal.Cast<byte, float>(bytes).Slice(3, count).ToArray().Select(v => (double)v)];
            Assert.Equal(mean, values.Average(), 5e-3);
            Assert.Equal(variance, values.Average(v => (v - mean) * (v - mean)), 5e-3);
            Assert.Equal(fourth, values.Average(v => Math.Pow(v - mean, 4)), 5e-2);
            Assert.True(kind == RandomKind.Normal || values.All(v => v is >= 0 and < 1));
        }
    }
}
