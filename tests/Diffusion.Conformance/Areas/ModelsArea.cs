using System.Collections.Immutable;
using Diffusion.Core.Formats;

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

    private static ImmutableArray<string> CallsOf(string folder) =>
        ModelConfig.Load(Path.Combine(folder, "io.json")).GetObject("calls").Names;

    private static IEnumerable<string> Subfolders(string folder) =>
        Directory.GetDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);
}
