using Diffusion.Core.Images;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Recipes;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Pipelines;

/// <summary>
/// Pictures without a prompt, as a value: a model and options. Nothing is computed until <see cref="Run"/> or steps are asked for.
/// The numbers are those of diffusers' <c>DDPMPipeline</c> and <c>DDIMPipeline</c>.
/// </summary>
public sealed class UnconditionalImage
{
    private const string RepaintScheduler = "RePaintScheduler";

    /// <summary>A run of a model with options.</summary>
    public UnconditionalImage(PixelModel model, UnconditionalImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        Model = model;
        Options = options;
    }

    /// <summary>The model.</summary>
    public PixelModel Model { get; }

    /// <summary>What was chosen.</summary>
    public UnconditionalImageOptions Options { get; }

    /// <summary>The run with other options.</summary>
    /// <param name="change">From the present options to the new ones.</param>
    public UnconditionalImage With(Func<UnconditionalImageOptions, UnconditionalImageOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return new(Model, change(Options));
    }

    /// <summary>So many pictures.</summary>
    public UnconditionalImage Batch(int pictures) => With(options => options.WithBatch(pictures));

    /// <summary>torch's seed for everything that the run draws.</summary>
    public UnconditionalImage Seed(ulong seed) => With(options => options.WithSeeds(seed));

    /// <summary>A seed for each picture: each comes out as it would alone.</summary>
    public UnconditionalImage Seeds(params ulong[] seeds) => With(options => options.WithSeeds(seeds));

    /// <summary>The number of steps, 1 or more.</summary>
    public UnconditionalImage Steps(int steps) => With(options => options.WithSteps(steps));

    /// <summary>DDIM's eta, 0 (deterministic) or more.</summary>
    public UnconditionalImage Eta(double eta) => With(options => options.WithEta(eta));

    /// <summary>DDIM: work the noise out anew from the clipped estimate of the original.</summary>
    public UnconditionalImage ClippedModelOutput(bool use) => With(options => options.WithClippedModelOutput(use));

    /// <summary>Another scheduler with the configuration of the model's own (diffusers' <c>from_config</c>).</summary>
    /// <param name="name">A class of diffusers such as <c>DDIMScheduler</c>, or a name such as <c>DDIM</c>.</param>
    /// <exception cref="ArgumentException">There is none of that name; the message lists the names.</exception>
    public UnconditionalImage Scheduler(string name)
    {
        _ = Schedulers.Schedulers.ByName(name);
        return With(options => options.WithScheduler(scheduler => scheduler.As(name)));
    }

    /// <summary>A scheduler as it is: one of one's own, or one with other options.</summary>
    public UnconditionalImage Scheduler(Schedulers.Scheduler scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        return With(options => options.WithScheduler(_ => scheduler));
    }

    /// <summary>Makes a part of a picture anew, as diffusers' <c>RePaintPipeline</c>.</summary>
    /// <param name="original">The picture; it gets the model's channels.</param>
    /// <param name="mask">White where it is kept.</param>
    /// <param name="jumpLength">How far back each jump goes, in steps, 1 or more.</param>
    /// <param name="jumpSamples">How often each stretch is done, 1 (no jumps) or more.</param>
    /// <exception cref="ArgumentException">The sizes don't fit; see <see cref="RepaintInput.Of(Image, Image)"/>.</exception>
    public UnconditionalImage Repaint(Image original, Image mask, int jumpLength = 10, int jumpSamples = 10)
    {
        ArgumentNullException.ThrowIfNull(original);
        return Repaint(RepaintInput.Of(Model.Channels == 1 ? original.ToGray() : original.ToRgb(), mask).WithJumps(jumpLength, jumpSamples));
    }

    /// <summary>Makes parts of pictures anew, as diffusers' <c>RePaintPipeline</c>. With a seed for each, the steps draw from the first, as there.</summary>
    public UnconditionalImage Repaint(RepaintInput input) => With(options => options.WithRepaint(input));

    /// <summary>A function applied to every step before the next one is taken.</summary>
    public UnconditionalImage Map(Func<Step, Step> edit) => With(options => options.WithEdit(edit));

    /// <summary>The loop that this run is.</summary>
    /// <exception cref="ArgumentException">Options don't fit each other or the model; the message says which.</exception>
    public DenoisingLoop Denoise() => Plan().Loop;

    /// <summary>The steps, each computed when it is pulled; see <see cref="DenoisingLoop.Steps"/>.</summary>
    public IEnumerable<Step> EnumerateSteps(CancellationToken cancel = default) => Denoise().Steps(cancel);

    /// <summary>The steps, awaited; see <see cref="DenoisingLoop.StepsAsync"/>.</summary>
    public IAsyncEnumerable<Step> StepsAsync(CancellationToken cancel = default) => Denoise().StepsAsync(cancel);

    /// <summary>The steps, pushed; see <see cref="DenoisingLoop.Observe"/>.</summary>
    public IObservable<Step> Observe(CancellationToken cancel = default) => Denoise().Observe(cancel);

    /// <summary>Makes the pictures.</summary>
    /// <param name="progress">Is told of every step.</param>
    /// <param name="cancel">Stops between two kernels; everything is freed.</param>
    /// <exception cref="OperationCanceledException">When cancelled.</exception>
    public Pictures Run(IProgress<Step>? progress = null, CancellationToken cancel = default)
    {
        var (scheduler, loop) = Plan();
        var made = new LiveTensors();
        var last = loop.RunTracked(made, progress, cancel);
        try
        {
            return Finish(last.Sample, scheduler, cancel);
        }
        catch
        {
            made.FreeAll();
            throw;
        }
        finally
        {
            made.FreeAllButSample(last.Sample);
        }
    }

    /// <summary>As <see cref="Run"/>, on the thread pool.</summary>
    public Task<Pictures> RunAsync(IProgress<Step>? progress = null, CancellationToken cancel = default) =>
        Task.Run(() => Run(progress, cancel), cancel);

    /// <summary>The pictures of a run's last step, when the steps were pulled one by one.</summary>
    /// <param name="step">A step of this run.</param>
    /// <param name="cancel">Stops between two kernels.</param>
    public Pictures Finish(Step step, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(step);
        return Finish(step.Sample, Plan().Scheduler, cancel);
    }

    /// <summary>Everything that is needed to make the pictures again.</summary>
    public Recipe Recipe() => Recipes.Recipe.Of(Model, Options, Plan().Scheduler);

    /// <summary>The run in words.</summary>
    public string Describe() => Recipe().ToString();

    /// <inheritdoc/>
    public override string ToString() => $"unconditional image with {Model.Name}";

    private Pictures Finish(Tensor sample, Schedulers.Scheduler scheduler, CancellationToken cancel)
    {
        using var pixels = Pictures.Denormalized(sample);
        pixels.Realize(cancel);
        return Pictures.Of(sample, pixels, Recipes.Recipe.Of(Model, Options, scheduler), Model.Notes);
    }

    private (Schedulers.Scheduler Scheduler, DenoisingLoop Loop) Plan()
    {
        var scheduler = Options.Scheduler(Model.Scheduler);
        if (!Options.Repaint.IsEmpty && scheduler.Name != RepaintScheduler)
            scheduler = scheduler.As(RepaintScheduler);
        var timetableOptions = new TimetableOptions
        {
            Steps = Options.Steps,
            Eta = Options.Eta,
            UseClippedModelOutput = Options.UseClippedModelOutput,
        };
        return Options.Repaint is [var repaint]
            ? (scheduler, Repainting(scheduler.Timetable(timetableOptions.WithJumps(repaint.JumpLength, repaint.JumpSamples)), repaint))
            : (scheduler, Loop(scheduler.Timetable(timetableOptions), Shape.Of(Options.Batch, Model.Channels, Model.Height, Model.Width)));
    }

    private DenoisingLoop Repainting(Timetable timetable, RepaintInput input)
    {
        var original = input.Original;
        if (original.Channels != Model.Channels || (original.Batch != 1 && original.Batch != Options.Batch))
        {
            throw new ArgumentException(
                $"Repaint: got pictures {original} for a batch of {Options.Batch} with the {Model.Channels} channels of {Model.Name}; expected one picture, or one for each of the batch.",
                nameof(input));
        }

        return Loop(timetable, Shape.Of(Options.Batch, original.Channels, original.Height, original.Width))
            .WithStepConditions(original.ToTensor(Model.Device), input.Mask.ToTensor(Model.Device))
            .MapStart(start => start.WithGenerators(start.Generators[0]));
    }

    private DenoisingLoop Loop(Timetable timetable, Shape shape)
    {
        var loop = DenoisingLoop
            .FromNoise(Model.Denoiser, timetable, shape, Options.Seeds, Model.Device)
            .WithDecoder(pixels => Pictures.ToValues(Pictures.Denormalized(pixels)).ToImages());
        return Options.Edits.Aggregate(loop, (sum, edit) => sum.Map(edit));
    }
}
