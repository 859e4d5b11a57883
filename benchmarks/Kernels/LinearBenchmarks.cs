using BenchmarkDotNet.Attributes;
using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;

namespace Diffusion.Benchmarks.Kernels;

/// <summary>Linear layers with bias, packed weights.</summary>
[MemoryDiagnoser]
public class LinearBenchmarks : IKnowsWork
{
    private Tensor x = Tensor.Zeros(Shape.Scalar), weight = Tensor.Zeros(Shape.Scalar), bias = Tensor.Zeros(Shape.Scalar);

    /// <summary>Rows, inputs, outputs.</summary>
    [Params("1-1280-1280", "2-1280-1280", "64-1280-1280", "77-768-1280", "256-1280-1280", "1024-640-640", "1024-640-5120", "4096-320-320", "4096-320-2560", "4096-1280-320")]
    public string Case { get; set; } = "";

    private int[] Lengths => [.. Case.Split('-').Select(int.Parse)];

    [GlobalSetup]
    public void Setup()
    {
        int[] n = Lengths;
        x = RandomArray.Uniform(1, 1, n[0], n[1]).Input(Device.Cpu);
        weight = RandomArray.Weight("w", [n[2], n[1]]).Constant(Device.Cpu);
        bias = RandomArray.Uniform(3, 1, n[2]).Constant(Device.Cpu);
    }

    [Benchmark]
    public void Multiply()
    {
        using var y = x.Linear(weight, bias);
        y.Realize();
    }

    Work IKnowsWork.WorkOf(string method) => Lengths is [var rows, var inputs, var outputs]
        ? new(2.0 * rows * inputs * outputs, 4.0 * ((double)rows * (inputs + outputs) + (double)inputs * outputs)) : default;
}
