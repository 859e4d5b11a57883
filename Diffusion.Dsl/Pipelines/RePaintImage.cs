using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Recipes;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Pipelines;

/// <summary>
/// Pictures completed by a model that was never trained for it (RePaint, Lugmayr et al., arXiv:2201.09865), as a value: a model,
/// pictures with masks, and options. Nothing is computed until <see cref="Run"/> or steps are asked for. Going back is a step of the
/// one loop like any other: it has a larger timestep than the one before it. The numbers are those of diffusers' <c>RePaintPipeline</c>.
/// </summary>
public sealed class RePaintImage
{
    /// <summary>A run of a model over pictures with options.</summary>
    /// <exception cref="ArgumentException">The pictures haven't the model's channels.</exception>
    public RePaintImage(PixelModel model, RePaintInputs inputs, RePaintOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(options);
        if (inputs.Original.Channels != model.Channels)
            throw new ArgumentException($"RePaint: got pictures {inputs.Original}, but {model.Name} makes pictures of {model.Channels} channels.", nameof(inputs));
        Model = model;
        Inputs = inputs;
        Options = options;
    }

    /// <summary>The model.</summary>
    public PixelModel Model { get; }

    /// <summary>What is to be completed.</summary>
    public RePaintInputs Inputs { get; }

    /// <summary>What was chosen.</summary>
    public RePaintOptions Options { get; }

    /// <summary>The run with other options.</summary>
    /// <param name="change">From the present options to the new ones.</param>
    public RePaintImage With(Func<RePaintOptions, RePaintOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return new(Model, Inputs, change(Options));
    }

    /// <summary>torch's seed for everything that the run draws.</summary>
    public RePaintImage Seed(ulong seed) => With(options => options.WithSeeds(seed));

    /// <summary>A seed for the start of each picture; what the steps draw comes from the first, as in diffusers.</summary>
    public RePaintImage Seeds(params ulong[] seeds) => With(options => options.WithSeeds(seeds));

    /// <summary>The number of steps, 1 or more, not counting those that are done again.</summary>
    public RePaintImage Steps(int steps) => With(options => options.WithSteps(steps));

    /// <summary>0 (deterministic but for the known part) or more; 1 is as random as DDPM.</summary>
    public RePaintImage Eta(double eta) => With(options => options.WithEta(eta));

    /// <summary>How far to go back at each jump, in steps, and how often each stretch is done; both 1 or more.</summary>
    public RePaintImage Jumps(int length, int samples) => With(options => options.WithJumps(length, samples));

    /// <summary>A scheduler as it is: RePaint's with other options, or one of one's own that takes an original and a mask.</summary>
    public RePaintImage Scheduler(Schedulers.Scheduler scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        return With(options => options.WithScheduler(_ => scheduler));
    }

    /// <summary>A function applied to every step before the next one is taken.</summary>
    public RePaintImage Map(Func<Step, Step> edit) => With(options => options.WithEdit(edit));

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

    /// <summary>What is needed to make the pictures again; the given pictures can't be in it.</summary>
    public Recipe Recipe() => Recipe(Plan().Scheduler);

    /// <summary>The run in words.</summary>
    public string Describe() => Recipe().ToString();

    /// <inheritdoc/>
    public override string ToString() => $"RePaint of {Inputs.Original} with {Model.Name}";

    private Pictures Finish(Tensor sample, Schedulers.Scheduler scheduler, CancellationToken cancel)
    {
        using var pixels = Pictures.Denormalized(sample);
        pixels.Realize(cancel);
        return Pictures.Of(sample, pixels, Recipe(scheduler), Model.Notes);
    }

    private Recipe Recipe(Schedulers.Scheduler scheduler) => new()
    {
        Pipeline = "repaint",
        Model = Model.Name,
        ModelHash = Model.Hash(),
        Seeds = Options.Seeds,
        Steps = Options.Steps,
        Scheduler = scheduler.Config,
        Eta = Options.Eta,
        Batch = Inputs.Original.Batch,
        Width = Inputs.Original.Width,
        Height = Inputs.Original.Height,
        Device = Model.Device.Name,
        Unrecorded =
        [
            "pictures and masks", FormattableString.Invariant($"jumps of {Options.JumpLength} steps, each stretch done {Options.JumpSamples} times"),
            .. Options.Edits.IsEmpty ? Enumerable.Empty<string>() : ["edits of steps"],
        ],
    };

    private (Schedulers.Scheduler Scheduler, DenoisingLoop Loop) Plan()
    {
        var scheduler = Options.Scheduler(Model.Scheduler);
        var timetable = scheduler.Timetable(new TimetableOptions
        {
            Steps = Options.Steps,
            Eta = Options.Eta,
            JumpLength = Options.JumpLength,
            JumpSamples = Options.JumpSamples,
        });
        if (timetable.Conditions.Length != 2)
            throw new ArgumentException($"RePaint: got {scheduler.Name}, which takes no original and mask; expected RePaintScheduler or one like it.");
        var shape = new Shape([.. Inputs.Original.Shape]);
        var loop = DenoisingLoop
            .FromNoise(Model.Denoiser, timetable, shape, Options.Seeds, Model.Device)
            .WithConditions(Inputs.Original.ToTensor(Model.Device), Inputs.Mask.ToTensor(Model.Device).Expand(shape))
            .MapStart(start => start.WithGenerators(start.Generators[0]))
            .WithDecoder(pixels => Pictures.ToValues(Pictures.Denormalized(pixels)).ToImages());
        return (scheduler, Options.Edits.Aggregate(loop, (sum, edit) => sum.Map(edit)));
    }
}
