using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Models;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;

namespace Diffusion.Benchmarks.Networks;

/// <summary>Random values for the tensors of a network, in memory that doesn't move, so that a peer can read the same.</summary>
internal static class NetworkValues
{
    /// <summary>
    /// An array for each tensor, by name; convolutions' weights lie channels-last, so that libtorch can read the same memory in its faster layout.
    /// </summary>
    /// <param name="expected">The tensors.</param>
    /// <param name="shared">Tensors of one shape are one array: for networks that are larger than the memory. Each layer still reads all of its weights.</param>
    public static ImmutableSortedDictionary<string, RandomArray> Of(ImmutableArray<ExpectedTensor> expected, bool shared = false)
    {
        var known = new Dictionary<string, RandomArray>();
        RandomArray Make(ExpectedTensor tensor)
        {
            int[] lengths = [.. tensor.Shape.Select(n => (int)n)];
            if (!shared || lengths.Length < 2)
                return RandomArray.Weight(tensor.Name, lengths).AsChannelsLast();
            string key = string.Join('x', lengths);
            return known.TryGetValue(key, out var array) ? array : known[key] = RandomArray.Weight(tensor.Name, lengths).AsChannelsLast();
        }
        return expected.ToImmutableSortedDictionary(t => t.Name, Make, StringComparer.Ordinal);
    }

    /// <summary>The values as a model's weights; they aren't copied, and one array is one tensor.</summary>
    public static ModelWeights Weights(ImmutableSortedDictionary<string, RandomArray> values, Device device)
    {
        var tensors = new Dictionary<RandomArray, Tensor>(ReferenceEqualityComparer.Instance);
        return ModelWeights.Of(values.Select(pair =>
        {
            if (!tensors.TryGetValue(pair.Value, out var tensor))
                tensors.Add(pair.Value, tensor = pair.Value.Constant(device));
            return KeyValuePair.Create(pair.Key, tensor);
        }));
    }
}
