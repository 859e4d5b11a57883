using System.Collections.Immutable;
using System.Globalization;

namespace Diffusion.Samples.SchedulerPlots;

/// <summary>A curve and how it is drawn.</summary>
internal sealed record Curve(ImmutableArray<Spot> Spots, string Colour, string Dash = "", double Width = 1.5);

/// <summary>One diagram: a frame at a place, axes, and the way from values to places.</summary>
internal sealed record Panel(string Title, double Left, double Top, double Width, double Height, double Low, double High, bool Logarithmic = false)
{
    public ImmutableArray<double> Ticks { get; init; } = [];

    public IEnumerable<string> Draw(IEnumerable<Curve> curves)
    {
        yield return Svg.Text(new(Left, Top - 10), Title, weight: "bold");
        foreach (double tick in Ticks)
        {
            double y = Place(new(0, tick)).Y;
            yield return Svg.Line(new(Left, y), new(Left + Width, y), "#e4e4e4");
            yield return Svg.Text(new(Left - 6, y + 4), tick.ToString("0.###", CultureInfo.InvariantCulture), "end");
        }

        yield return Svg.Line(new(Left, Top), new(Left, Top + Height), "#888");
        yield return Svg.Line(new(Left, Top + Height), new(Left + Width, Top + Height), "#888");
        yield return Svg.Text(new(Left, Top + Height + 16), "noise");
        yield return Svg.Text(new(Left + Width, Top + Height + 16), "data", "end");
        foreach (var curve in curves)
            yield return Svg.Path(curve.Spots.Where(Drawable).Select(Place), curve.Colour, curve.Width, curve.Dash);
    }

    /// <summary>From (0 … 1 along the run, value) to a place on the sheet; values outside the range stay at its edge.</summary>
    public Spot Place(Spot spot)
    {
        double share = Math.Clamp((Scaled(spot.Y) - Scaled(Low)) / (Scaled(High) - Scaled(Low)), 0, 1);
        return new(Left + spot.X * Width, Top + Height * (1 - share));
    }

    private double Scaled(double value) => Logarithmic ? Math.Log10(value) : value;

    private bool Drawable(Spot spot) => double.IsFinite(spot.Y) && (!Logarithmic || spot.Y > 0);
}
