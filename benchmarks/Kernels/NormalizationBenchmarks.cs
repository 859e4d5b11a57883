using BenchmarkDotNet.Attributes;
using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;

namespace Diffusion.Benchmarks.Kernels;

/// <summary>GroupNorm with SiLU, and LayerNorm over the same elements as tokens.</summary>
[MemoryDiagnoser]
public class NormalizationBenchmarks : IKnowsWork
{
    private Tensor image = Tensor.Zeros(Shape.Scalar), tokens = Tensor.Zeros(Shape.Scalar), weight = Tensor.Zeros(Shape.Scalar), bias = Tensor.Zeros(Shape.Scalar);

    /// <summary>Channels, rows and columns.</summary>
    [Params("320-64", "640-32", "1280-16", "128-512")]
    public string Case { get; set; } = "";

    private int[] Lengths => [.. Case.Split('-').Select(int.Parse)];

    [GlobalSetup]
    public void Setup()
    {
        int[] n = Lengths;
        var values = RandomArray.Uniform(1, 1, 1, n[1], n[1], n[0]);
        image = values.Input(Device.Cpu).Permute(0, 3, 1, 2).Realize();
        tokens = values.Input(Device.Cpu).Reshape(1, n[1] * n[1], n[0]).Realize();
        (weight, bias) = (RandomArray.Uniform(2, 1, n[0]).Constant(Device.Cpu), RandomArray.Uniform(3, 1, n[0]).Constant(Device.Cpu));
    }

    [Benchmark]
    public void GroupNormSilu()
    {
        using var y = image.GroupNorm(32, weight, bias).Silu();
        y.Realize();
    }

    [Benchmark]
    public void LayerNorm()
    {
        using var y = tokens.LayerNorm(weight, bias);
        y.Realize();
    }

    // Read and written once, as far as memory goes; how much arithmetic a normalisation is says little.
    Work IKnowsWork.WorkOf(string method) => Lengths is [var channels, var size] ? new(0, 8.0 * channels * size * size) : default;
}
