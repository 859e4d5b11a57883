using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

public sealed class TensorSmokeTests
{
    [Fact]
    public void A_chain_is_one_kernel()
    {
        var x = Tensor.From([1, 2, 3, 4], [2, 2]);
        var y = ((x * 2 + 1).Silu() - x).Sigmoid();
        var report = Device.Cpu.Explain(y);
        Assert.Single(report.Kernels);
        var expected = new[] { 1f, 2, 3, 4 }.Select(v => { double a = 2 * v + 1; double s = a / (1 + Math.Exp(-a)) - v; return 1 / (1 + Math.Exp(-s)); }).ToArray();
        var actual = y.ToArray();
        for (int i = 0; i < 4; i++)
            Assert.Equal(expected[i], actual[i], 1e-5);
    }

    [Fact]
    public void A_convolution_takes_bias_activation_and_residual()
    {
        var random = new Random(1);
        Tensor R(params int[] s) => Tensor.From(Enumerable.Range(0, s.Aggregate(1, (a, b) => a * b)).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray(), s);
        var x = R(2, 8, 6, 6);
        var y = (x.Conv2d(R(8, 8, 3, 3).AsConstant(), R(8), padding: 1) + R(2, 8, 1, 1)).Silu() + x;
        var report = Device.Cpu.Explain(y);
        Assert.True(report.Kernels.Length <= 2, report.ToString());
        Assert.Equal(2 * 8 * 36, y.ToArray().Length);
    }
}
