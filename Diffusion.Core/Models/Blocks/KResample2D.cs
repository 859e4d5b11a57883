using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Resampling with a separable kernel and reflected edges, as in k-diffusion's image networks (kernel 1, 3, 3, 1).</summary>
public static class KResample2D
{
    private static readonly float[] Taps = [1 / 8f, 3 / 8f, 3 / 8f, 1 / 8f];

    /// <summary>[N, C, H, W] → [N, C, H/2, W/2].</summary>
    public static Tensor Down(Tensor x) => Reflected(x).Conv2d(Kernel(x, 1), null, stride: 2, groups: x.Shape[1]);

    /// <summary>[N, C, H, W] → [N, C, 2H, 2W].</summary>
    public static Tensor Up(Tensor x) => Reflected(x).ConvTranspose2d(Kernel(x, 4), null, stride: 2, padding: 3, groups: x.Shape[1]);

    private static Tensor Reflected(Tensor x) => x.Pad(2, 1, 1, PaddingMode.Reflect).Pad(3, 1, 1, PaddingMode.Reflect);

    private static Tensor Kernel(Tensor x, float gain)
    {
        var plane = from a in Taps from b in Taps select a * b * gain;
        return Tensor.From([.. Enumerable.Repeat(plane, x.Shape[1]).SelectMany(p => p)], Shape.Of(x.Shape[1], 1, 4, 4), x.Device);
    }
}
