using System.Collections.Immutable;

namespace Diffusion.Samples.SchedulerPlots;

/// <summary>All diagrams of a comparison on one sheet.</summary>
internal static class Sheet
{
    private const double Margin = 60, Gap = 70, Wide = 370, High = 220, Narrow = 150, Tall = 200;

    private const int PerRow = 4;

    // Okabe and Ito's colours, which the colour-blind can tell apart; dashes when they are used up.
    private static readonly ImmutableArray<string> Colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

    private static readonly ImmutableArray<string> Dashes = ["", "6 3", "2 2"];

    public static string Draw(ImmutableArray<Course> courses, Mixture data, int steps)
    {
        double width = 2 * Margin + 2 * Wide + Gap, legend = 60 + High + 50;
        double legendHeight = 20 * ((courses.Length + PerRow - 1) / PerRow), second = legend + legendHeight + 40;
        int rows = (courses.Length + PerRow - 1) / PerRow;
        var elements = new List<string>();
        var sigmas = courses.SelectMany(course => course.Sigmas).Select(spot => spot.Y).Where(y => double.IsFinite(y) && y > 0).ToArray();
        var sigma = new Panel($"sigma (noise over signal), {steps} steps", Margin, 60, Wide, High, Below(sigmas.Min()), Above(sigmas.Max()), Logarithmic: true)
        {
            Ticks = [.. Enumerable.Range(-4, 8).Select(power => Math.Pow(10, power)).Where(tick => tick >= Below(sigmas.Min()) && tick <= Above(sigmas.Max()))],
        };
        var timestep = new Panel("timestep", Margin + Wide + Gap, 60, Wide, High, 0, 1000) { Ticks = [0, 250, 500, 750, 1000] };
        elements.Add(Svg.Text(new(Margin, 26), "Where schedulers go: from noise on the left to data on the right", weight: "bold"));
        elements.AddRange(sigma.Draw(courses.Select((course, i) => new Curve(course.Sigmas, Colour(i), Dash(i)))));
        elements.AddRange(timestep.Draw(courses.Select((course, i) => new Curve(course.Timesteps, Colour(i), Dash(i)))));
        double column = (width - 2 * Margin) / PerRow;
        for (int i = 0; i < courses.Length; i++)
        {
            double x = Margin + i % PerRow * column, y = legend + 20 * (i / PerRow);
            elements.Add(Svg.Path([new(x, y - 4), new(x + 24, y - 4)], Colour(i), 2.5, Dash(i)));
            elements.Add(Svg.Text(new(x + 30, y), courses[i].Info.Name));
            elements.AddRange(Paths(courses[i], data, Colour(i), Margin + i % PerRow * column, second + i / PerRow * (Tall + 60)));
        }

        double bottom = second + rows * (Tall + 60);
        elements.Add(Svg.Text(new(Margin, bottom - 6), "Paths of ten samples under the exact denoiser of a mixture of three normal distributions (its density in gray)."));
        elements.Add(Svg.Text(new(Margin, bottom + 12), "Samples are shown on the variance-preserving scale: divided by the root of signal² + sigma²."));
        return Svg.Document(width, bottom + 30, elements);
    }

    private static IEnumerable<string> Paths(Course course, Mixture data, string colour, double left, double top)
    {
        const double range = 2.6;
        var panel = new Panel(course.Info.Stochastic ? $"{course.Info.Name} (random)" : course.Info.Name, left, top, Narrow, Tall, -range, range) { Ticks = [-2, -1, 0, 1, 2] };
        var density = Enumerable.Range(0, 105).Select(i => -range + i * 0.05)
            .Select(y => panel.Place(new(1, y)) with { X = left + Narrow + 28 * data.Density(y) / data.Density(data.Humps[0].Mean) });
        return panel.Draw(course.Paths.Select(path => new Curve(path, colour, "", 1)))
            .Append(Svg.Path(density, "#999", 1, fill: "#ddd"));
    }

    private static string Colour(int index) => Colours[index % Colours.Length];

    private static string Dash(int index) => Dashes[index / Colours.Length % Dashes.Length];

    private static double Below(double value) => Math.Pow(10, Math.Floor(Math.Log10(value)));

    private static double Above(double value) => Math.Pow(10, Math.Ceiling(Math.Log10(value)));
}
