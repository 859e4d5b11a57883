using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Models;

namespace Diffusion.Benchmarks.Networks;

/// <summary>The UNet of Stable Diffusion 1.5 with random weights: its real shapes, 859.5 million parameters.</summary>
internal static class StableDiffusion15
{
    /// <summary>GFLOP of one forward at 64×64 latents, batch 1, by the plain definition.</summary>
    public const double Gigaflops = 803.3;

    /// <summary>What Winograd's arithmetic leaves of it: F(4×4) from 32 rows up, F(2×2) at 16, transforms not counted.</summary>
    public const double GigaflopsByWinograd = Gigaflops * 2.74 / 4.00;

    public static UNet2DConditionConfig Config { get; } = new UNet2DConditionConfig { Source = "Stable Diffusion 1.5", SampleSize = 64, CrossAttentionDim = [768] };

    /// <summary>
    /// Values for every tensor of the model, by name, in memory that doesn't move. Convolutions' weights lie channels-last, so that
    /// libtorch can read the same memory in its faster layout: two copies of everything don't fit small machines.
    /// </summary>
    public static ImmutableSortedDictionary<string, RandomArray> Values() => UNet2DConditionModel.ExpectedTensors(Config)
        .ToImmutableSortedDictionary(t => t.Name, t => RandomArray.Weight(t.Name, [.. t.Shape.Select(n => (int)n)]).AsChannelsLast(), StringComparer.Ordinal);

    /// <summary>The model over such values; they aren't copied.</summary>
    public static UNet2DConditionModel Model(ImmutableSortedDictionary<string, RandomArray> values, Device device) =>
        UNet2DConditionModel.Of(Config, ModelWeights.Of(values.Select(v => KeyValuePair.Create(v.Key, v.Value.Constant(device)))));

    /// <summary>A sample, noise: [1, 4, 64, 64].</summary>
    public static RandomArray Sample { get; } = RandomArray.Uniform(1, 1.7f, 1, 4, 64, 64);

    /// <summary>Tokens of a text: [1, 77, 768].</summary>
    public static RandomArray Tokens { get; } = RandomArray.Uniform(2, 1.7f, 1, 77, 768);

    /// <summary>The timestep.</summary>
    public const double Timestep = 500;
}
