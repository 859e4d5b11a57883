using Diffusion.Conformance.Areas.Misc;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Tensors;

namespace Diffusion.Conformance.Areas;

/// <summary><c>misc/&lt;file&gt;.safetensors</c>: one case for each tensor that a file gives a way to compute, named <c>misc/file/tensor</c>.</summary>
public static class MiscArea
{
    private const double Tolerance = 1e-5;

    private static readonly Dictionary<string, Func<SafetensorsFile, Device, string, Tensor?>> Files = new(StringComparer.Ordinal)
    {
        ["ops"] = OperatorCases.Compute,
        ["embeddings"] = EmbeddingCases.Compute,
        ["guidance_freeu"] = FreeUCases.Compute,
    };

    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options) =>
        from file in Directory.GetFiles(folder).Where(path => Path.GetExtension(path) is ".safetensors" or ".json").Order(StringComparer.Ordinal)
        from result in RunFile(file, options)
        select result;

    private static IEnumerable<CaseResult> RunFile(string path, ConformanceOptions options)
    {
        if (MiscSchedules.Handles(path)) return MiscSchedules.Run(path, options);
        var name = Path.GetFileNameWithoutExtension(path);
        if (!Files.TryGetValue(name, out var compute))
            return options.Case($"misc/{name}", () => Verdict.Skip($"{name} isn't supported yet."));
        return Path.GetExtension(path) == ".json" ? [] : RunTensors(path, name, compute, options);
    }

    private static IEnumerable<CaseResult> RunTensors(string path, string name, Func<SafetensorsFile, Device, string, Tensor?> compute, ConformanceOptions options)
    {
        using var file = SafetensorsFile.Open(path);
        var device = Models.FixtureTensors.DeviceOf(options.Device);
        foreach (var tensor in file.Names.Where(tensor => !IsInput(name, tensor)).Order(StringComparer.Ordinal).ToArray())
        {
            foreach (var result in options.Case($"misc/{name}/{tensor}", () => compute(file, device, tensor) is { } actual
                ? Models.FixtureTensors.Compare(file, tensor, actual, Tolerance)
                : Verdict.Skip($"how '{tensor}' is made isn't known.")))
            {
                yield return result;
            }
        }
    }

    private static bool IsInput(string file, string tensor) => tensor.Split('/') is var parts
        && (parts[0] == "in" || parts[^1] is "in" or "w" or "weight" || tensor == "timesteps"
            || (file == "guidance_freeu" && (tensor is "apply_freeu/hidden" or "apply_freeu/res" || parts[^1] is "noise_cfg" or "noise_pred_text")));
}
