using Diffusion.Core.Tensors.Graph;

namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>The integers that this tensor was made from, if it was; it keeps them when it is realised.</summary>
    internal QuantizedMatrix? Quantized { get; private init; }

    /// <summary>x·Wᵀ + b over the last axis, with a weight of small integers.</summary>
    /// <param name="weight">[outputs, inputs].</param>
    /// <param name="bias">[outputs], if any.</param>
    public Tensor Linear(QuantizedMatrix weight, Tensor? bias = null)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (Rank < 1 || Shape[-1] != weight.Inputs)
            throw new TensorShapeException($"Linear: input {Shape} doesn't fit the quantised weight [{weight.Outputs}, {weight.Inputs}]; expected […, {weight.Inputs}].");
        RequireSameDevice("Linear", this, weight.Integers);
        RequireBias("Linear", bias, weight.Outputs);
        var rows = (Rank == 1 ? Unsqueeze(0) : this).Cast(Promote(ElementType));
        var product = new Tensor(new QuantizedProductOp(weight.Inputs, weight.GroupSize, weight.RoundsActivations), [rows, weight.Integers, weight.Scales],
            rows.Shape.With(-1, weight.Outputs), rows.ElementType, Device);
        if (Rank == 1)
            product = product.Squeeze(0);
        return bias is null ? product : product + bias;
    }

    /// <summary>The same expression, known to come from these integers.</summary>
    internal Tensor WithQuantized(QuantizedMatrix matrix) =>
        Expression is { } known ? new(known.Op, known.Inputs, Shape, ElementType, Device) { Quantized = matrix }
            : throw new InvalidOperationException("WithQuantized: the tensor is realised already.");
}
