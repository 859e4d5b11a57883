using Diffusion.Core.Tensors;
using Diffusion.Core.Tensors.Gradients;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors.Gradients;

/// <summary>Checks gradients against central differences in float64.</summary>
internal static class FiniteDifference
{
    private const double Step = 1e-5;

    /// <summary>The gradient of a weighted sum of the function's result, by each input and each of its elements.</summary>
    public static void Check(Func<Tensor[], Tensor> function, params Host[] inputs)
    {
        var tensors = inputs.Select(h => h.ToTensor(ElementType.Float64)).ToArray();
        var shape = function(tensors).Shape;
        // Different weights an element, so that no mistake cancels.
        var weights = Host.Of([.. shape], i => 0.5 + Math.Sin(1 + i.Select((n, axis) => n * (axis + 1.3)).Sum()));
        Tensor Loss(Tensor[] x) => (function(x) * weights.ToTensor(ElementType.Float64)).Sum();
        var gradients = Gradient.Of(Loss(tensors), tensors);
        Tensor.Realize(gradients);
        for (int k = 0; k < inputs.Length; k++)
        {
            Assert.Equal(inputs[k].Shape, gradients[k].Shape.Lengths);
            Assert.Equal(ElementType.Float64, gradients[k].ElementType);
            var actual = gradients[k].ToDoubles();
            // All shifted inputs at once: the losses are planned once, and run one by one.
            for (int i = 0; i < actual.Length; i++)
            {
                double At(double shift)
                {
                    var data = (double[])inputs[k].Data.Clone();
                    data[i] += shift;
                    return Loss([.. tensors.Select((t, j) => j == k ? new Host(inputs[k].Shape, data).ToTensor(ElementType.Float64) : t)]).ToScalar();
                }
                // Fourth order.
                double expected = (8 * (At(Step) - At(-Step)) - (At(2 * Step) - At(-2 * Step))) / (12 * Step);
                Assert.True(Math.Abs(actual[i] - expected) <= 1e-6 * Math.Max(1, Math.Abs(expected)),
                    $"by input {k}, element [{string.Join(", ", Host.Index(inputs[k].Shape, i))}]: {actual[i]:R}, by differences {expected:R}");
            }
        }
    }
}
