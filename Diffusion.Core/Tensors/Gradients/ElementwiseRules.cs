using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Gradients;

/// <summary>Derivatives of elementwise operations. At kinks the mean of both sides is taken for minimum and maximum, 0 for the others.</summary>
internal static class ElementwiseRules
{
    public static Tensor?[] Pull(ElementwiseOp op, Tensor y, Tensor[] x, Tensor g)
    {
        var a = x[0];
        return op switch
        {
            ElementwiseOp.Copy => [g],
            ElementwiseOp.Negate => [-g],
            ElementwiseOp.Abs => [g * a.Sign()],
            ElementwiseOp.Exp => [g * y],
            ElementwiseOp.Log => [g / a],
            ElementwiseOp.Sqrt => [g * 0.5 / y],
            ElementwiseOp.ReciprocalSqrt => [g * -0.5 * y * y * y],
            ElementwiseOp.Reciprocal => [-g * y * y],
            ElementwiseOp.Square => [g * 2 * a],
            ElementwiseOp.Sin => [g * a.Cos()],
            ElementwiseOp.Cos => [-g * a.Sin()],
            ElementwiseOp.Tanh => [g * (1 - y * y)],
            ElementwiseOp.Erf => [g * (2 / Math.Sqrt(Math.PI)) * (-a.Square()).Exp()],
            ElementwiseOp.Sigmoid => [g * y * (1 - y)],
            ElementwiseOp.Silu => [g * Gated(a, 1)],
            ElementwiseOp.QuickGelu => [g * Gated(a, 1.702)],
            ElementwiseOp.Relu => [g * Tensor.IsLess(a.Like(0), a)],
            ElementwiseOp.Gelu => [g * (0.5 * (1 + (a * Math.Sqrt(0.5)).Erf()) + a * (1 / Math.Sqrt(2 * Math.PI)) * (-0.5 * a.Square()).Exp())],
            ElementwiseOp.GeluTanh => [g * GeluTanh(a)],
            ElementwiseOp.Mish => [g * Mish(a)],
            ElementwiseOp.Softplus => [g * a.Sigmoid()],
            ElementwiseOp.Add => [g, g],
            ElementwiseOp.Subtract => [g, -g],
            ElementwiseOp.Multiply => [g * x[1], g * a],
            ElementwiseOp.Divide => [g / x[1], -g * y / x[1]],
            ElementwiseOp.Minimum => [g * Before(a, x[1]), g * Before(x[1], a)],
            ElementwiseOp.Maximum => [g * Before(x[1], a), g * Before(a, x[1])],
            ElementwiseOp.Power => [g * x[1] * Tensor.Power(a, x[1] - 1), g * y * a.Log()],
            ElementwiseOp.MultiplyAdd => [g * x[1], g * a, g],
            ElementwiseOp.Select => [null, Tensor.Where(a, g, g.Like(0)), Tensor.Where(a, g.Like(0), g)],
            // Steps: their derivative is 0 wherever it exists.
            _ => new Tensor?[x.Length],
        };
    }

    private static Tensor Before(Tensor a, Tensor b) => Tensor.IsLess(a, b) + 0.5 * Tensor.IsEqual(a, b);

    // d/dx of x·sigmoid(k·x).
    private static Tensor Gated(Tensor x, double k)
    {
        var s = (x * k).Sigmoid();
        return s + k * x * s * (1 - s);
    }

    private static Tensor GeluTanh(Tensor x)
    {
        double c = Math.Sqrt(2 / Math.PI);
        var t = (c * (x + 0.044715 * x * x * x)).Tanh();
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
    }

    private static Tensor Mish(Tensor x)
    {
        var t = x.Softplus().Tanh();
        return t + x * x.Sigmoid() * (1 - t * t);
    }
}
