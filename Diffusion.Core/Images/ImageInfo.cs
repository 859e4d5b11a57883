namespace Diffusion.Core.Images;

/// <summary>What the header of a picture file says.</summary>
/// <param name="Format">The file format, found by its first bytes and not by the file's name.</param>
/// <param name="Width">Width in pixels, as stored (before any rotation that the file asks for).</param>
/// <param name="Height">Height in pixels, as stored.</param>
public sealed record ImageInfo(ImageFormat Format, int Width, int Height);
