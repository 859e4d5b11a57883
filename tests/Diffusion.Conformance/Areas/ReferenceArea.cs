using System.Text.Json;
using Diffusion.Conformance.Areas.Pipelines;
using Diffusion.Core.Formats;
using Diffusion.Core.Images;
using Diffusion.Core.Randomness;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Pipelines;
using Diffusion.Dsl.Schedulers;
using Catalogue = Diffusion.Dsl.Schedulers.Schedulers;

namespace Diffusion.Conformance.Areas;

/// <summary>A model's <c>reference</c> folder: <c>cases.json</c> lists runs of the model in the folder above. Named <c>reference/case</c>.</summary>
public static class ReferenceArea
{
    private const double NoiseTolerance = 1e-6;

    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options)
    {
        var models = new LoadedModels(options);
        using var json = LenientJson.Read(Path.Combine(folder, "cases.json"));
        foreach (var element in json.RootElement.GetProperty("cases").EnumerateArray())
        {
            var name = element.GetProperty("name").GetString();
            foreach (var result in options.Case($"reference/{name}", () => Check(folder, element, models)))
                yield return result;
        }
    }

    private static Verdict Check(string folder, JsonElement settings, LoadedModels models)
    {
        var scheduler = settings.GetProperty("scheduler").GetString()!;
        if (Catalogue.All.All(known => known.ClassName != scheduler))
            return Verdict.Skip($"{scheduler} isn't supported yet.");
        var files = settings.GetProperty("files");
        using var tensors = SafetensorsFile.Open(Path.Combine(folder, files.GetProperty("tensors").GetString()!));
        var model = models[Path.GetDirectoryName(folder)!].TextToImageModel();
        var run = Configured(model, settings, scheduler);
        var loop = run.Denoise();
        var steps = loop.Steps().ToArray();
        var pictures = run.Finish(steps[^1]);
        return Verdict.All(
        [
            .. CheckPrompts(model, run, settings, tensors),
            .. CheckTimetable(loop.Timetable, settings),
            .. CheckNoise(loop.Timetable, settings, tensors),
            .. PipelineCase.CheckLatents(tensors, steps),
            Compare.Absolute("image", tensors.ToDoubles("image"), [.. pictures.Values.ToChannelsLast().Select(value => (double)value)], PipelineCase.ImageTolerance),
            CheckPng(Path.Combine(folder, files.GetProperty("image").GetString()!), pictures.Image),
        ]);
    }

    private static TextToImage Configured(TextToImageModel model, JsonElement settings, string scheduler)
    {
        double Number(string name) => settings.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : 0;
        var changed = settings.GetProperty("scheduler_overrides").EnumerateObject()
            .Aggregate(model.Scheduler.As(scheduler), (sum, option) => sum.With(config => config.With(option.Name, option.Value.GetRawText())));
        return model.TextToImage(settings.GetProperty("prompt").GetString()!)
            .NegativePrompt(settings.GetProperty("negative_prompt").GetString() ?? "")
            .Seed(settings.GetProperty("seed").GetUInt64())
            .Steps(settings.GetProperty("steps").GetInt32())
            .GuidanceScale(Number("guidance_scale"))
            .GuidanceRescale(Number("guidance_rescale"))
            .Eta(Number("eta"))
            .ClipSkip((int)Number("clip_skip"))
            .Size((int)Number("width"), (int)Number("height"))
            .Scheduler(changed);
    }

    private static IEnumerable<Verdict> CheckPrompts(TextToImageModel model, TextToImage run, JsonElement settings, SafetensorsFile tensors)
    {
        var ids = settings.GetProperty("input_ids").EnumerateArray().Select(id => id.GetInt32());
        yield return Compare.Equal("input_ids", ids, model.Tokenize(run.Options.Prompts[0]).Ids);
        var encoded = run.Encode();
        yield return Compare.Relative("prompt_embeds", tensors.ToDoubles("prompt_embeds"),
            encoded.Conditioning[Conditioning.EncoderHiddenStates].ToDoubles(), PipelineCase.ModelTolerance);
        if (tensors.Contains("negative_prompt_embeds"))
        {
            yield return Compare.Relative("negative_prompt_embeds", tensors.ToDoubles("negative_prompt_embeds"),
                encoded.Unconditional[Conditioning.EncoderHiddenStates].ToDoubles(), PipelineCase.ModelTolerance);
        }
    }

    private static IEnumerable<Verdict> CheckTimetable(Timetable timetable, JsonElement settings)
    {
        yield return Compare.Relative("timesteps", [.. settings.GetProperty("timesteps").EnumerateArray().Select(t => t.GetDouble())], timetable.Timesteps.AsSpan(), 1e-6);
        yield return Compare.Relative("init_noise_sigma", [settings.GetProperty("init_noise_sigma").GetDouble()], [timetable.InitNoiseSigma], 1e-5);
    }

    // All the generator's draws in order: the first noise, then what each step draws.
    private static IEnumerable<Verdict> CheckNoise(Timetable timetable, JsonElement settings, SafetensorsFile tensors)
    {
        var source = NoiseSource.FromSeed(settings.GetProperty("seed").GetUInt64());
        int[] shape = [.. tensors.Entry("noise").Shape.Select(length => checked((int)length))];
        yield return Compare.Absolute("noise", tensors.ToFloats("noise"), source.Randn([.. shape]), NoiseTolerance);
        if (!tensors.Contains("step_noise"))
            yield break;
        var draws = Enumerable.Range(0, timetable.Count).Count(i => timetable.NoiseFor(i) != NoiseNeed.None);
        var drawn = Enumerable.Range(0, draws).SelectMany(_ => source.Randn([.. shape])).ToArray();
        yield return Compare.Absolute("step_noise", tensors.ToFloats("step_noise"), drawn, NoiseTolerance);
    }

    private static Verdict CheckPng(string path, Image made) => Compare.Absolute(
        "png", [.. Image.Load(path).ToRgb().Pixels.Select(level => (double)level)], [.. made.Pixels.Select(level => (double)level)], 1);
}
