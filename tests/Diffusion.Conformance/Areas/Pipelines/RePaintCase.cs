using Diffusion.Core.Formats;
using Diffusion.Core.Images;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Pipelines;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Conformance.Areas.Pipelines;

/// <summary>Cases of <c>RePaintPipeline</c>.</summary>
public static class RePaintCase
{
    /// <summary>Compares a run with the reference.</summary>
    public static Verdict Check(PipelineCase settings, LoadedModels models)
    {
        var unknown = settings.ArgumentsExcept(
            "image", "mask_image", "num_inference_steps", "eta", "jump_length", "jump_n_sample", "output_type");
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
        var run = model.WithDenoiser(recording).RePaint(Inputs(tensors))
            .Seeds(settings.Seeds)
            .Steps(settings.Integer("num_inference_steps", 250))
            .Eta(settings.Number("eta", 0))
            .Jumps(settings.Integer("jump_length", 10), settings.Integer("jump_n_sample", 10))
            .Scheduler(settings.Scheduler(model.Scheduler).As("RePaintScheduler"));
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

    private static RePaintInputs Inputs(SafetensorsFile tensors) => RePaintInputs.Of(
        tensors.Contains("in/image_u8")
            ? RePaintInputs.Prepare(Images(tensors, "in/image_u8", 3))
            : ImageBatch.FromTensor(PipelineCase.Read(tensors, "in/image")),
        tensors.Contains("in/mask_image_u8")
            ? RePaintInputs.PrepareMasks(Images(tensors, "in/mask_image_u8", 2))
            : RePaintInputs.MaskOf(PipelineCase.Read(tensors, "in/mask_image")));

    // One picture, or several along a first axis.
    private static IEnumerable<Image> Images(SafetensorsFile tensors, string name, int rank)
    {
        int[] shape = [.. tensors.Entry(name).Shape.Select(length => checked((int)length))];
        int[] one = shape.Length > rank ? shape[^rank..] : shape;
        return tensors.ToFloats(name).Chunk(one.Aggregate(1, (product, length) => product * length))
            .Select(levels => Image.Create(one[1], one[0], one.Length == 2 ? 1 : one[2], [.. levels.Select(level => (byte)level)]));
    }
}
