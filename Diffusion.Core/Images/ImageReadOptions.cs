namespace Diffusion.Core.Images;

/// <summary>What reading a picture file may cost. The limits are checked on the header, before memory is spent.</summary>
public sealed record ImageReadOptions
{
    /// <summary>100 million pixels, 512 MiB of file, 16 MiB of text.</summary>
    public static ImageReadOptions Default { get; } = new();

    /// <summary>The most pixels (width × height) a picture may have.</summary>
    public long MaxPixels { get; init; } = 100_000_000;

    /// <summary>The most bytes a file may have.</summary>
    public long MaxFileBytes { get; init; } = 512L << 20;

    /// <summary>The most bytes that all text of a picture may have together, after decompression.</summary>
    public int MaxTextBytes { get; init; } = 16 << 20;

    /// <summary>These options with another <see cref="MaxPixels"/>.</summary>
    public ImageReadOptions WithMaxPixels(long maxPixels) => this with { MaxPixels = maxPixels };

    /// <summary>These options with another <see cref="MaxFileBytes"/>.</summary>
    public ImageReadOptions WithMaxFileBytes(long maxFileBytes) => this with { MaxFileBytes = maxFileBytes };

    /// <summary>These options with another <see cref="MaxTextBytes"/>.</summary>
    public ImageReadOptions WithMaxTextBytes(int maxTextBytes) => this with { MaxTextBytes = maxTextBytes };

    internal void RequirePixels(long width, long height, string name)
    {
        if (width * height > MaxPixels)
        {
            throw new InvalidDataException(
                $"Reading the picture {name}: its header says {width}×{height} pixels, more than the limit of {MaxPixels} "
                + $"({nameof(ImageReadOptions)}.{nameof(MaxPixels)}); raise the limit if the file is trusted.");
        }
    }
}
