using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Halves rows and columns with a convolution of stride 2.</summary>
/// <param name="Weight">[C, C, 3, 3].</param>
/// <param name="Bias">[C].</param>
/// <param name="Padding">Zeros around the input; 0 pads one row below and one column right instead.</param>
public sealed record Downsample2D(Tensor Weight, Tensor Bias, int Padding)
{
    /// <summary>The layer of a scope.</summary>
    public static Downsample2D Of(WeightScope scope, int channels, int padding = 1)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new Downsample2D(scope["conv"].Tensor("weight", channels, channels, 3, 3), scope["conv"].Tensor("bias", channels), padding);
    }

    /// <summary>[N, C, H, W] → [N, C, ~H/2, ~W/2].</summary>
    public Tensor Forward(Tensor x) => x.Convolution(Weight, Bias, new ConvolutionOptions
    {
        Stride = (2, 2),
        Padding = Padding == 0 ? (0, 1, 0, 1) : (Padding, Padding, Padding, Padding),
    });
}
