using System.Collections.Immutable;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Guidances;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Pipelines;

/// <summary>What can be chosen for a text-to-image run. Immutable; every <c>With…</c> checks what it is given.</summary>
public sealed record TextToImageOptions
{
    /// <summary>diffusers' defaults: 50 steps, guidance 7.5, the model's own size and scheduler, seed 0.</summary>
    public static TextToImageOptions Default { get; } = new();

    /// <summary>What is wanted, at least one text.</summary>
    public ImmutableArray<string> Prompts { get; private init; } = [""];

    /// <summary>What is not wanted: none, one for all, or one for each prompt. Only used with guidance.</summary>
    public ImmutableArray<string> NegativePrompts { get; private init; } = [];

    /// <summary>How many pictures of each prompt.</summary>
    public int Batch { get; private init; } = 1;

    /// <summary>torch's seeds: one generator for everything, or one for each picture.</summary>
    public ImmutableArray<ulong> Seeds { get; private init; } = [0];

    /// <summary>How many steps.</summary>
    public int Steps { get; private init; } = 50;

    /// <summary>Timesteps of one's own, descending, instead of <see cref="Steps"/>; empty for none.</summary>
    public ImmutableArray<double> Timesteps { get; private init; } = [];

    /// <summary>The scale of classifier-free guidance, which is on above 1.</summary>
    public double GuidanceScale { get; private init; } = 7.5;

    /// <summary>How much of the conditional prediction's deviation guidance keeps, 0 … 1.</summary>
    public double GuidanceRescale { get; private init; }

    /// <summary>Guidances of one's own instead of the one that the scale says; empty for none.</summary>
    public ImmutableArray<Guidance> Guidances { get; private init; } = [];

    /// <summary>The picture's width in pixels; 0 for the model's own.</summary>
    public int Width { get; private init; }

    /// <summary>The picture's height in pixels; 0 for the model's own.</summary>
    public int Height { get; private init; }

    /// <summary>From the model's scheduler to the one to use.</summary>
    public Func<Scheduler, Scheduler> Scheduler { get; private init; } = scheduler => scheduler;

    /// <summary>DDIM's eta (0: deterministic) and TCD's gamma.</summary>
    public double Eta { get; private init; }

    /// <summary>How many of the text encoder's last layers to leave out.</summary>
    public int ClipSkip { get; private init; }

    /// <summary>Noise to start from instead of the generator's first draw; empty for none.</summary>
    public ImmutableArray<Tensor> Latents { get; private init; } = [];

    /// <summary>Embeddings instead of prompts, [prompts, tokens, size]; empty for none.</summary>
    public ImmutableArray<Tensor> PromptEmbeddings { get; private init; } = [];

    /// <summary>Embeddings instead of negative prompts, of the same shape; empty for none.</summary>
    public ImmutableArray<Tensor> NegativeEmbeddings { get; private init; } = [];

    /// <summary>Applied to every step.</summary>
    public ImmutableArray<Func<Step, Step>> Edits { get; private init; } = [];

    /// <summary>Other prompts, a picture each.</summary>
    public TextToImageOptions WithPrompts(params string[] prompts) => this with
    {
        Prompts = Texts(nameof(prompts), prompts) is { IsEmpty: false } given ? given
            : throw new ArgumentException("Prompts: got none; expected at least one text (an empty one is fine).", nameof(prompts)),
    };

    /// <summary>Negative prompts: one for all, or one for each prompt.</summary>
    public TextToImageOptions WithNegativePrompts(params string[] prompts) => this with { NegativePrompts = Texts(nameof(prompts), prompts) };

    /// <summary>So many pictures of each prompt.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public TextToImageOptions WithBatch(int batch) => this with { Batch = AtLeastOne("Batch: the number of pictures of each prompt", batch) };

    /// <summary>Other seeds: one for everything, or one for each picture.</summary>
    public TextToImageOptions WithSeeds(params ulong[] seeds)
    {
        ArgumentNullException.ThrowIfNull(seeds);
        return seeds.Length > 0 ? this with { Seeds = [.. seeds] }
            : throw new ArgumentException("Seeds: got none; expected one for everything, or one for each picture.", nameof(seeds));
    }

    /// <summary>So many steps.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public TextToImageOptions WithSteps(int steps) => this with { Steps = AtLeastOne("Steps: the number of steps", steps), Timesteps = [] };

    /// <summary>Timesteps of one's own, descending.</summary>
    public TextToImageOptions WithTimesteps(params double[] timesteps)
    {
        ArgumentNullException.ThrowIfNull(timesteps);
        return this with { Timesteps = [.. timesteps] };
    }

    /// <summary>Another scale of guidance; 1 or less turns it off.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a finite number.</exception>
    public TextToImageOptions WithGuidanceScale(double scale) => this with { GuidanceScale = Finite("GuidanceScale", scale) };

    /// <summary>Another rescaling of guidance.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside of 0 … 1.</exception>
    public TextToImageOptions WithGuidanceRescale(double rescale) => rescale is >= 0 and <= 1
        ? this with { GuidanceRescale = rescale }
        : throw new ArgumentOutOfRangeException(nameof(rescale), rescale, "GuidanceRescale: expected 0 … 1.");

    /// <summary>Guidances of one's own instead of classifier-free guidance by scale; none to go back to that.</summary>
    public TextToImageOptions WithGuidances(params Guidance[] guidances)
    {
        ArgumentNullException.ThrowIfNull(guidances);
        return this with { Guidances = [.. guidances] };
    }

    /// <summary>Another size in pixels; the model says of what both must be multiples. 0 for the model's own.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public TextToImageOptions WithSize(int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(width);
        ArgumentOutOfRangeException.ThrowIfNegative(height);
        return this with { Width = width, Height = height };
    }

    /// <summary>Another scheduler, made of the model's own.</summary>
    public TextToImageOptions WithScheduler(Func<Scheduler, Scheduler> scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        return this with { Scheduler = scheduler };
    }

    /// <summary>Another eta.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not a finite number.</exception>
    public TextToImageOptions WithEta(double eta) => Finite("Eta", eta) >= 0
        ? this with { Eta = eta }
        : throw new ArgumentOutOfRangeException(nameof(eta), eta, "Eta: expected 0 (deterministic) or more.");

    /// <summary>Leaves out so many of the text encoder's last layers.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public TextToImageOptions WithClipSkip(int layers)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(layers);
        return this with { ClipSkip = layers };
    }

    /// <summary>Noise to start from, [pictures, channels, height, width], before the scheduler scales it.</summary>
    public TextToImageOptions WithLatents(Tensor latents)
    {
        ArgumentNullException.ThrowIfNull(latents);
        return this with { Latents = [latents] };
    }

    /// <summary>Embeddings instead of prompts and negative prompts, both [prompts, tokens, size].</summary>
    /// <exception cref="TensorShapeException">Their shapes differ or aren't of rank 3.</exception>
    public TextToImageOptions WithEmbeddings(Tensor prompt, Tensor negative)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(negative);
        return prompt.Rank == 3 && prompt.Shape[0] > 0 && prompt.Shape == negative.Shape
            ? this with { PromptEmbeddings = [prompt], NegativeEmbeddings = [negative] }
            : throw new TensorShapeException($"WithEmbeddings: expected [prompts, tokens, size] twice; got {prompt.Shape} and {negative.Shape}.");
    }

    /// <summary>A function applied to every step before the next one is taken, after those given before.</summary>
    public TextToImageOptions WithEdit(Func<Step, Step> edit)
    {
        ArgumentNullException.ThrowIfNull(edit);
        return this with { Edits = Edits.Add(edit) };
    }

    private static ImmutableArray<string> Texts(string name, string[] texts)
    {
        ArgumentNullException.ThrowIfNull(texts, name);
        return Array.TrueForAll(texts, text => text is not null) ? [.. texts]
            : throw new ArgumentException("A prompt is null; use an empty text for none.", name);
    }

    private static int AtLeastOne(string what, int value) => value >= 1 ? value
        : throw new ArgumentOutOfRangeException(nameof(value), value, $"{what} must be 1 or more.");

    private static double Finite(string what, double value) => double.IsFinite(value) ? value
        : throw new ArgumentOutOfRangeException(nameof(value), value, $"{what}: expected a finite number.");
}
