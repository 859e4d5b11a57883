using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Xunit;

namespace Diffusion.Core.Tests.Planning;

public sealed class PairedProductTests
{
    [Theory]
    [InlineData(2, 5, 7, 3, true)]
    [InlineData(1, 64, 32, 48, true)]
    [InlineData(3, 9, 17, 21, false)]
    public void A_gated_layer_is_one_kernel(int batch, int rows, int inputs, int half, bool bias)
    {
        var (x, w, b) = (Random(1, batch, rows, inputs), Random(2, 2 * half, inputs).AsConstant(), Random(3, 2 * half));
        var gated = Gated(x, w, bias ? b : null, half, step: t => t);
        var report = Device.Cpu.Explain(gated);
        Assert.True(report.Kernels.Length == 1, report.ToString());

        var apart = Gated(x, w, bias ? b : null, half, step: t => t.Realize());
        var (expected, actual) = (apart.ToArray(), gated.ToArray());
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-5);
    }

    [Fact]
    public void Halves_that_are_read_apart_are_right_too()
    {
        var (x, w) = (Random(1, 4, 6), Random(2, 10, 6).AsConstant());
        var whole = x.Linear(w);
        Tensor[] halves = [whole.Slice(1, 0, 5) * 2, whole.Slice(1, 5, 5).Silu()];
        Tensor.Realize(halves);
        var plain = x.Linear(w).Realize();
        Assert.Equal((plain.Slice(1, 0, 5) * 2).ToArray(), halves[0].ToArray());
        Assert.Equal(plain.Slice(1, 5, 5).Silu().ToArray(), halves[1].ToArray());
    }

    private static Tensor Gated(Tensor x, Tensor w, Tensor? b, int half, Func<Tensor, Tensor> step)
    {
        var parts = step(x.Linear(w, b)).Chunk(2, -1);
        Assert.Equal(half, parts[0].Shape[-1]);
        return parts[0] * parts[1].Gelu();
    }

    private static Tensor Random(int seed, params int[] lengths)
    {
        var random = new Random(seed);
        return Tensor.From([.. Enumerable.Range(0, lengths.Aggregate(1, (a, n) => a * n)).Select(_ => random.NextSingle() - 0.5f)], lengths);
    }
}
