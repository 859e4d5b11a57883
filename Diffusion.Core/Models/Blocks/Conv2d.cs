using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>A 2-D convolution with equal stride and padding in both directions.</summary>
/// <param name="Weight">[outputs, inputs, kernel, kernel].</param>
/// <param name="Bias">[outputs], if any.</param>
/// <param name="Stride">≥ 1.</param>
/// <param name="Padding">≥ 0.</param>
public sealed record Conv2d(Tensor Weight, Tensor? Bias, int Stride, int Padding)
{
    /// <summary>The layer of a scope.</summary>
    public static Conv2d Of(WeightScope scope, int inputs, int outputs, int kernel = 3, int stride = 1, int padding = 1, bool bias = true)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new Conv2d(scope.Tensor("weight", outputs, inputs, kernel, kernel), bias ? scope.Tensor("bias", outputs) : null, stride, padding);
    }

    /// <summary>[N, inputs, H, W] → [N, outputs, OH, OW].</summary>
    public Tensor Forward(Tensor x) => x.Conv2d(Weight, Bias, Stride, Padding);
}
