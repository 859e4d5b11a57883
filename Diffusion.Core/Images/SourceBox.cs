namespace Diffusion.Core.Images;

/// <summary>A part of a picture in fractional pixels (Pillow's <c>box</c>); it may be empty but must lie inside.</summary>
/// <param name="Left">Left edge, 0 or more.</param>
/// <param name="Top">Top edge, 0 or more.</param>
/// <param name="Right">Right edge, at most the width.</param>
/// <param name="Bottom">Bottom edge, at most the height.</param>
public readonly record struct SourceBox(float Left, float Top, float Right, float Bottom);
