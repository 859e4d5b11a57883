namespace Diffusion.Core.Images;

/// <summary>The file formats of pictures.</summary>
public enum ImageFormat
{
    /// <summary>Portable Network Graphics: lossless, keeps the picture's text; needs no native library.</summary>
    Png,

    /// <summary>JPEG: lossy, no alpha.</summary>
    Jpeg,

    /// <summary>WebP: lossy or lossless.</summary>
    Webp,

    /// <summary>GIF: at most 256 colours.</summary>
    Gif,
}
