namespace Diffusion.Core.Images;

/// <summary>What happens to the aspect ratio when a picture is brought to a size.</summary>
public enum ResizeMode
{
    /// <summary>The picture is stretched.</summary>
    Default,

    /// <summary>The picture fits inside, centred; the rest is filled by stretching its edges.</summary>
    Fill,

    /// <summary>The picture covers the size, centred; what sticks out is cut off.</summary>
    Crop,
}
