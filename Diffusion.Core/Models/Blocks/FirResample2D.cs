using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>
/// Resampling with a separable low-pass kernel, as the score-SDE networks do it ("upfirdn", Karras et al. 2019; kernel 1, 3, 3, 1).
/// </summary>
public static class FirResample2D
{
    private static readonly float[] Taps = [1, 3, 3, 1];

    /// <summary>[N, C, H, W] → [N, C, H/2, W/2].</summary>
    public static Tensor Down(Tensor x) => Filter(x, 1, new ConvolutionOptions { Stride = (2, 2), Padding = (1, 1, 1, 1) });

    /// <summary>[N, C, H, W] → [N, C, 2H, 2W].</summary>
    // Zeros between the elements and one after the last; then two before, and one more after.
    public static Tensor Up(Tensor x) => Filter(x, 4, new ConvolutionOptions { InputDilation = (2, 2), Padding = (2, 2, 2, 2) });

    private static Tensor Filter(Tensor x, float gain, ConvolutionOptions options)
    {
        int channels = x.Shape[1];
        var plane = from a in Taps from b in Taps select a * b * gain / 64;
        var kernel = Tensor.From([.. Enumerable.Repeat(plane, channels).SelectMany(p => p)], Shape.Of(channels, 1, 4, 4), x.Device);
        return x.Convolution(kernel, null, options with { Groups = channels });
    }
}
