using BenchmarkDotNet.Attributes;
using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;

namespace Diffusion.Benchmarks.Kernels;

/// <summary>Attention straight from tokens [1, L, heads, size].</summary>
[MemoryDiagnoser]
public class AttentionBenchmarks : IKnowsWork
{
    private Tensor query = Tensor.Zeros(Shape.Scalar), key = Tensor.Zeros(Shape.Scalar), value = Tensor.Zeros(Shape.Scalar);

    /// <summary>Queries, keys, heads, size.</summary>
    [Params("4096-4096-8-40", "1024-1024-8-80", "256-256-8-160", "64-64-8-160", "4096-77-8-40", "1024-77-8-80", "1024-1024-20-64")]
    public string Case { get; set; } = "";

    private int[] Lengths => [.. Case.Split('-').Select(int.Parse)];

    [GlobalSetup]
    public void Setup()
    {
        int[] n = Lengths;
        Tensor Tokens(uint seed, int length) => RandomArray.Uniform(seed, 1.7f, 1, length, n[2], n[3]).Input(Device.Cpu).Permute(0, 2, 1, 3).Realize();
        (query, key, value) = (Tokens(1, n[0]), Tokens(2, n[1]), Tokens(3, n[1]));
    }

    [Benchmark]
    public void Attend()
    {
        using var y = Tensor.Attention(query, key, value);
        y.Realize();
    }

    Work IKnowsWork.WorkOf(string method) => Lengths is [var queries, var keys, var heads, var size]
        ? new(4.0 * queries * keys * heads * size, 8.0 * (queries + keys) * heads * size) : default;
}
