using Diffusion.Core.Formats;
using Diffusion.Core.Images;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Pipelines;

namespace Diffusion.Conformance.Areas.Pipelines;

/// <summary>Cases of <c>DDPMPipeline</c>, <c>DDIMPipeline</c> and <c>RePaintPipeline</c>.</summary>
public static class UnconditionalCase
{
    /// <summary>Compares a run with the reference.</summary>
    public static Verdict Check(PipelineCase settings, LoadedModels models)
    {
        var unknown = settings.ArgumentsExcept("batch_size", "num_inference_steps", "eta", "use_clipped_model_output", "output_type",
            "image", "mask_image", "jump_length", "jump_n_sample");
        if (unknown.Length > 0)
            return Verdict.Skip($"the arguments {string.Join(", ", unknown)} aren't supported yet.");
        using var tensors = settings.OpenTensors();
        var model = models[settings.Model].PixelModel();
        var calls = new List<(DenoiserInput Input, DenoiserOutput Output)>();
        var recording = new Denoiser(input =>
        {
            var output = model.Denoiser.Predict(input);
            calls.Add((input, output));
            return output;
        });
        var scheduler = settings.Scheduler(model.Scheduler);
        var run = model.WithDenoiser(recording).UnconditionalImage()
            .Batch(settings.Integer("batch_size", 1))
            .Seeds(settings.Seeds)
            .Steps(settings.Integer("num_inference_steps", settings.Pipeline switch { "DDPMPipeline" => 1000, "RePaintPipeline" => 250, _ => 50 }))
            .Eta(settings.Number("eta", 0))
            .ClippedModelOutput(settings.Flag("use_clipped_model_output"))
            .Scheduler(settings.Pipeline == "DDIMPipeline" ? Diffusion.Dsl.Schedulers.Schedulers.As(scheduler, "DDIMScheduler") : scheduler);
        if (settings.Pipeline == "RePaintPipeline")
        {
            run = run.Repaint(RepaintInputs(tensors).WithJumps(settings.Integer("jump_length", 10), settings.Integer("jump_n_sample", 10)));
        }

        var steps = run.EnumerateSteps().ToArray();
        var expected = tensors.ToDoubles("images");
        var pictures = run.Finish(steps[^1]);
        return Verdict.All(
        [
            Compare.Equal("denoiser calls", [settings.DenoiserCalls], [calls.Count]),
            .. PipelineCase.CheckLatents(tensors, steps),
            .. PipelineCase.CheckFirstCall(tensors, calls[0].Input, calls[0].Output),
            settings.OutputType == "pil"
                ? Compare.Absolute("images", expected, [.. pictures.SelectMany(image => image.Pixels).Select(level => (double)level)], PipelineCase.LevelTolerance)
                : Compare.Absolute("images", expected, [.. pictures.Values.ToChannelsLast().Select(value => (double)value)], PipelineCase.ImageTolerance),
        ]);
    }

    // Pictures and masks as bytes, or as the numbers that they would become.
    private static RepaintInput RepaintInputs(SafetensorsFile tensors) => RepaintInput.Of(
        tensors.Contains("in/image_u8")
            ? RepaintInput.Prepare(PipelineCase.Pictures(tensors, "in/image_u8", 3))
            : ImageBatch.FromTensor(PipelineCase.Read(tensors, "in/image")),
        tensors.Contains("in/mask_image_u8")
            ? RepaintInput.PrepareMasks(PipelineCase.Pictures(tensors, "in/mask_image_u8", 2))
            : RepaintInput.MaskOf(PipelineCase.Read(tensors, "in/mask_image")));
}
