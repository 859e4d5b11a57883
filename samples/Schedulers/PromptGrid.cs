using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Images;
using Diffusion.Dsl.Pipelines;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Samples.SchedulerPlots;

/// <summary>The command <c>grid</c>: one prompt and seed with every scheduler that the model can be run with.</summary>
internal static class PromptGrid
{
    // Wide enough for the longest name under a picture.
    private const int LeastWidth = 192;

    public static string Run(string folder, string prompt, int steps, ulong seed, double guidance, string path, CancellationToken cancel)
    {
        Output.Check(path, ".png", ".jpg", ".jpeg", ".webp");
        var model = Model.Load(folder, Device.Cpu, cancel).TextToImageModel();
        var run = model.TextToImage(prompt).Seed(seed).Steps(steps).GuidanceScale(guidance);
        var own = Schedulers.All.FirstOrDefault(info => info.ClassName == model.Scheduler.Name)?.CompatibleWith ?? [model.Scheduler.Name];

        var made = ImmutableArray.CreateBuilder<(string Label, Image Picture)>();
        foreach (var info in Schedulers.All)
        {
            if (!own.Contains(info.ClassName))
            {
                Console.Error.WriteLine($"{info.Name}: left out, it can't take the place of {model.Scheduler.Name}; it needs a model made for it.");
                continue;
            }

            if (Planned(run, info) is not { Length: > 0 } refusal)
                made.Add((info.Name, Enlarged(run.Scheduler(info.ClassName).Run(null, cancel).Image)));
            else
                Console.Error.WriteLine($"{info.Name}: left out: {refusal}");
        }

        if (made.Count == 0)
            throw new ArgumentException($"No scheduler makes {steps} steps with {model.Name}; the reasons are above. Use another number of --steps.");
        var options = ImageGridOptions.Default.WithPadding(6).WithBackground(255).WithLabels([.. made.Select(one => one.Label)]);
        Image.GridWith(options, made.Select(one => one.Picture)).Save(path);
        return $"{path}: \"{prompt}\", seed {seed}, {steps} steps, {made.Count} schedulers";
    }

    // Why a scheduler can't make this run, before anything is computed; empty when it can.
    private static string Planned(TextToImage run, SchedulerInfo info)
    {
        try
        {
            _ = run.Scheduler(info.ClassName).Recipe();
            return "";
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            return error.Message.Split('\n')[0];
        }
    }

    private static Image Enlarged(Image image)
    {
        int factor = (LeastWidth + image.Width - 1) / image.Width;
        return image.Resize(image.Width * factor, image.Height * factor, ResamplingFilter.Nearest);
    }
}
