using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>Layer normalisation over the last axis with weight and bias.</summary>
/// <param name="Weight">[channels].</param>
/// <param name="Bias">[channels].</param>
/// <param name="Epsilon">Added to the variance.</param>
public sealed record LayerNorm(Tensor Weight, Tensor Bias, double Epsilon)
{
    /// <summary>The layer of a scope.</summary>
    public static LayerNorm Of(WeightScope scope, int channels, double epsilon = 1e-5)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new LayerNorm(scope.Tensor("weight", channels), scope.Tensor("bias", channels), epsilon);
    }

    /// <summary>[…, channels] → the same shape.</summary>
    public Tensor Forward(Tensor x) => x.LayerNorm(Weight, Bias, Epsilon);
}
