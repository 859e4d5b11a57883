namespace Diffusion.Core.Images;

/// <summary>How a picture is written.</summary>
public sealed record ImageWriteOptions
{
    /// <summary>Quality 95, lossy WebP.</summary>
    public static ImageWriteOptions Default { get; } = new();

    /// <summary>Quality of JPEG and lossy WebP, 1 to 100.</summary>
    public int Quality { get; init; } = 95;

    /// <summary>Whether WebP is written without loss.</summary>
    public bool Lossless { get; init; }

    /// <summary>These options with another <see cref="Quality"/>.</summary>
    public ImageWriteOptions WithQuality(int quality) => this with { Quality = quality };

    /// <summary>These options with another <see cref="Lossless"/>.</summary>
    public ImageWriteOptions WithLossless(bool lossless) => this with { Lossless = lossless };
}
