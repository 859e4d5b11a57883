using System.Collections.Immutable;
using Diffusion.Core.Images;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Randomness;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Guidances;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Pipelines;

/// <summary>A run worked out: sizes, timetable and loop, with everything checked that can be checked before computing.</summary>
internal sealed record TextToImagePlan(
    Scheduler Scheduler, Timetable Timetable, Shape Shape, int Width, int Height, EncodedPrompts Prompts, DenoisingLoop Loop)
{
    // The largest side: latents beyond it couldn't be counted in a tensor with any batch.
    private const int MaximumSide = 32_768;

    public static TextToImagePlan Of(TextToImageModel model, TextToImageOptions options)
    {
        int width = Side("width", options.Width, model.LatentWidth, model), height = Side("height", options.Height, model.LatentHeight, model);
        int rows = options.PromptEmbeddings is [var embeddings] ? embeddings.Shape[0] : options.Prompts.Length;
        int pictures = checked(rows * options.Batch);
        if (options.Seeds.Length != 1 && options.Seeds.Length != pictures)
            throw new ArgumentException($"Seeds: got {options.Seeds.Length} for {pictures} pictures; expected one for everything, or one for each picture.", nameof(options));

        var shape = Shape.Of(pictures, model.LatentChannels, height / model.ScaleFactor, width / model.ScaleFactor);
        var scheduler = options.Scheduler(model.Scheduler);
        var timetable = scheduler.Timetable(new TimetableOptions { Steps = options.Steps, Timesteps = options.Timesteps, Eta = options.Eta });
        var prompts = PromptEncoder.Encode(model, options);
        var guidance = GuidanceOf(model, options);
        var loop = DenoisingLoop
            .CreateLazily(model.Denoiser, timetable, cancel => Begin(model, options, timetable, shape, prompts, guidance, cancel))
            .Guide(guidance)
            .WithConditioning(Told(model, options, prompts.Conditioning, pictures), Told(model, options, prompts.Unconditional, pictures))
            .WithDecoder(latents => ToImages(model, latents));
        return new(scheduler, timetable, shape, width, height, prompts, options.Edits.Aggregate(loop, (sum, edit) => sum.Map(edit)));
    }

    public static Tensor Decode(TextToImageModel model, Tensor latents) => Pictures.Denormalized(model.Decode(latents));

    private static ImmutableArray<Image> ToImages(TextToImageModel model, Tensor latents) => Pictures.ToValues(Decode(model, latents)).ToImages();

    private static Guidance GuidanceOf(TextToImageModel model, TextToImageOptions options)
    {
        if (!options.Guidances.IsEmpty)
            return Guidance.Compose([.. options.Guidances]);
        if (options.GuidanceScale <= 1 || model.GuidanceEmbeddingSize > 0)
            return Guidance.None;
        var free = Guidance.ClassifierFree(options.GuidanceScale);
        return options.GuidanceRescale > 0 ? free.Then(Guidance.Rescale(options.GuidanceRescale)) : free;
    }

    private static Step Begin(
        TextToImageModel model, TextToImageOptions options, Timetable timetable, Shape shape, EncodedPrompts prompts, Guidance guidance,
        CancellationToken cancel)
    {
        // Once for the whole run, and only what the run reads: without guidance the negative prompt is never computed.
        prompts.Conditioning.Realize(cancel);
        if (guidance != Guidance.None)
            prompts.Unconditional.Realize(cancel);
        var noise = NoiseSource.FromSeeds(options.Seeds);
        var latents = options.Latents is [var given] ? Fitting(given, shape).To(model.Device) : Tensor.From(noise.Randn(shape.Lengths), shape, model.Device);
        return Step.Start(timetable.InitNoiseSigma == 1 ? latents : latents * timetable.InitNoiseSigma, timetable, noise.Snapshot());
    }

    private static Conditioning Told(TextToImageModel model, TextToImageOptions options, Conditioning conditioning, int pictures) =>
        model.GuidanceEmbeddingSize == 0 ? conditioning
            : conditioning.With("timestep_cond", Embeddings.GuidanceScale(
                [.. Enumerable.Repeat((float)(options.GuidanceScale - 1), pictures)], model.GuidanceEmbeddingSize, model.Device));

    private static Tensor Fitting(Tensor latents, Shape shape) => latents.Shape == shape ? latents
        : throw new TensorShapeException($"WithLatents: got {latents.Shape}, expected {shape}: pictures, channels, height and width in latents.");

    private static int Side(string name, int asked, int latents, TextToImageModel model)
    {
        // diffusers asks for multiples of 8 whatever the autoencoder is.
        int multiple = Math.Max(8, model.ScaleFactor), side = asked == 0 ? latents * model.ScaleFactor : asked;
        if (side > MaximumSide)
            throw new ArgumentOutOfRangeException(nameof(asked), asked, $"Size: the {name} can be {MaximumSide} pixels at most.");
        int below = side / multiple * multiple;
        return below == side ? side : throw new ArgumentOutOfRangeException(nameof(asked), asked,
            $"Size: the {name} must be a multiple of {multiple} for {model.Name}; got {side}. Use {(below > 0 ? $"{below} or " : "")}{below + multiple}.");
    }
}
