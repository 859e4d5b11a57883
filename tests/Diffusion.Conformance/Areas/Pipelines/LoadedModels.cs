using Diffusion.Core.Devices;
using Diffusion.Dsl.Pipelines;

namespace Diffusion.Conformance.Areas.Pipelines;

/// <summary>Models by folder, each loaded once for all cases that use it.</summary>
public sealed class LoadedModels(ConformanceOptions options)
{
    private readonly Dictionary<string, Model> models = new(StringComparer.Ordinal);

    /// <summary>The model of a folder.</summary>
    public Model this[string folder] => models.TryGetValue(folder, out var model) ? model
        : models[folder] = Model.Load(folder, Device.Open(options.Device));
}
