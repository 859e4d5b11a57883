using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

public sealed class ConvolutionTests
{
    private static readonly Random Random = new(8);

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, All.Length)];

    private static (int[] X, int[] W, ConvolutionOptions Options)[] All { get; } =
    [
        ([2, 3, 7, 6], [5, 3, 3, 3], new() { Padding = (1, 1, 1, 1) }),
        ([1, 8, 9, 9], [8, 8, 3, 3], new() { Padding = (1, 1, 1, 1), Stride = (2, 2) }),
        ([1, 16, 12, 12], [16, 16, 3, 3], new() { Padding = (1, 1, 1, 1) }),
        ([2, 4, 8, 8], [6, 4, 3, 3], new() { Padding = (0, 1, 0, 1), Stride = (2, 2) }),
        ([2, 6, 5, 7], [4, 3, 3, 2], new() { Groups = 2, Padding = (1, 2, 0, 1) }),
        ([1, 6, 6, 6], [6, 1, 3, 3], new() { Groups = 6, Padding = (1, 1, 1, 1) }),
        ([1, 4, 9, 9], [3, 4, 3, 3], new() { Dilation = (2, 3), Padding = (2, 2, 3, 3) }),
        ([2, 4, 5, 4], [3, 4, 3, 4], new() { InputDilation = (2, 3), Padding = (2, 1, 1, 2) }),
        ([3, 5, 4, 4], [7, 5, 1, 1], new()),
        ([1, 1, 1, 1], [1, 1, 1, 1], new()),
        ([0, 3, 4, 4], [2, 3, 3, 3], new()),
        ([1, 2, 1, 9], [2, 2, 1, 5], new() { Padding = (0, 0, 2, 2), Stride = (1, 3) }),
        ([1, 32, 10, 10], [4, 32, 3, 3], new() { Padding = (1, 1, 1, 1) }),
        ([1, 3, 16, 16], [8, 3, 14, 14], new() { Stride = (1, 2) }),
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_option_in_every_layout(int number)
    {
        var (xs, ws, options) = All[number];
        var (x, w, b) = (Host.Random(Random, xs), Host.Random(Random, ws), Host.Random(Random, ws[0]));
        var plain = Host.Convolution(x, w, options);
        var biased = Host.Zip(plain, b.Reshape(1, ws[0], 1, 1), (p, q) => p + q);
        foreach (bool constant in new[] { false, true })
        {
            var weight = constant ? w.ToTensor().AsConstant() : w.ToTensor();
            plain.AssertEqual(x.ToTensor().Convolution(weight, null, options), 1e-4);
            biased.AssertEqual(ChannelsLast(x).Convolution(weight, b.ToTensor(), options), 1e-4);
            var half = constant ? w.ToTensor(ElementType.Float16).AsConstant() : w.ToTensor(ElementType.Float16);
            biased.AssertEqual(ChannelsLast(x).Convolution(half, b.ToTensor(ElementType.Float16), options), 2e-2);
        }
        biased.AssertEqual(x.ToTensor(ElementType.Float64).Convolution(w.ToTensor(ElementType.Float64), b.ToTensor(ElementType.Float64), options), 1e-12);
    }

    [Fact]
    public void After_an_upsampling()
    {
        foreach (int factor in new[] { 2, 3 })
        {
            var (x, w) = (Host.Random(Random, 2, 6, 4, 5), Host.Random(Random, 5, 6, 3, 3));
            var options = new ConvolutionOptions { Padding = (1, 1, 1, 1) };
            var big = Host.Of([2, 6, 4 * factor, 5 * factor], i => x[i[0], i[1], i[2] / factor, i[3] / factor]);
            var expected = Host.Convolution(big, w, options);
            expected.AssertEqual(x.ToTensor().UpsampleNearest(factor).Convolution(w.ToTensor().AsConstant(), null, options), 1e-4);
            expected.AssertEqual((x.ToTensor() + 0).UpsampleNearest(factor).Convolution(w.ToTensor(), null, options), 1e-4);
            var up = x.ToTensor().UpsampleNearest(factor);
            // Read twice, so it has to be stored.
            var sum = up.Conv2d(w.ToTensor(), padding: 1).Sum() + up.Sum();
            Assert.Equal(expected.Data.Sum() + big.Data.Sum(), sum.ToScalar(), 1e-3);
        }
    }

    [Fact]
    public void An_upsampling_may_be_the_kernel_too()
    {
        var x = Host.Random(Random, 2, 2, 2, 2);
        var big = Host.Of([2, 2, 4, 4], i => x[i[0], i[1], i[2] / 2, i[3] / 2]);
        var up = x.ToTensor().UpsampleNearest();
        Host.Convolution(big, big, ConvolutionOptions.Default).AssertEqual(up.Convolution(up, null, ConvolutionOptions.Default), 1e-5);
    }

    [Fact]
    public void In_one_dimension()
    {
        var (x, w, b) = (Host.Random(Random, 2, 4, 11), Host.Random(Random, 6, 2, 3), Host.Random(Random, 6));
        var expected = Host.Convolution(x.Reshape(2, 4, 1, 11), w.Reshape(6, 2, 1, 3), new() { Groups = 2, Stride = (1, 2), Dilation = (1, 2), Padding = (0, 0, 3, 3) });
        Host.Zip(expected, b.Reshape(1, 6, 1, 1), (p, q) => p + q).Reshape(2, 6, expected.Shape[3])
            .AssertEqual(x.ToTensor().Conv1d(w.ToTensor(), b.ToTensor(), 2, 3, 2, 2), 1e-5);
    }

    [Fact]
    public void Transposed_is_the_adjoint()
    {
        foreach (var (stride, padding, outputPadding, dilation, groups) in new[] { (1, 0, 0, 1, 1), (2, 1, 1, 1, 1), (2, 1, 0, 1, 2), (3, 0, 2, 2, 1), (2, 2, 1, 2, 2) })
        {
            var (x, w) = (Host.Random(Random, 2, 4, 4, 5), Host.Random(Random, 4, 3, 3, 3));
            var y = x.ToTensor().ConvTranspose2d(w.ToTensor(), null, stride, padding, outputPadding, dilation, groups);
            // Scatter, the definition.
            int oh = (4 - 1) * stride - 2 * padding + dilation * 2 + outputPadding + 1, ow = (5 - 1) * stride - 2 * padding + dilation * 2 + outputPadding + 1;
            Assert.Equal([2, 3 * groups, oh, ow], y.Shape);
            var sums = new double[2 * 3 * groups * oh * ow];
            for (int i = 0; i < x.Data.Length; i++)
            {
                var at = Host.Index(x.Shape, i);
                int group = at[1] / (4 / groups);
                for (int o = 0; o < 3; o++)
                {
                    for (int k = 0; k < 9; k++)
                    {
                        int row = at[2] * stride - padding + k / 3 * dilation, column = at[3] * stride - padding + k % 3 * dilation;
                        if (row >= 0 && row < oh && column >= 0 && column < ow)
                            sums[((at[0] * 3 * groups + group * 3 + o) * oh + row) * ow + column] += x.Data[i] * w[at[1], o, k / 3, k % 3];
                    }
                }
            }
            new Host([2, 3 * groups, oh, ow], sums).AssertEqual(y, 1e-5, $"stride {stride}");
        }
    }

    private static Tensor ChannelsLast(Host x) => x.Permute(0, 2, 3, 1).ToTensor().Permute(0, 3, 1, 2);
}
