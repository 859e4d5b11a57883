using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Globalization;
using Diffusion.Core.Devices;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Samples.TextToImage;

/// <summary>What the program understands, and what it does with it.</summary>
internal sealed class CommandLine
{
    private const string Description = """
        Makes a picture from words.

        Examples:
          TextToImage "a large red circle on a white background" --seed 42 --steps 20 --out circle.png
          TextToImage "a blue star" --negative "a circle" --scheduler DDIM --count 9 --out stars.png
          TextToImage --from-recipe circle.png --out again.png
          TextToImage "a lighthouse at dusk" --model ~/models/stable-diffusion-v1-5 --width 512 --height 512

        Exit codes: 0 done, 2 a wrong option, 3 a missing or damaged model, 4 the picture can't be written, 5 not supported,
        6 no recipe in the picture, 7 not enough memory, 130 cancelled.
        """;

    private readonly Argument<string[]> prompt = new("PROMPT") { Description = "What is wanted. Several words may also be given without quotes.", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string> output = Of("--out", "The picture to write: .png (keeps the recipe), .jpg or .webp.", "out.png");
    private readonly Option<string> model = Of("--model", "The model's folder, as diffusers writes it. Default: models/shapes-64 of this repository.", "");
    private readonly Option<string> seed = Of("--seed", "A whole number; the same seed gives the same picture. Default: a random one, which is printed.", "");
    private readonly Option<int> steps = Of("--steps", "How many steps, 1 or more.", 20);
    private readonly Option<int> width = Of("--width", "Width in pixels. Default: the model's own.", 0);
    private readonly Option<int> height = Of("--height", "Height in pixels. Default: the model's own.", 0);
    private readonly Option<string> scheduler = Of("--scheduler", "Another scheduler than the model's own; see --list-schedulers.", "");
    private readonly Option<double> guidance = Of("--guidance", "How strictly to follow the prompt; off at 1 and below.", 5.0);
    private readonly Option<double> rescale = Of("--guidance-rescale", "0 … 1: keeps strong guidance from over-exposing.", 0.0);
    private readonly Option<string> negative = Of("--negative", "What is not wanted.", "");
    private readonly Option<int> count = Of("--count", "How many pictures, with seeds one after another, arranged in a grid.", 1);
    private readonly Option<double> eta = Of("--eta", "DDIM: 0 deterministic … 1 as random as DDPM.", 0.0);
    private readonly Option<int> clipSkip = Of("--clip-skip", "How many of the text encoder's last layers to leave out.", 0);
    private readonly Option<string> device = Of("--device", "cpu, opencl, cuda, one of these with a number (cuda:1), or best: the fastest there is; see --list-devices.", "best");
    private readonly Option<string> weights = Of("--weights", "int8, int8-activations or int4: keep linear layers as small integers, for less memory. Default: as they are stored.", "");
    private readonly Option<string> fromRecipe = Of("--from-recipe", "A PNG made by this program: makes the same picture again, bit for bit on the same device.", "");
    private readonly Option<bool> explain = new("--explain") { Description = "Also print what one step computes: kernels, fusions and memory." };
    private readonly Option<bool> listDevices = new("--list-devices") { Description = "Print the devices that were found, why one can't be used, and stop." };
    private readonly Option<bool> listSchedulers = new("--list-schedulers") { Description = "Print the schedulers and stop." };

    public CommandLine() => Root = new RootCommand(Description)
    {
        prompt, output, model, seed, steps, width, height, scheduler, guidance, rescale, negative, count, eta, clipSkip, device, weights, fromRecipe,
        explain, listDevices, listSchedulers,
    };

    public RootCommand Root { get; }

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        if (parsed.GetValue(listDevices))
        {
            foreach (var found in Device.List())
            {
                string name = found.Index <= 0 ? found.Kind : $"{found.Kind}:{found.Index}";
                Console.Out.WriteLine($"{(found.Usable ? name : "-"),-10} {found.Name}: {found.Detail}{(found.IsProcessor ? " (a processor: slower than the device cpu)" : "")}");
            }
            return ExitCodes.Success;
        }
        if (parsed.GetValue(listSchedulers))
        {
            foreach (var info in Schedulers.All.Where(info => info.Exchangeable))
                Console.Out.WriteLine($"{info.Name,-26} {info.ClassName,-34} {info.Paper}");
            return ExitCodes.Success;
        }

        string words = string.Join(' ', Words(parsed));
        string recipe = parsed.GetValue(fromRecipe)!;
        if (words.Length == 0 && recipe.Length == 0 && parsed.GetResult(prompt) is not { Tokens.Count: > 0 })
        {
            new HelpAction().Invoke(parsed);
            throw new Refused("A prompt is needed: what is to be seen?", ExitCodes.Usage);
        }

        if (recipe.Length > 0)
            RefuseBesideRecipe(parsed, words);

        return Generation.Run(
            new Request
            {
                Prompt = words,
                Output = parsed.GetValue(output)!,
                Model = parsed.GetValue(model)!,
                Seed = Seed(parsed.GetValue(seed)!),
                Steps = parsed.GetValue(steps),
                Width = parsed.GetValue(width),
                Height = parsed.GetValue(height),
                Scheduler = parsed.GetValue(scheduler)!,
                Guidance = parsed.GetValue(guidance),
                GuidanceRescale = parsed.GetValue(rescale),
                Negative = parsed.GetValue(negative)!,
                Count = parsed.GetValue(count),
                Eta = parsed.GetValue(eta),
                ClipSkip = parsed.GetValue(clipSkip),
                Device = parsed.GetValue(device)!,
                Weights = parsed.GetValue(weights)!,
                FromRecipe = recipe,
                Explain = parsed.GetValue(explain),
            },
            cancel);
    }

    // A recipe says all of this itself.
    private void RefuseBesideRecipe(ParseResult parsed, string words)
    {
        if (words.Length > 0)
            throw new Refused($"--from-recipe makes the picture of the recipe's prompt; leave out \"{words}\".", ExitCodes.Usage);
        Option[] own = [seed, steps, width, height, scheduler, guidance, rescale, negative, count, eta, clipSkip, weights];
        if (Array.Find(own, option => parsed.GetResult(option) is { Implicit: false }) is { } given)
            throw new Refused($"--from-recipe takes everything from the recipe; leave out {given.Name}.", ExitCodes.Usage);
    }

    // The parser takes an option that it doesn't know for a word of the prompt.
    private string[] Words(ParseResult parsed)
    {
        string[] words = parsed.GetValue(prompt) ?? [];
        return Array.Find(words, word => word.StartsWith('-') && word.Length > 1) is { } option && !parsed.Tokens.Any(token => token.Type == TokenType.DoubleDash)
            ? throw new Refused($"{option} isn't an option; see --help. Put -- before a prompt that begins with a dash.", ExitCodes.Usage)
            : words;
    }

    private static ulong Seed(string text) =>
        text.Length == 0 ? (ulong)Random.Shared.NextInt64(1L << 32)
        : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed) ? seed
        : throw new Refused($"--seed must be a whole number from 0 to {ulong.MaxValue}; got {text}.", ExitCodes.Usage);

    private static Option<T> Of<T>(string name, string description, T otherwise) =>
        new(name) { Description = description, DefaultValueFactory = _ => otherwise };
}

/// <summary>What the user asked for.</summary>
internal sealed record Request
{
    public required string Prompt { get; init; }

    public required string Output { get; init; }

    public required string Model { get; init; }

    public required ulong Seed { get; init; }

    public required int Steps { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required string Scheduler { get; init; }

    public required double Guidance { get; init; }

    public required double GuidanceRescale { get; init; }

    public required string Negative { get; init; }

    public required int Count { get; init; }

    public required double Eta { get; init; }

    public required int ClipSkip { get; init; }

    public required string Device { get; init; }

    public required string Weights { get; init; }

    public required string FromRecipe { get; init; }

    public required bool Explain { get; init; }
}
