using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Diffusion.Core.Images;
using Diffusion.Core.Weights;
using Diffusion.Dsl.Pipelines;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Recipes;

/// <summary>
/// A run that describes itself: everything that is needed to make a picture again. It is written into every picture
/// (<see cref="Keyword"/>), can be read back (<see cref="FromImage"/>), and becomes a run again (<see cref="ToTextToImage"/>). On
/// the same device the picture is the same bit for bit. Immutable.
/// </summary>
public sealed record Recipe
{
    /// <summary>The keyword of a picture's text that holds the recipe.</summary>
    public const string Keyword = "recipe";

    /// <summary>The pipeline of a recipe with prompts.</summary>
    public const string TextToImage = "text-to-image";

    /// <summary>The pipeline of a recipe without.</summary>
    public const string Unconditional = "unconditional";

    // How guidances that were given as code are listed among what isn't recorded.
    private const string OwnGuidance = "guidance (";

    /// <summary><see cref="TextToImage"/> or <see cref="Unconditional"/>.</summary>
    public required string Pipeline { get; init; }

    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The identity of the model's weights; see <see cref="Core.Weights.ModelHash"/>.</summary>
    public string ModelHash { get; init; } = "";

    /// <summary>How the weights of linear layers were kept (<see cref="Core.Weights.Quantization.Name"/>); empty for as they are stored.</summary>
    public string Quantization { get; init; } = "";

    /// <summary>The prompts.</summary>
    public ImmutableArray<string> Prompts { get; init; } = [];

    /// <summary>The negative prompts.</summary>
    public ImmutableArray<string> NegativePrompts { get; init; } = [];

    /// <summary>torch's seeds.</summary>
    public ImmutableArray<ulong> Seeds { get; init; } = [0];

    /// <summary>The number of steps.</summary>
    public int Steps { get; init; } = 50;

    /// <summary>Timesteps of one's own; empty for none.</summary>
    public ImmutableArray<double> Timesteps { get; init; } = [];

    /// <summary>The scheduler with its whole configuration.</summary>
    public required SchedulerConfig Scheduler { get; init; }

    /// <summary>The scale of guidance.</summary>
    public double GuidanceScale { get; init; }

    /// <summary>The rescaling of guidance.</summary>
    public double GuidanceRescale { get; init; }

    /// <summary>Eta.</summary>
    public double Eta { get; init; }

    /// <summary>DDIM: whether the noise was worked out anew from the clipped estimate.</summary>
    public bool UseClippedModelOutput { get; init; }

    /// <summary>How many of the text encoder's last layers were left out.</summary>
    public int ClipSkip { get; init; }

    /// <summary>Pictures of each prompt.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Width in pixels.</summary>
    public int Width { get; init; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; init; }

    /// <summary>Which of the run's pictures this is, counted from 0; −1 for all of them in a grid.</summary>
    public int Index { get; init; }

    /// <summary>The element type that was computed with.</summary>
    public string ElementType { get; init; } = "Float32";

    /// <summary>The device that computed.</summary>
    public string Device { get; init; } = "";

    /// <summary>The library and its version.</summary>
    public string Library { get; init; } = LibraryVersion;

    /// <summary>What the run depends on and a text can't hold: tensors and functions that were given. Empty where it is complete.</summary>
    public ImmutableArray<string> Unrecorded { get; init; } = [];

    /// <summary>This library and its version.</summary>
    public static string LibraryVersion { get; } = $"Diffusion {typeof(Recipe).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>The recipe that a picture carries.</summary>
    /// <exception cref="FormatException">It carries none, or a damaged one.</exception>
    public static Recipe FromImage(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return image.Text.TryGetValue(Keyword, out string? text) ? Parse(text)
            : throw new FormatException($"The picture has no text '{Keyword}': it wasn't made by this library, or was saved anew by a program that drops such texts.");
    }

    /// <summary>The recipe that a PNG file carries.</summary>
    /// <exception cref="FormatException">It carries none, or a damaged one.</exception>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static Recipe FromFile(string path) => FromImage(Image.Load(path));

    /// <summary>The recipe of a text made by <see cref="ToJson"/>.</summary>
    /// <exception cref="FormatException">It isn't one; the message says what is wrong.</exception>
    public static Recipe Parse(string json) => RecipeJson.Read(json);

    /// <summary>The recipe as one line of JSON.</summary>
    public string ToJson() => RecipeJson.Write(this);

    /// <summary>The recipe of another picture of the same run.</summary>
    public Recipe WithIndex(int index) => this with { Index = index };

    /// <summary>The run again, to be run or changed.</summary>
    /// <param name="model">The same model.</param>
    /// <exception cref="ArgumentException">The model has other weights.</exception>
    /// <exception cref="NotSupportedException">The recipe is of another pipeline, or not complete.</exception>
    public TextToImage ToTextToImage(TextToImageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Require(TextToImage, model.Name, model.Hash(), model.Quantization);
        return new(model, TextToImageOptions.Default
            .WithPrompts([.. Prompts]).WithNegativePrompts([.. NegativePrompts]).WithSeeds([.. Seeds]).WithBatch(Batch)
            .WithSteps(Steps).WithTimesteps([.. Timesteps]).WithGuidanceScale(GuidanceScale).WithGuidanceRescale(GuidanceRescale)
            .WithSize(Width, Height).WithEta(Eta).WithClipSkip(ClipSkip).WithScheduler(_ => Schedulers.Schedulers.Create(Scheduler)));
    }

    /// <summary>The run again, to be run or changed.</summary>
    /// <inheritdoc cref="ToTextToImage"/>
    public UnconditionalImage ToUnconditionalImage(PixelModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Require(Unconditional, model.Name, model.Hash(), model.Quantization);
        return new(model, UnconditionalImageOptions.Default
            .WithSeeds([.. Seeds]).WithBatch(Batch).WithSteps(Steps).WithEta(Eta).WithClippedModelOutput(UseClippedModelOutput)
            .WithScheduler(_ => Schedulers.Schedulers.Create(Scheduler)));
    }

    /// <summary>Makes the picture again.</summary>
    /// <param name="model">The same model; its weights are quantised as the recipe says.</param>
    /// <param name="cancel">Stops between two kernels.</param>
    /// <exception cref="ArgumentException">The model has other weights.</exception>
    /// <exception cref="NotSupportedException">The recipe isn't complete, or the model is for another pipeline.</exception>
    public Image Reproduce(Model model, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (Quantization != model.Quantization.Name && Unrecorded.IsEmpty)
            model = model.WithQuantizedWeights(Core.Weights.Quantization.ByName(Quantization));
        var pictures = Pipeline == Unconditional
            ? ToUnconditionalImage(model.PixelModel()).Run(cancel: cancel)
            : ToTextToImage(model.TextToImageModel()).Run(cancel: cancel);
        return Index < 0 ? pictures.Grid()
            : Index < pictures.Count ? pictures[Index]
            : throw new FormatException($"Recipe: the picture is number {Index} of a run of {pictures.Count}.");
    }

    /// <summary>Equal when everything that is written is.</summary>
    public bool Equals(Recipe? other) => other is not null && ToJson() == other.ToJson();

    /// <inheritdoc/>
    public override int GetHashCode() => ToJson().GetHashCode(StringComparison.Ordinal);

    /// <summary>The recipe in lines for people.</summary>
    public override string ToString()
    {
        var lines = new StringBuilder();
        void Line(string name, string value)
        {
            if (value.Length > 0)
                lines.Append(name).Append(": ").Append(value).Append('\n');
        }

        Line("pipeline", Pipeline);
        Line("model", ModelHash.Length == 0 ? Model : $"{Model} ({ModelHash})");
        Line("weights", Quantization);
        Line("prompt", string.Join(" | ", Prompts));
        Line("negative prompt", string.Join(" | ", NegativePrompts));
        Line("seed", string.Join(", ", Seeds));
        Line("steps", Timesteps.IsEmpty ? Text(Steps) : $"{Timesteps.Length}: {string.Join(", ", Timesteps.Select(t => Text(t)))}");
        Line("scheduler", Scheduler.ClassName);

        // Guidances of one's own replace the scale; they are named below.
        if (Pipeline == TextToImage && !Unrecorded.Any(given => given.StartsWith(OwnGuidance, StringComparison.Ordinal)))
            Line("guidance", GuidanceRescale > 0 ? $"{Text(GuidanceScale)}, rescaled {Text(GuidanceRescale)}" : Text(GuidanceScale));
        Line("eta", Eta == 0 ? "" : Text(Eta));
        Line("clip skip", ClipSkip == 0 ? "" : Text(ClipSkip));
        Line("size", $"{Width}x{Height}");
        Line("pictures", Batch == 1 ? "" : Index < 0 ? $"{Batch} each, in a grid" : $"{Batch} each; this is number {Index + 1}");
        Line("computed", $"{ElementType} on {Device} by {Library}");
        Line("not recorded", string.Join("; ", Unrecorded));
        return lines.ToString().TrimEnd('\n');
    }

    internal static Recipe Of(TextToImageModel model, TextToImageOptions options, Scheduler scheduler, int width, int height) => new()
    {
        Pipeline = TextToImage,
        Model = model.Name,
        ModelHash = model.Hash(),
        Quantization = model.Quantization.Name,
        Prompts = options.Prompts,
        NegativePrompts = options.NegativePrompts,
        Seeds = options.Seeds,
        Steps = options.Steps,
        Timesteps = options.Timesteps,
        Scheduler = scheduler.Config,
        GuidanceScale = options.GuidanceScale,
        GuidanceRescale = options.GuidanceRescale,
        Eta = options.Eta,
        ClipSkip = options.ClipSkip,
        Batch = options.Batch,
        Width = width,
        Height = height,
        Device = model.Device.Name,
        Unrecorded = [.. Given(options), .. Own(scheduler), .. Own(model.Quantization), .. model.Changes],
    };

    internal static Recipe Of(PixelModel model, UnconditionalImageOptions options, Scheduler scheduler) => new()
    {
        Pipeline = Unconditional,
        Model = model.Name,
        ModelHash = model.Hash(),
        Quantization = model.Quantization.Name,
        Seeds = options.Seeds,
        Steps = options.Steps,
        Scheduler = scheduler.Config,
        Eta = options.Eta,
        UseClippedModelOutput = options.UseClippedModelOutput,
        Batch = options.Batch,
        Width = model.Width,
        Height = model.Height,
        Device = model.Device.Name,
        Unrecorded = [.. Own(scheduler), .. Own(model.Quantization), .. Given(options)],
    };

    private static IEnumerable<string> Given(TextToImageOptions options)
    {
        if (!options.Guidances.IsEmpty)
            yield return $"{OwnGuidance}{string.Join(", ", options.Guidances.Select(guidance => guidance.Name))})";
        if (!options.Latents.IsEmpty)
            yield return "initial latents";
        if (!options.PromptEmbeddings.IsEmpty)
            yield return "prompt embeddings";
        if (!options.Edits.IsEmpty)
            yield return "edits of steps";
    }

    private static IEnumerable<string> Given(UnconditionalImageOptions options)
    {
        if (options.Repaint is [var repaint])
            yield return $"picture and mask to repaint with {repaint.JumpSamples} goes at each stretch of {repaint.JumpLength} steps";
        if (!options.Edits.IsEmpty)
            yield return "edits of steps";
    }

    private static IEnumerable<string> Own(Scheduler scheduler) =>
        Schedulers.Schedulers.All.Any(known => known.ClassName == scheduler.Name) ? [] : [$"scheduler ({scheduler.Name})"];

    private static IEnumerable<string> Own(Quantization quantization) => quantization.HasOwnLayers ? ["a choice of layers to quantise"] : [];

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);

    private void Require(string pipeline, string name, string hash, Quantization quantization)
    {
        if (Pipeline != pipeline)
            throw new NotSupportedException($"The recipe is of a run '{Pipeline}', not '{pipeline}'.");
        if (!Unrecorded.IsEmpty)
            throw new NotSupportedException($"The recipe can't be repeated from its text alone: the run was also given {string.Join("; ", Unrecorded)}.");
        if (ModelHash != hash)
            throw new ArgumentException($"The recipe was made with the weights {Short(ModelHash)} of {Model}, but {name} has {Short(hash)}. Load the same model.", nameof(hash));
        if (Quantization != quantization.Name)
            throw new ArgumentException($"The recipe was made with weights {Kept(Quantization)}, but {name} keeps them {Kept(quantization.Name)}. Use Model.WithQuantizedWeights with the recipe's.", nameof(quantization));
    }

    private static string Kept(string quantization) => quantization.Length == 0 ? "as they are stored" : $"as {quantization}";

    private static string Short(string hash) => hash.Length == 0 ? "(unknown)" : hash[..Math.Min(10, hash.Length)];
}
