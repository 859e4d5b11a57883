using Diffusion.Core.Formats;

namespace Diffusion.Conformance.Areas;

/// <summary>A model's <c>reference</c> folder: <c>cases.json</c> lists runs of the model in the folder above. Named <c>reference/case</c>.</summary>
public static class ReferenceArea
{
    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options)
    {
        // Not JsonDocument: the scheduler configurations hold Python's bare Infinity.
        foreach (var element in ModelConfig.Load(Path.Combine(folder, "cases.json")).GetObjects("cases"))
        {
            var name = element.GetText("name");
            foreach (var result in options.Case($"reference/{name}", () => Verdict.Skip("text-to-image pipelines aren't supported yet.")))
                yield return result;
        }
    }
}
