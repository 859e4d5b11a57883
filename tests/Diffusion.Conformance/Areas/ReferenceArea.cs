using System.Text.Json;

namespace Diffusion.Conformance.Areas;

/// <summary>A model's <c>reference</c> folder: <c>cases.json</c> lists runs of the model in the folder above. Named <c>reference/case</c>.</summary>
public static class ReferenceArea
{
    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "cases.json")));
        foreach (var element in json.RootElement.GetProperty("cases").EnumerateArray())
        {
            var name = element.GetProperty("name").GetString();
            foreach (var result in options.Case($"reference/{name}", () => Verdict.Skip("text-to-image pipelines aren't supported yet.")))
                yield return result;
        }
    }
}
