using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Weights;

namespace Diffusion.Core.Models;

/// <summary>What all models share: names and shapes are compared with the configuration before any memory is spent.</summary>
public static class ModelLoading
{
    /// <summary>The tensors that a model asks for when it is built.</summary>
    /// <param name="build">Builds the model from a scope; what it gives is dropped.</param>
    public static ImmutableArray<ExpectedTensor> ExpectedBy(Func<WeightScope, object> build)
    {
        ArgumentNullException.ThrowIfNull(build);
        var expected = new List<ExpectedTensor>();
        build(WeightScope.Recording(expected.Add));
        return [.. expected.DistinctBy(tensor => tensor.Name)];
    }

    /// <summary>Builds a model from weights, once their names and shapes have been found to be what it needs.</summary>
    /// <param name="model">The model's name in messages.</param>
    /// <param name="weights">The weights. Those that the model doesn't need do no harm.</param>
    /// <param name="build">Builds the model.</param>
    /// <exception cref="CheckpointException">Tensors are missing or have other shapes; the message lists all of them.</exception>
    public static T Build<T>(string model, ModelWeights weights, Func<WeightScope, T> build)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(build);
        weights.Compare(ExpectedBy(build)).RequireComplete(model);
        return build(WeightScope.Of(weights));
    }

    /// <summary>The weights of a store that a model needs, once their names and shapes have been found to be right.</summary>
    /// <inheritdoc cref="Build{T}"/>
    /// <param name="model">The model's name in messages.</param>
    /// <param name="store">The store. Old names of attention layers are understood.</param>
    /// <param name="build">Builds the model.</param>
    /// <param name="device">Where to put the tensors; the CPU when none is given.</param>
    public static ModelWeights Read(string model, WeightStore store, Func<WeightScope, object> build, Device? device)
    {
        ArgumentNullException.ThrowIfNull(store);
        var expected = ExpectedBy(build);
        var renamed = DeprecatedNames.Update(store);
        WeightReport.Of(renamed, expected).RequireComplete(model);
        var needed = expected.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        return ModelWeights.Load(renamed.Where(needed.Contains), device);
    }

    /// <summary>Reads <c>config.json</c> and the weights of a component's folder.</summary>
    /// <param name="folder">The component's folder.</param>
    /// <param name="variant">The variant of the weights that is wanted, e.g. <c>fp16</c>; empty for the plain files.</param>
    /// <param name="create">Makes the model of both.</param>
    internal static T FromFolder<T>(string folder, string variant, Func<ModelConfig, WeightStore, T> create)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var config = ModelConfig.Load(Path.Combine(folder, "config.json"));
        using var store = WeightStore.OpenFolder(folder, variant);
        return create(config, store);
    }
}
