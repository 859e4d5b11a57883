namespace Diffusion.Core.Images;

/// <summary>How a picture is resized; the numbers are Pillow's, as <c>preprocessor_config.json</c> files hold them.</summary>
public enum ResamplingFilter
{
    /// <summary>The pixel under the centre.</summary>
    Nearest = 0,

    /// <summary>Sinc windowed by a sinc, support 3.</summary>
    Lanczos = 1,

    /// <summary>Triangle, support 1.</summary>
    Bilinear = 2,

    /// <summary>Cubic convolution with a = −0.5, support 2.</summary>
    Bicubic = 3,

    /// <summary>The mean of the pixels covered, support 0.5.</summary>
    Box = 4,

    /// <summary>Sinc windowed by Hamming's cosine, support 1.</summary>
    Hamming = 5,
}
