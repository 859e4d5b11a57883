using System.Text.Json;
using Diffusion.Conformance.Areas.Models;
using Diffusion.Core.Formats;

namespace Diffusion.Conformance.Areas;

/// <summary><c>models/&lt;family&gt;/&lt;name&gt;</c>: one case for each call of <c>io.json</c>, named <c>models/family/name/call</c>.</summary>
public static class ModelsArea
{
    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options) =>
        from family in Subfolders(folder)
        from model in Subfolders(Path.Combine(folder, family))
        from result in RunModel(Path.Combine(folder, family, model), $"models/{family}/{model}", options)
        select result;

    private static IEnumerable<CaseResult> RunModel(string folder, string name, ConformanceOptions options)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "io.json")));
        var className = json.RootElement.TryGetProperty("class_name", out var value) ? value.GetString() ?? "" : "";
        foreach (var call in json.RootElement.GetProperty("calls").EnumerateObject())
        {
            foreach (var result in options.Case($"{name}/{call.Name}", () => Check(folder, className, call, options)))
                yield return result;
        }
    }

    private static Verdict Check(string folder, string className, JsonProperty call, ConformanceOptions options)
    {
        if (!ModelFamilies.Known.TryGetValue(className, out var run))
            return Verdict.Skip($"the model class {className} isn't supported yet.");
        using var tensors = SafetensorsFile.Open(Path.Combine(folder, "io.safetensors"));
        var args = call.Value.TryGetProperty("args", out var given) ? given : default;
        return run(new ModelCase(folder, call.Name, args, tensors, FixtureTensors.DeviceOf(options.Device)));
    }

    private static IEnumerable<string> Subfolders(string folder) =>
        Directory.GetDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);
}
