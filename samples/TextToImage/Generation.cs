using System.Diagnostics;
using Diffusion.Core.Devices;
using Diffusion.Core.Images;
using Diffusion.Core.Weights;
using Diffusion.Dsl.Pipelines;
using Diffusion.Dsl.Recipes;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Samples.TextToImage;

/// <summary>From a request to a file.</summary>
internal static class Generation
{
    private const int MostPictures = 256;

    public static int Run(Request request, CancellationToken cancel)
    {
        // Whatever can be refused is refused before anything is loaded or computed.
        Output.Check(request.Output);
        if (request.Count is < 1 or > MostPictures)
            throw new Refused($"--count must be 1 … {MostPictures}; got {request.Count}.", ExitCodes.Usage);
        var device = DeviceOf(request.Device);
        var recipe = request.FromRecipe.Length == 0 ? null : RecipeOf(request.FromRecipe);
        var quantization = Quantization.ByName(recipe?.Quantization ?? request.Weights);
        var model = Model.Load(request.Model.Length > 0 ? request.Model : DefaultModel(), device, cancel).WithQuantizedWeights(quantization);
        var parts = model.TextToImageModel();
        var run = recipe is null ? RunOf(parts, request) : recipe.ToTextToImage(parts);
        var loop = run.Denoise();
        Console.Error.WriteLine($"{parts.Name} on {device.Name}: \"{Shortened(string.Join(" | ", run.Options.Prompts))}\", seed {string.Join(", ", run.Options.Seeds)}");
        if (request.Explain)
            Console.Error.WriteLine(loop.ExplainStep(cancel));

        var clock = Stopwatch.StartNew();
        var pictures = ProgressReport.During(loop.Timetable.Count, progress => run.Run(progress, cancel));
        var time = clock.Elapsed;
        cancel.ThrowIfCancellationRequested();
        Write(request.Output, recipe is { Index: >= 0 and var index } ? pictures[index] : pictures.Grid());
        foreach (string note in pictures.Notes)
            Console.Error.WriteLine($"Note: {note}");
        Console.Out.WriteLine(FormattableString.Invariant(
            $"{request.Output}: {pictures.Recipe.Width}x{pictures.Recipe.Height}, {pictures.Recipe.Scheduler.ClassName}, {loop.Timetable.Count} model calls, {time.TotalSeconds:0.00} s on {device.Name} ({SinceStart():0.00} s since the program started)"));
        return ExitCodes.Success;
    }

    private static Dsl.Pipelines.TextToImage RunOf(TextToImageModel model, Request request)
    {
        if (request.Seed > ulong.MaxValue - (ulong)request.Count)
            throw new Refused($"--seed {request.Seed} has no {request.Count - 1} seeds after it; use a smaller one.", ExitCodes.Usage);
        var run = model.TextToImage(request.Prompt)
            .Batch(request.Count)
            .Seeds([.. Enumerable.Range(0, request.Count).Select(i => request.Seed + (ulong)i)])
            .Steps(request.Steps)
            .GuidanceScale(request.Guidance)
            .GuidanceRescale(request.GuidanceRescale)
            .Size(request.Width, request.Height)
            .Eta(request.Eta)
            .ClipSkip(request.ClipSkip);
        if (request.Negative.Length > 0)
            run = run.NegativePrompt(request.Negative);
        return request.Scheduler.Length > 0 ? run.Scheduler(SchedulerOf(request.Scheduler)) : run;
    }

    // By class or name; case, spaces and dashes don't matter: "euler-ancestral", "DPMSolverMultistep".
    private static string SchedulerOf(string name)
    {
        static string Plain(string text)
        {
            string letters = string.Concat(text.Where(char.IsLetterOrDigit)).ToUpperInvariant();
            return letters.EndsWith("SCHEDULER", StringComparison.Ordinal) ? letters[..^"SCHEDULER".Length] : letters;
        }

        return Schedulers.All.FirstOrDefault(info => Plain(info.Name) == Plain(name) || Plain(info.ClassName) == Plain(name))?.ClassName
            ?? throw new Refused($"--scheduler {name} isn't known; --list-schedulers prints those that are.", ExitCodes.Usage);
    }

    private static Device DeviceOf(string name)
    {
        try
        {
            return Device.Open(name);
        }
        catch (ArgumentException error)
        {
            throw new Refused($"--device {name} isn't known; expected cpu, opencl, cuda, opencl:1 and so on, or best.", ExitCodes.Usage, error);
        }
        catch (NotSupportedException error)
        {
            throw new Refused($"--device {name}: {error.Message} --list-devices prints what was found.", ExitCodes.Unsupported, error);
        }
    }

    private static Recipe RecipeOf(string path)
    {
        try
        {
            return Recipe.FromFile(path);
        }
        catch (Exception error) when (error is FormatException or InvalidDataException or IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new Refused($"{path}: {error.Message}", ExitCodes.Recipe, error);
        }
    }

    // Beside the program when it was copied somewhere, above it when it runs from the repository.
    private static string DefaultModel()
    {
        string part = Path.Combine("models", "shapes-64");
        foreach (string start in new[] { AppContext.BaseDirectory, Directory.GetCurrentDirectory() })
        {
            for (string? folder = start; folder is not null; folder = Path.GetDirectoryName(folder))
            {
                if (Directory.Exists(Path.Combine(folder, part)))
                    return Path.Combine(folder, part);
            }
        }

        throw new Refused($"The default model {part} wasn't found; give a folder with --model.", ExitCodes.Model);
    }

    private static void Write(string path, Image image)
    {
        try
        {
            image.Save(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new Refused($"{path} can't be written: {error.Message}", ExitCodes.Output, error);
        }
    }

    private static string Shortened(string text) => text.Length <= 100 ? text : $"{text[..97]}...";

    private static double SinceStart()
    {
        using var process = Process.GetCurrentProcess();
        return (DateTime.Now - process.StartTime).TotalSeconds;
    }
}
