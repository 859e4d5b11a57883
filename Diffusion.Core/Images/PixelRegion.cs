namespace Diffusion.Core.Images;

/// <summary>A region in whole pixels; the right and bottom edges are not part of it.</summary>
/// <param name="Left">First column; may lie outside the picture.</param>
/// <param name="Top">First row; may lie outside the picture.</param>
/// <param name="Right">One past the last column.</param>
/// <param name="Bottom">One past the last row.</param>
public readonly record struct PixelRegion(int Left, int Top, int Right, int Bottom)
{
    /// <summary>Right − Left.</summary>
    public int Width => Right - Left;

    /// <summary>Bottom − Top.</summary>
    public int Height => Bottom - Top;
}
