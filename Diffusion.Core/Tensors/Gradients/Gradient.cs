using System.Collections.Immutable;

namespace Diffusion.Core.Tensors.Gradients;

/// <summary>
/// Reverse-mode differentiation as a transform of graphs: the gradient is again a lazy graph of the same operations, so it is
/// planned, fused and differentiated further like any other. One vector–Jacobian rule a primitive (<c>*Rules.cs</c> beside this).
/// </summary>
public static class Gradient
{
    /// <summary>The gradient of a scalar by tensors that it was computed from.</summary>
    /// <param name="output">One element; not realised yet, so that its expression is still there.</param>
    /// <param name="inputs">By what; a tensor that the output doesn't depend on has gradient 0.</param>
    /// <returns>One tensor an input, of its shape.</returns>
    public static ImmutableArray<Tensor> Of(Tensor output, params Tensor[] inputs)
    {
        ArgumentNullException.ThrowIfNull(output);
        if (output.Shape.Count != 1)
            throw new TensorShapeException($"Gradient.Of: the output must have one element; got {output.Shape}. Sum it, or use Gradient.VectorJacobian.");
        return VectorJacobian(output, Tensor.Ones(output.Shape, output.ElementType, output.Device), inputs);
    }

    /// <summary>The gradient of a function from a tensor to one number, as a function.</summary>
    public static Func<Tensor, Tensor> Function(Func<Tensor, Tensor> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return x => Of(function(x), x)[0];
    }

    /// <summary>The product of a cotangent with the Jacobian of the output by each input.</summary>
    /// <param name="output">Not realised yet.</param>
    /// <param name="cotangent">The output's shape.</param>
    /// <param name="inputs">By what.</param>
    /// <exception cref="NotSupportedException">An operation on the way has no rule.</exception>
    public static ImmutableArray<Tensor> VectorJacobian(Tensor output, Tensor cotangent, params Tensor[] inputs)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(cotangent);
        ArgumentNullException.ThrowIfNull(inputs);
        if (cotangent.Shape != output.Shape)
            throw new TensorShapeException($"Gradient: the cotangent {cotangent.Shape} must have the output's shape {output.Shape}.");
        if (output.IsRealized && !inputs.Contains(output))
            throw new InvalidOperationException("Gradient: the output is realised already, so its expression is gone; take the gradient before asking for its numbers.");
        var (order, depends) = Depending(output, inputs);
        var cotangents = new Dictionary<Tensor, Tensor>(ReferenceEqualityComparer.Instance) { [output] = cotangent };
        for (int i = order.Count - 1; i >= 0; i--)
        {
            var node = order[i];
            if (!cotangents.TryGetValue(node, out var incoming) || node.Expression is not { } expression || !expression.Inputs.Any(depends.Contains))
                continue;
            var outgoing = Rules.Pull(node, expression, incoming);
            for (int j = 0; j < outgoing.Length; j++)
            {
                var input = expression.Inputs[j];
                if (outgoing[j] is not { } part || !depends.Contains(input))
                    continue;
                part = part.Cast(input.ElementType);
                cotangents[input] = cotangents.TryGetValue(input, out var sum) ? sum + part : part;
            }
        }
        return [.. inputs.Select(x => cotangents.TryGetValue(x, out var g) ? g : Tensor.Zeros(x.Shape, x.ElementType, x.Device))];
    }

    // The nodes through which the output depends on an input, inputs first.
    private static (List<Tensor> Order, HashSet<Tensor> Depends) Depending(Tensor output, Tensor[] inputs)
    {
        var depends = new HashSet<Tensor>(inputs, ReferenceEqualityComparer.Instance);
        var order = new List<Tensor>();
        var seen = new HashSet<Tensor>(ReferenceEqualityComparer.Instance);
        var stack = new Stack<(Tensor Node, bool Done)>();
        stack.Push((output, false));
        while (stack.TryPop(out var top))
        {
            var (node, done) = top;
            var children = node.Expression?.Inputs ?? [];
            if (done)
            {
                if (children.Any(depends.Contains))
                    depends.Add(node);
                if (depends.Contains(node))
                    order.Add(node);
                continue;
            }
            if (!seen.Add(node))
                continue;
            stack.Push((node, true));
            foreach (var child in children)
                stack.Push((child, false));
        }
        return (order, depends);
    }
}
