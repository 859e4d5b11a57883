using Diffusion.Conformance.Areas.Pipelines;

namespace Diffusion.Conformance.Areas;

/// <summary><c>pipelines/&lt;family&gt;/cases/&lt;case&gt;.json</c>, named <c>pipelines/family/case</c>.</summary>
public static class PipelinesArea
{
    // Families whose cases say in their own words what was done to the model (LoRA, adapters, …) need more than a call.
    private static readonly string[] Supported = ["sd", "ddpm"];

    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options)
    {
        var models = new LoadedModels(options);
        foreach (var family in Directory.GetDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal))
        {
            var cases = Path.Combine(folder, family, "cases");
            if (!Directory.Exists(cases))
                continue;
            foreach (var file in Directory.GetFiles(cases, "*.json").Order(StringComparer.Ordinal))
            {
                var name = Path.GetFileNameWithoutExtension(file);
                foreach (var result in options.Case($"pipelines/{family}/{name}", () => Check(folder, family, file, models)))
                    yield return result;
            }
        }
    }

    private static Verdict Check(string folder, string family, string file, LoadedModels models)
    {
        if (!Supported.Contains(family))
            return Verdict.Skip($"the pipeline family {family} isn't supported yet.");
        using var json = LenientJson.Read(file);
        var settings = new PipelineCase(folder, file, json.RootElement);
        if (settings.UnknownScheduler is { Length: > 0 } scheduler)
            return Verdict.Skip($"{scheduler} isn't supported yet.");
        return settings.Pipeline switch
        {
            "" => TextToImageCase.CheckPrompts(settings, models),
            "StableDiffusionPipeline" => TextToImageCase.Check(settings, models),
            "DDPMPipeline" or "DDIMPipeline" or "RePaintPipeline" => UnconditionalCase.Check(settings, models),
            var other => Verdict.Skip($"{other} isn't supported yet."),
        };
    }
}
