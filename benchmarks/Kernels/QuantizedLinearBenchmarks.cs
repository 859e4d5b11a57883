using BenchmarkDotNet.Attributes;
using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;

namespace Diffusion.Benchmarks.Kernels;

/// <summary>Linear layers with bias and weights of small integers.</summary>
[MemoryDiagnoser]
public class QuantizedLinearBenchmarks : IKnowsWork
{
    private static readonly Quantization[] Kinds = [Quantization.Int8, Quantization.Int8Activations, Quantization.Int4];

    private Tensor x = Tensor.Zeros(Shape.Scalar), weight = Tensor.Zeros(Shape.Scalar), bias = Tensor.Zeros(Shape.Scalar);

    /// <summary>Rows, inputs, outputs.</summary>
    [Params("1-1280-1280", "8-1280-1280", "64-1280-1280", "256-1280-1280", "1024-640-2560", "4096-320-1280")]
    public string Case { get; set; } = "";

    /// <summary>How the weights are kept.</summary>
    [Params("int8", "int8-activations", "int4")]
    public string Weights { get; set; } = "";

    private int[] Lengths => [.. Case.Split('-').Select(int.Parse)];

    private Quantization Kind => Kinds.Single(kind => kind.Name == Weights);

    [GlobalSetup]
    public void Setup()
    {
        int[] n = Lengths;
        x = RandomArray.Uniform(1, 1, n[0], n[1]).Input(Device.Cpu);
        weight = QuantizedMatrix.Quantize(RandomArray.Weight("w", [n[2], n[1]]).Constant(Device.Cpu), Kind).ToTensor();
        bias = RandomArray.Uniform(3, 1, n[2]).Constant(Device.Cpu);
    }

    [Benchmark]
    public void Multiply()
    {
        using var y = x.Linear(weight, bias);
        y.Realize();
    }

    Work IKnowsWork.WorkOf(string method) => Lengths is [var rows, var inputs, var outputs]
        ? new(2.0 * rows * inputs * outputs, 4.0 * rows * (inputs + outputs) + (double)inputs * outputs * Kind.Bits / 8) : default;
}
