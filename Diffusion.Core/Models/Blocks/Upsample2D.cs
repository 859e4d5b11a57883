using Diffusion.Core.Tensors;
using Diffusion.Kernels;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Doubles rows and columns by repeating them, then convolves.</summary>
/// <param name="Conv">[C, C, 3, 3].</param>
public sealed record Upsample2D(Conv2d Conv)
{
    /// <summary>The layer of a scope.</summary>
    public static Upsample2D Of(WeightScope scope, int channels)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new Upsample2D(Conv2d.Of(scope["conv"], channels, channels));
    }

    /// <summary>[N, C, H, W] → [N, C, 2H, 2W], or another size where the skip connection has one that isn't even.</summary>
    public Tensor Forward(Tensor x, (int Height, int Width)? size = null) => Conv.Forward(
        size is { } to ? x.Resample(to.Height, to.Width, ResamplingMode.Nearest) : x.UpsampleNearest());
}
