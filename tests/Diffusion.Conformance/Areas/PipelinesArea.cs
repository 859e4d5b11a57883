namespace Diffusion.Conformance.Areas;

/// <summary><c>pipelines/&lt;family&gt;/cases/&lt;case&gt;.json</c>, named <c>pipelines/family/case</c>.</summary>
public static class PipelinesArea
{
    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options) =>
        from family in Directory.GetDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)
        let cases = Path.Combine(folder, family, "cases")
        where Directory.Exists(cases)
        from file in Directory.GetFiles(cases, "*.json").Order(StringComparer.Ordinal)
        from result in options.Case(
            $"pipelines/{family}/{Path.GetFileNameWithoutExtension(file)}",
            () => Verdict.Skip($"the pipeline family {family} isn't supported yet."))
        select result;
}
