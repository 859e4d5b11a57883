using System.Collections.Immutable;

namespace Diffusion.Core.Images;

/// <summary>How pictures are laid out side by side.</summary>
public sealed record ImageGridOptions
{
    /// <summary>Nearly square, no padding, no labels, black where no picture is: what diffusers' <c>make_image_grid</c> draws.</summary>
    public static ImageGridOptions Default { get; } = new();

    /// <summary>Pictures in a row; 0 chooses a nearly square grid.</summary>
    public int Columns { get; init; }

    /// <summary>Pixels between pictures and around the grid, 0 or more.</summary>
    public int Padding { get; init; }

    /// <summary>The gray level, 0..255, of padding, labels' background and empty places.</summary>
    public byte Background { get; init; }

    /// <summary>
    /// Text under each picture, in order; fewer labels than pictures leave the rest without. Characters outside ASCII are
    /// drawn as '?'.
    /// </summary>
    public ImmutableArray<string> Labels { get; init; } = [];

    /// <summary>These options with another <see cref="Columns"/>.</summary>
    public ImageGridOptions WithColumns(int columns) => this with { Columns = columns };

    /// <summary>These options with another <see cref="Padding"/>.</summary>
    public ImageGridOptions WithPadding(int padding) => this with { Padding = padding };

    /// <summary>These options with another <see cref="Background"/>.</summary>
    public ImageGridOptions WithBackground(byte background) => this with { Background = background };

    /// <summary>These options with other <see cref="Labels"/>.</summary>
    public ImageGridOptions WithLabels(params string[] labels) => this with { Labels = [.. labels] };
}
