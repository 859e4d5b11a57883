using System.Globalization;
using System.Text.RegularExpressions;
using Diffusion.Core.Formats;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Pipelines;

namespace Diffusion.Conformance.Areas.Pipelines;

/// <summary>Cases of <c>StableDiffusionPipeline</c> and of its prompt encoder.</summary>
public static partial class TextToImageCase
{
    /// <summary>Compares a run with the reference.</summary>
    public static Verdict Check(PipelineCase settings, LoadedModels models)
    {
        var unknown = settings.ArgumentsExcept(
            "prompt", "negative_prompt", "num_inference_steps", "timesteps", "guidance_scale", "guidance_rescale", "height", "width", "eta",
            "clip_skip", "num_images_per_prompt", "output_type", "latents", "prompt_embeds", "negative_prompt_embeds");
        if (unknown.Length > 0)
            return Verdict.Skip($"the arguments {string.Join(", ", unknown)} aren't supported yet.");
        using var tensors = settings.OpenTensors();
        var model = models[settings.Model].TextToImageModel();
        if (FreeU().Match(settings.Note) is { Success: true } freeU)
        {
            double Factor(string name) => double.Parse(freeU.Groups[name].Value, CultureInfo.InvariantCulture);
            model = model.WithFreeU(Factor("s1"), Factor("s2"), Factor("b1"), Factor("b2"));
        }
        else if (settings.Note.Contains('(', StringComparison.Ordinal))
        {
            return Verdict.Skip($"what the case does beside the call isn't known: {settings.Note}");
        }

        var calls = new List<(DenoiserInput Input, DenoiserOutput Output)>();
        var recording = new Denoiser(input =>
        {
            var output = model.Denoiser.Predict(input);
            calls.Add((input, output));
            return output;
        });
        var run = Configured(model.WithDenoiser(recording), settings, tensors);
        var steps = run.EnumerateSteps().ToArray();
        var pictures = run.Finish(steps[^1]);
        return Verdict.All(
        [
            Compare.Equal("denoiser calls", [settings.DenoiserCalls], [calls.Count]),
            .. PipelineCase.CheckLatents(tensors, steps),
            .. PipelineCase.CheckFirstCall(tensors, calls[0].Input, calls[0].Output),
            CheckImages(settings, tensors, pictures),
        ]);
    }

    /// <summary>Compares token ids and embeddings.</summary>
    public static Verdict CheckPrompts(PipelineCase settings, LoadedModels models)
    {
        if (!settings.Root.TryGetProperty("prompts", out var prompts))
            return Verdict.Skip("the case has neither a pipeline nor prompts.");
        using var tensors = settings.OpenTensors();
        var model = models[settings.Model].TextToImageModel();
        var wanted = PipelineCase.Strings(prompts);
        var run = model.TextToImage(wanted).NegativePrompt(PipelineCase.Strings(settings.Root.GetProperty("negative_prompts")));
        var encoded = run.Encode();
        return Verdict.All(
        [
            Compare.Equal("input_ids", tensors.ToInt64s("input_ids"), wanted.SelectMany(text => model.Tokenize(text).Ids).Select(id => (long)id)),
            Compare.Relative("prompt_embeds", tensors.ToDoubles("prompt_embeds"),
                encoded.Conditioning[Conditioning.EncoderHiddenStates].ToDoubles(), PipelineCase.ModelTolerance),
            Compare.Relative("negative_prompt_embeds", tensors.ToDoubles("negative_prompt_embeds"),
                encoded.Unconditional[Conditioning.EncoderHiddenStates].ToDoubles(), PipelineCase.ModelTolerance),
        ]);
    }

    private static TextToImage Configured(TextToImageModel model, PipelineCase settings, SafetensorsFile tensors)
    {
        var run = model.TextToImage(settings.Texts("prompt") is { Length: > 0 } prompts ? prompts : [""])
            .NegativePrompt(settings.Texts("negative_prompt"))
            .Seeds(settings.Seeds)
            .Steps(settings.Integer("num_inference_steps", 50))
            .GuidanceScale(settings.Number("guidance_scale", 7.5))
            .GuidanceRescale(settings.Number("guidance_rescale", 0))
            .Size(settings.Integer("width", 0), settings.Integer("height", 0))
            .Eta(settings.Number("eta", 0))
            .ClipSkip(settings.Integer("clip_skip", 0))
            .Batch(settings.Integer("num_images_per_prompt", 1))
            .Scheduler(settings.Scheduler(model.Scheduler));
        if (settings.Numbers("timesteps") is { Length: > 0 } timesteps)
            run = run.Timesteps(timesteps);
        if (tensors.Contains("in/latents"))
            run = run.Latents(PipelineCase.Read(tensors, "in/latents"));
        return tensors.Contains("in/prompt_embeds")
            ? run.Embeddings(PipelineCase.Read(tensors, "in/prompt_embeds"), PipelineCase.Read(tensors, "in/negative_prompt_embeds"))
            : run;
    }

    private static Verdict CheckImages(PipelineCase settings, SafetensorsFile tensors, Pictures pictures)
    {
        var expected = tensors.ToDoubles("images");
        return settings.OutputType switch
        {
            "latent" => Compare.RelativeToLargest("images", expected, pictures.Sample.ToDoubles(), PipelineCase.LatentTolerance),
            "pil" => Compare.Absolute("images", expected, [.. pictures.SelectMany(image => image.Pixels).Select(level => (double)level)], PipelineCase.LevelTolerance),
            _ => Compare.Absolute("images", expected, [.. pictures.Values.ToChannelsLast().Select(value => (double)value)], PipelineCase.ImageTolerance),
        };
    }

    [GeneratedRegex(@"^enable_freeu\(s1=(?<s1>[\d.]+), s2=(?<s2>[\d.]+), b1=(?<b1>[\d.]+), b2=(?<b2>[\d.]+)\)$")]
    private static partial Regex FreeU();
}
