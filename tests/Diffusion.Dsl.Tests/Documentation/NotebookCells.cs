using System.Globalization;
using Diffusion.Core.Devices;
using Diffusion.Core.Images;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Tests.Documentation;

/// <summary>The code of notebooks/first-steps.dib, so that it is compiled and run. A test compares the two line by line.</summary>
internal static class NotebookCells
{
    public static void Run()
    {
        // <cells>
        var model = Model.Load("../models/shapes-64", Device.Cpu);
        var run = model.TextToImage("a large red circle on a white background").Seed(42).Steps(20).GuidanceScale(5);
        run.Run().Image.Display();

        var previews = run.EnumerateSteps().Where(step => step.Index % 4 == 0).Select(step => step.Preview()).ToArray();
        Image.Grid(previews, columns: previews.Length).Display();

        string Curve(Timetable timetable, string color)
        {
            double top = Math.Log(timetable.Sigmas[0]), bottom = Math.Log(0.02);
            var points = timetable.Sigmas.Take(timetable.Count).Select((sigma, i) => string.Create(
                CultureInfo.InvariantCulture,
                $"{20 + 360.0 * i / (timetable.Count - 1):F1},{10 + 180 * (top - Math.Log(sigma)) / (top - bottom):F1}"));
            return $"<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" points=\"{string.Join(' ', points)}\"/>";
        }

        var euler = Scheduler.ByName("Euler");
        var karras = euler.With(config => config.WithUseKarrasSigmas(true));
        string chart = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"400\" height=\"200\">"
            + Curve(euler.Timetable(30), "steelblue") + Curve(karras.Timetable(30), "darkorange") + "</svg>";
        chart.DisplayAs("text/html");

        string[] names = ["PNDMScheduler", "DDIMScheduler", "EulerAncestralDiscreteScheduler", "UniPCMultistepScheduler"];
        var pictures = names.Select(name => run.Scheduler(name).Run().Image).ToArray();
        Image.Grid(pictures, columns: names.Length).Display();

        run.Denoise().ExplainStep().Summary.Display();
        // </cells>
    }

    // Paths in a notebook start at the notebook; those of a test don't.
    private static class Model
    {
        public static Dsl.Pipelines.Model Load(string folder, Device device) =>
            Dsl.Pipelines.Model.Load(Path.Combine(Repository.Root, "notebooks", folder), device);
    }
}

/// <summary>What a notebook's kernel offers beside the library, as far as the cells use it.</summary>
internal static class NotebookKernel
{
    public static List<(string MimeType, object Value)> Shown { get; } = [];

    public static void Display(this object value) => Shown.Add((value is Image ? "text/html" : "text/plain", value));

    public static void DisplayAs(this string value, string mimeType) => Shown.Add((mimeType, value));
}
