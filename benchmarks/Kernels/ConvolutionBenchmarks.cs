using BenchmarkDotNet.Attributes;
using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;

namespace Diffusion.Benchmarks.Kernels;

/// <summary>3×3 convolutions with bias of Stable Diffusion's UNet and decoder, activations channels-last.</summary>
[MemoryDiagnoser]
public class ConvolutionBenchmarks : IKnowsWork
{
    private Tensor x = Tensor.Zeros(Shape.Scalar), weight = Tensor.Zeros(Shape.Scalar), bias = Tensor.Zeros(Shape.Scalar);

    /// <summary>Channels in, rows and columns, channels out.</summary>
    [Params("320-64-320", "640-32-640", "1280-16-1280", "1280-8-1280", "4-64-320", "320-64-4", "512-64-512")]
    public string Case { get; set; } = "";

    [Params(1, 2)]
    public int Stride { get; set; }

    private int[] Lengths => [.. Case.Split('-').Select(int.Parse)];

    [GlobalSetup]
    public void Setup()
    {
        int[] n = Lengths;
        x = RandomArray.Uniform(1, 1, 1, n[1], n[1], n[0]).Input(Device.Cpu).Permute(0, 3, 1, 2).Realize();
        weight = RandomArray.Weight("w", [n[2], n[0], 3, 3]).Constant(Device.Cpu);
        bias = RandomArray.Uniform(3, 1, n[2]).Constant(Device.Cpu);
    }

    [Benchmark]
    public void Convolve()
    {
        using var y = x.Conv2d(weight, bias, Stride, 1);
        y.Realize();
    }

    Work IKnowsWork.WorkOf(string method)
    {
        if (Lengths is not [var inputs, var size, var outputs])
            return default;
        double edge = (size + Stride - 1) / Stride, weights = 9.0 * inputs * outputs;
        return new(2 * weights * edge * edge, 4 * (weights + (double)inputs * size * size + outputs * edge * edge));
    }
}
