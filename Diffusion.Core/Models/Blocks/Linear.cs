using Diffusion.Core.Tensors;

namespace Diffusion.Core.Models.Blocks;

/// <summary>A linear layer, x·Wᵀ + b over the last axis.</summary>
/// <param name="Weight">[outputs, inputs].</param>
/// <param name="Bias">[outputs], if any.</param>
public sealed record Linear(Tensor Weight, Tensor? Bias)
{
    /// <summary>The layer of a scope.</summary>
    public static Linear Of(WeightScope scope, int inputs, int outputs, bool bias = true)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new Linear(scope.Tensor("weight", outputs, inputs), bias ? scope.Tensor("bias", outputs) : null);
    }

    /// <summary>[…, inputs] → […, outputs].</summary>
    public Tensor Forward(Tensor x) => x.Linear(Weight, Bias);
}
