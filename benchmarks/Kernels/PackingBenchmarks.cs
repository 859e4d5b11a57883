using BenchmarkDotNet.Attributes;
using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;

namespace Diffusion.Benchmarks.Kernels;

/// <summary>The first use of a convolution's weights, which repacks them, on the smallest picture there is.</summary>
[MemoryDiagnoser]
public class PackingBenchmarks
{
    private RandomArray weight = RandomArray.Uniform(1, 1, 1);
    private Tensor x = Tensor.Zeros(Shape.Scalar);

    /// <summary>Channels in, rows and columns, channels out. The size chooses the algorithm.</summary>
    [Params("1280-4-1280", "640-32-640")]
    public string Case { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        int[] n = [.. Case.Split('-').Select(int.Parse)];
        x = RandomArray.Uniform(1, 1, 1, n[1], n[1], n[0]).Input(Device.Cpu).Permute(0, 3, 1, 2).Realize();
        weight = RandomArray.Weight("w", [n[2], n[0], 3, 3]);
    }

    [Benchmark]
    public void FirstUse()
    {
        using var w = weight.Constant(Device.Cpu);
        using var y = x.Conv2d(w, null, 1, 1);
        y.Realize();
    }
}
