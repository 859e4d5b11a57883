using System.Globalization;
using System.Security;

namespace Diffusion.Samples.SchedulerPlots;

/// <summary>The few elements of SVG that a chart needs, as text.</summary>
internal static class Svg
{
    public static string Document(double width, double height, IEnumerable<string> elements) => string.Create(CultureInfo.InvariantCulture,
        $"""
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:0.##} {height:0.##}" width="{width:0.##}" height="{height:0.##}" font-family="system-ui, sans-serif" font-size="12" fill="#333">
        <rect width="100%" height="100%" fill="#fff"/>
        {string.Join('\n', elements)}
        </svg>

        """);

    public static string Line(Spot from, Spot to, string colour, string dash = "") => string.Create(CultureInfo.InvariantCulture,
        $"""<line x1="{from.X:0.##}" y1="{from.Y:0.##}" x2="{to.X:0.##}" y2="{to.Y:0.##}" stroke="{colour}"{Dashed(dash)}/>""");

    public static string Path(IEnumerable<Spot> spots, string colour, double width = 1.5, string dash = "", string fill = "none") => string.Create(CultureInfo.InvariantCulture,
        $"""<polyline points="{string.Join(' ', spots.Select(spot => string.Create(CultureInfo.InvariantCulture, $"{spot.X:0.#},{spot.Y:0.#}")))}" fill="{fill}" stroke="{colour}" stroke-width="{width:0.##}" stroke-linejoin="round"{Dashed(dash)}/>""");

    public static string Text(Spot at, string text, string anchor = "start", string weight = "normal") => string.Create(CultureInfo.InvariantCulture,
        $"""<text x="{at.X:0.##}" y="{at.Y:0.##}" text-anchor="{anchor}" font-weight="{weight}">{SecurityElement.Escape(text)}</text>""");

    private static string Dashed(string dash) => dash.Length == 0 ? "" : $" stroke-dasharray=\"{dash}\"";
}
