using Diffusion.Core.Tensors;
using Diffusion.Kernels;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Group normalisation whose scale and shift come from the latents at each place (MoVQ, Zheng et al. 2022).</summary>
/// <param name="Norm">Applied to the features.</param>
/// <param name="Scale">Latents → scale.</param>
/// <param name="Shift">Latents → shift.</param>
public sealed record SpatialNorm(GroupNorm Norm, Conv2d Scale, Conv2d Shift)
{
    /// <summary>The layer of a scope.</summary>
    public static SpatialNorm Of(WeightScope scope, int channels, int latentChannels)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new SpatialNorm(
            GroupNorm.Of(scope["norm_layer"], channels, 32, 1e-6),
            Conv2d.Of(scope["conv_y"], latentChannels, channels, kernel: 1, padding: 0),
            Conv2d.Of(scope["conv_b"], latentChannels, channels, kernel: 1, padding: 0));
    }

    /// <summary>[N, C, H, W] and latents [N, L, h, w] → [N, C, H, W].</summary>
    public Tensor Forward(Tensor x, Tensor latents)
    {
        var resized = latents.Resample(x.Shape[2], x.Shape[3], ResamplingMode.Nearest);
        return Norm.Forward(x) * Scale.Forward(resized) + Shift.Forward(resized);
    }
}
