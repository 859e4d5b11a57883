using System.Diagnostics;
using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Core.Devices;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Pipelines;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>The repository's own model: start-up, and 20 guided steps.</summary>
internal static class ShapesVerb
{
    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using var process = Process.GetCurrentProcess();
        double Since() => (DateTime.Now - process.StartTime).TotalMilliseconds;
        Console.WriteLine($"main after {Since():F0} ms of the process");
        var run = ShapesRun.Create();
        Console.WriteLine($"model loaded after {Since():F0} ms");
        double first = 0;
        var start = Clock.Now;
        run.Run(new Progress(step => first = first == 0 ? Since() : first));
        var cold = Clock.Now - start;
        Console.WriteLine($"first step after {first:F0} ms, picture after {Since():F0} ms of the process (floor: under 3000); run {cold.Wall:F0} ms, processor {cold.Processor:F0} ms");
        var samples = new List<Clock>();
        for (int i = 0; i < (options.Quick ? 3 : 9); i++)
            samples.Add(Clock.Of(() => run.Run()));
        var warm = Race.Median(samples);
        Console.WriteLine($"SHAPES 20 guided steps and decoding, warm: {warm.Wall:F0} ms, processor {warm.Processor:F0} ms; {Memory.Megabytes(Memory.ResidentBytes)} resident");
        return 0;
    }

    private sealed class Progress(Action<Step> report) : IProgress<Step>
    {
        public void Report(Step value) => report(value);
    }
}

/// <summary>The run that <c>shapes</c> and <c>allocations</c> measure.</summary>
internal static class ShapesRun
{
    /// <summary>20 guided steps with shapes-64.</summary>
    public static TextToImage Create() => Model.Load(Folder(), Device.Cpu).TextToImage("a large red circle on a white background").Seed(42).Steps(20);

    public static string Folder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "models", "shapes-64");
            if (Directory.Exists(path))
                return path;
        }
        throw new DirectoryNotFoundException("benchmarks: models/shapes-64 isn't in any folder above the program; run from the repository.");
    }
}
