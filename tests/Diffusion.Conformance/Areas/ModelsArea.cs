using System.Text.Json;

namespace Diffusion.Conformance.Areas;

/// <summary><c>models/&lt;family&gt;/&lt;name&gt;</c>: one case for each call of <c>io.json</c>, named <c>models/family/name/call</c>.</summary>
public static class ModelsArea
{
    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options) =>
        from family in Subfolders(folder)
        from model in Subfolders(Path.Combine(folder, family))
        from result in RunModel(Path.Combine(folder, family, model), family, $"models/{family}/{model}", options)
        select result;

    private static IEnumerable<CaseResult> RunModel(string folder, string family, string name, ConformanceOptions options)
    {
        foreach (var call in CallsOf(folder))
        {
            foreach (var result in options.Case($"{name}/{call}", () => Verdict.Skip($"the model family {family} isn't supported yet.")))
                yield return result;
        }
    }

    private static string[] CallsOf(string folder)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "io.json")));
        return [.. json.RootElement.GetProperty("calls").EnumerateObject().Select(call => call.Name)];
    }

    private static IEnumerable<string> Subfolders(string folder) =>
        Directory.GetDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);
}
