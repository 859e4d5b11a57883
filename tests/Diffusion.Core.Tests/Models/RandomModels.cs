using System.Collections.Immutable;
using Diffusion.Core.Models;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;

namespace Diffusion.Core.Tests.Models;

/// <summary>Small models with random weights, and random inputs. Everything is a function of its seed.</summary>
internal static class RandomModels
{
    /// <summary>A UNet of two levels like Stable Diffusion's.</summary>
    public static UNet2DConditionConfig Small { get; } = new()
    {
        InChannels = 4,
        BlockOutChannels = [8, 16],
        DownBlockTypes = ["CrossAttnDownBlock2D", "DownBlock2D"],
        UpBlockTypes = ["UpBlock2D", "CrossAttnUpBlock2D"],
        LayersPerBlock = [1],
        NormNumGroups = 4,
        CrossAttentionDim = [12],
        AttentionHeadDim = [2],
    };

    public static Tensor Values(int seed, params int[] shape)
    {
        var random = new Random(seed);
        return Tensor.From([.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(_ => (float)(random.NextDouble() * 2 - 1))], new Shape([.. shape]));
    }

    public static ModelWeights RandomWeights(ImmutableArray<ExpectedTensor> expected, int seed = 1)
    {
        // Small enough that a deep network neither grows nor dies.
        Tensor Of(ExpectedTensor tensor, int index)
        {
            int[] shape = [.. tensor.Shape.Select(n => (int)n)];
            double scale = shape.Length < 2 ? 0.5 : Math.Sqrt(3.0 / shape[1..].Aggregate(1, (a, b) => a * b));
            return (Values(seed + index, shape) * scale).Realize();
        }
        return ModelWeights.Of(expected.Select((tensor, i) => KeyValuePair.Create(tensor.Name, Of(tensor, 1000 * i))));
    }

    public static UNet2DConditionModel UNet(UNet2DConditionConfig config) => UNet2DConditionModel.Of(config, RandomWeights(UNet2DConditionModel.ExpectedTensors(config)));

    public static void Close(Tensor expected, Tensor actual, double tolerance = 1e-4)
    {
        Xunit.Assert.Equal(expected.Shape, actual.Shape);
        var (left, right) = (expected.ToArray(), actual.ToArray());
        double scale = Math.Max(1, left.Max(Math.Abs));
        for (int i = 0; i < left.Length; i++)
            Xunit.Assert.True(Math.Abs(left[i] - right[i]) <= tolerance * scale, $"[{i}] is {right[i]}, expected {left[i]}.");
    }

    public static double Distance(Tensor a, Tensor b) => (a - b).Abs().Max().ToScalar();
}
