using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Guidances;
using Diffusion.Dsl.Recipes;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Pipelines;

/// <summary>
/// Text-to-image as a value: a model and options. Every method gives another value and leaves this one as it is; nothing is computed
/// until <see cref="Run"/> or steps are asked for. The numbers are those of diffusers' <c>StableDiffusionPipeline</c>.
/// </summary>
public sealed class TextToImage
{
    /// <summary>A run of a model with options.</summary>
    public TextToImage(TextToImageModel model, TextToImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        Model = model;
        Options = options;
    }

    /// <summary>The model.</summary>
    public TextToImageModel Model { get; }

    /// <summary>What was chosen.</summary>
    public TextToImageOptions Options { get; }

    /// <summary>The run with other options.</summary>
    /// <param name="change">From the present options to the new ones.</param>
    public TextToImage With(Func<TextToImageOptions, TextToImageOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return new(Model, change(Options));
    }

    /// <summary>Other prompts, a picture each.</summary>
    public TextToImage Prompts(params string[] prompts) => With(options => options.WithPrompts(prompts));

    /// <summary>What is not wanted: one text for all prompts, or one for each. Only used with guidance.</summary>
    public TextToImage NegativePrompt(params string[] prompts) => With(options => options.WithNegativePrompts(prompts));

    /// <summary>torch's seed for everything that the run draws.</summary>
    public TextToImage Seed(ulong seed) => With(options => options.WithSeeds(seed));

    /// <summary>A seed for each picture: each comes out as it would alone.</summary>
    public TextToImage Seeds(params ulong[] seeds) => With(options => options.WithSeeds(seeds));

    /// <summary>The number of steps, 1 or more.</summary>
    public TextToImage Steps(int steps) => With(options => options.WithSteps(steps));

    /// <summary>Timesteps of one's own, descending, for schedulers that take them.</summary>
    public TextToImage Timesteps(params double[] timesteps) => With(options => options.WithTimesteps(timesteps));

    /// <summary>The scale of classifier-free guidance; off at 1 and below.</summary>
    public TextToImage GuidanceScale(double scale) => With(options => options.WithGuidanceScale(scale));

    /// <summary>How much of the conditional prediction's deviation guidance keeps, 0 … 1.</summary>
    public TextToImage GuidanceRescale(double rescale) => With(options => options.WithGuidanceRescale(rescale));

    /// <summary>Guidances of one's own instead of classifier-free guidance; the first one is the innermost.</summary>
    public TextToImage Guide(params Guidance[] guidances) => With(options => options.WithGuidances(guidances));

    /// <summary>The size in pixels.</summary>
    public TextToImage Size(int width, int height) => With(options => options.WithSize(width, height));

    /// <summary>Another scheduler with the configuration of the model's own (diffusers' <c>from_config</c>).</summary>
    /// <param name="name">A class of diffusers such as <c>DDIMScheduler</c>, or a name such as <c>DDIM</c>.</param>
    /// <exception cref="ArgumentException">There is none of that name; the message lists the names.</exception>
    public TextToImage Scheduler(string name)
    {
        _ = Schedulers.Schedulers.ByName(name);
        return With(options => options.WithScheduler(scheduler => scheduler.As(name)));
    }

    /// <summary>A scheduler as it is: one of one's own, or one with other options.</summary>
    public TextToImage Scheduler(Schedulers.Scheduler scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        return With(options => options.WithScheduler(_ => scheduler));
    }

    /// <summary>DDIM's eta, 0 (deterministic) or more.</summary>
    public TextToImage Eta(double eta) => With(options => options.WithEta(eta));

    /// <summary>How many of the text encoder's last layers to leave out.</summary>
    public TextToImage ClipSkip(int layers) => With(options => options.WithClipSkip(layers));

    /// <summary>So many pictures of each prompt.</summary>
    public TextToImage Batch(int picturesPerPrompt) => With(options => options.WithBatch(picturesPerPrompt));

    /// <summary>Noise to start from instead of the generator's first draw.</summary>
    public TextToImage Latents(Tensor latents) => With(options => options.WithLatents(latents));

    /// <summary>Embeddings instead of prompts and negative prompts.</summary>
    public TextToImage Embeddings(Tensor prompt, Tensor negative) => With(options => options.WithEmbeddings(prompt, negative));

    /// <summary>A function applied to every step before the next one is taken.</summary>
    public TextToImage Map(Func<Step, Step> edit) => With(options => options.WithEdit(edit));

    /// <summary>The prompts' embeddings, and what of the prompts didn't fit.</summary>
    public EncodedPrompts Encode() => PromptEncoder.Encode(Model, Options);

    /// <summary>The loop that this run is, to be pulled, edited, saved, resumed or forked.</summary>
    /// <exception cref="ArgumentException">Options don't fit each other or the model; the message says which.</exception>
    public DenoisingLoop Denoise() => TextToImagePlan.Of(Model, Options).Loop;

    /// <summary>The steps, each computed when it is pulled; see <see cref="DenoisingLoop.Steps"/>.</summary>
    public IEnumerable<Step> EnumerateSteps(CancellationToken cancel = default) => Denoise().Steps(cancel);

    /// <summary>The steps, awaited; see <see cref="DenoisingLoop.StepsAsync"/>.</summary>
    public IAsyncEnumerable<Step> StepsAsync(CancellationToken cancel = default) => Denoise().StepsAsync(cancel);

    /// <summary>The steps, pushed; see <see cref="DenoisingLoop.Observe"/>.</summary>
    public IObservable<Step> Observe(CancellationToken cancel = default) => Denoise().Observe(cancel);

    /// <summary>Makes the pictures.</summary>
    /// <param name="progress">Is told of every step.</param>
    /// <param name="cancel">Stops between two kernels; everything is freed.</param>
    /// <exception cref="ArgumentException">Options don't fit each other or the model; the message says which.</exception>
    /// <exception cref="OperationCanceledException">When cancelled.</exception>
    public Pictures Run(IProgress<Step>? progress = null, CancellationToken cancel = default)
    {
        var plan = TextToImagePlan.Of(Model, Options);
        var made = new LiveTensors();
        var last = plan.Loop.RunTracked(made, progress, cancel);
        return Decode(plan, last.Sample, made, cancel);
    }

    /// <summary>As <see cref="Run"/>, on the thread pool.</summary>
    public Task<Pictures> RunAsync(IProgress<Step>? progress = null, CancellationToken cancel = default) =>
        Task.Run(() => Run(progress, cancel), cancel);

    /// <summary>The pictures of a run's last step, when the steps were pulled one by one.</summary>
    /// <param name="step">A step of this run; its sample is decoded.</param>
    /// <param name="cancel">Stops between two kernels.</param>
    public Pictures Finish(Step step, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(step);
        return Decode(TextToImagePlan.Of(Model, Options), step.Sample, new LiveTensors(), cancel);
    }

    /// <summary>Everything that is needed to make the pictures again.</summary>
    public Recipe Recipe() => RecipeOf(TextToImagePlan.Of(Model, Options));

    /// <summary>The run in words.</summary>
    public string Describe() => Recipe().ToString();

    /// <inheritdoc/>
    public override string ToString() => $"text-to-image with {Model.Name}: {string.Join(" | ", Options.Prompts)}";

    private Recipe RecipeOf(TextToImagePlan plan) => Recipes.Recipe.Of(Model, Options, plan.Scheduler, plan.Width, plan.Height);

    private Pictures Decode(TextToImagePlan plan, Tensor sample, LiveTensors made, CancellationToken cancel)
    {
        var pixels = TextToImagePlan.Decode(Model, sample);
        try
        {
            pixels.Realize(cancel);
            return Pictures.Of(sample, pixels, RecipeOf(plan), [.. Model.Notes, .. plan.Prompts.Notes]);
        }
        catch
        {
            made.FreeAll();
            throw;
        }
        finally
        {
            pixels.Dispose();
            made.FreeAllButSample(sample);
        }
    }
}
