using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Tensors.Planning;

public sealed class RandomGraphTests
{
    /// <summary>Whatever is fused, laid out and reused: the numbers are those of one operation after the other.</summary>
    [Property(MaxTest = 250, EndSize = 96)]
    public void A_fused_graph_computes_what_its_operations_compute_one_by_one(byte[] code, byte roots) => Check(code, roots);

    /// <summary>The same with long programs.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Long_graphs_too(int seed)
    {
        var random = new Random(seed);
        var code = new byte[4 * 60];
        random.NextBytes(code);
        Check(code, (byte)seed);
    }

    private static void Check(byte[] code, byte roots)
    {
        using var device = new Device(CpuBackend.Create(2));
        // The second time with other numbers, by the plan of the first.
        for (int seed = 1; seed <= 2; seed++)
        {
            var lazy = RandomGraph.Build(device, code, ElementType.Float32, seed, x => x);
            var random = new Random(roots);
            int[] chosen = [.. Enumerable.Range(0, lazy.Nodes.Count).Where(i => i == lazy.Nodes.Count - 1 || random.Next(5) < roots % 3)];
            var asked = chosen.Select(i => lazy.Nodes[i]).ToArray();
            int plans = device.PlanCount;
            var report = device.Explain(asked);
            string Story(string what) => $"{what}\nroots {string.Join(", ", chosen.Select(i => "n" + i))} of\n{lazy.Description}\n{report}";
            if (seed == 2)
                Assert.True(plans == device.PlanCount, Story("planned again for other numbers"));
            Tensor.Realize(asked);

            var single = RandomGraph.Build(device, code, ElementType.Float32, seed, x => x.Realize());
            var exact = RandomGraph.Build(device, code, ElementType.Float64, seed, x => x);
            Tensor.Realize([.. chosen.Select(i => exact.Nodes[i])]);
            for (int r = 0; r < chosen.Length; r++)
            {
                int i = chosen[r];
                var (fused, alone, expected) = (asked[r].ToDoubles(), single.Nodes[i].ToDoubles(), exact.Nodes[i].ToDoubles());
                Assert.Equal(expected.Length, fused.Length);
                for (int j = 0; j < expected.Length; j++)
                {
                    if (!Host.Near(expected[j], fused[j], 5e-4))
                        Assert.Fail(Story($"n{i}, element {j}: {expected[j]:R} in float64, {fused[j]:R} fused, {alone[j]:R} one by one"));
                    if (!Host.Near(expected[j], alone[j], 5e-4))
                        Assert.Fail(Story($"n{i}, element {j}: {expected[j]:R} in float64, {alone[j]:R} one by one, {fused[j]:R} fused"));
                }
            }
        }
    }
}
