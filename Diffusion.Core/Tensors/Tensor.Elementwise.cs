using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>|x|. Element by element.</summary>
    public Tensor Abs() => Map(ElementwiseOp.Abs);

    /// <summary>−1, 0 or 1. Element by element.</summary>
    public Tensor Sign() => Map(ElementwiseOp.Sign);

    /// <summary>e^x. Element by element.</summary>
    public Tensor Exp() => Map(ElementwiseOp.Exp);

    /// <summary>Natural logarithm. Element by element.</summary>
    public Tensor Log() => Map(ElementwiseOp.Log);

    /// <summary>√x. Element by element.</summary>
    public Tensor Sqrt() => Map(ElementwiseOp.Sqrt);

    /// <summary>1/√x. Element by element.</summary>
    public Tensor ReciprocalSqrt() => Map(ElementwiseOp.ReciprocalSqrt);

    /// <summary>1/x. Element by element.</summary>
    public Tensor Reciprocal() => Map(ElementwiseOp.Reciprocal);

    /// <summary>x². Element by element.</summary>
    public Tensor Square() => Map(ElementwiseOp.Square);

    /// <summary>Sine, radians. Element by element.</summary>
    public Tensor Sin() => Map(ElementwiseOp.Sin);

    /// <summary>Cosine, radians. Element by element.</summary>
    public Tensor Cos() => Map(ElementwiseOp.Cos);

    /// <summary>Hyperbolic tangent. Element by element.</summary>
    public Tensor Tanh() => Map(ElementwiseOp.Tanh);

    /// <summary>Gauss error function. Element by element.</summary>
    public Tensor Erf() => Map(ElementwiseOp.Erf);

    /// <summary>1/(1+e^−x). Element by element.</summary>
    public Tensor Sigmoid() => Map(ElementwiseOp.Sigmoid);

    /// <summary>x·sigmoid(x), also called swish. Element by element.</summary>
    public Tensor Silu() => Map(ElementwiseOp.Silu);

    /// <summary>max(x, 0). Element by element.</summary>
    public Tensor Relu() => Map(ElementwiseOp.Relu);

    /// <summary>x·Φ(x), exact by erf. Element by element.</summary>
    public Tensor Gelu() => Map(ElementwiseOp.Gelu);

    /// <summary>The tanh approximation of GELU. Element by element.</summary>
    public Tensor GeluTanh() => Map(ElementwiseOp.GeluTanh);

    /// <summary>x·sigmoid(1.702x), CLIP's approximation of GELU. Element by element.</summary>
    public Tensor QuickGelu() => Map(ElementwiseOp.QuickGelu);

    /// <summary>x·tanh(softplus(x)). Element by element.</summary>
    public Tensor Mish() => Map(ElementwiseOp.Mish);

    /// <summary>ln(1+e^x). Element by element.</summary>
    public Tensor Softplus() => Map(ElementwiseOp.Softplus);

    /// <summary>Towards −∞. Element by element.</summary>
    public Tensor Floor() => Map(ElementwiseOp.Floor);

    /// <summary>Towards +∞. Element by element.</summary>
    public Tensor Ceiling() => Map(ElementwiseOp.Ceiling);

    /// <summary>To nearest, halves to even. Element by element.</summary>
    public Tensor Round() => Map(ElementwiseOp.Round);

    /// <summary>Conversion; float to integer cuts off fractions and saturates.</summary>
    public Tensor Cast(ElementType type) => type == ElementType ? this
        : Expression is { Op: ConstantOp constant } ? Full(constant.Value, Shape, type, Device)
        : new(new CastOp(), [this], Shape, type, Device);

    /// <summary>−x.</summary>
    public static Tensor operator -(Tensor x) => x.Map(ElementwiseOp.Negate);

    /// <summary>Sum; shapes broadcast by numpy's rule.</summary>
    public static Tensor operator +(Tensor a, Tensor b) => Map(ElementwiseOp.Add, a, b);

    /// <summary>Sum.</summary>
    public static Tensor operator +(Tensor a, double b) => Map(ElementwiseOp.Add, a, a.Like(b));

    /// <summary>Sum.</summary>
    public static Tensor operator +(double a, Tensor b) => Map(ElementwiseOp.Add, b.Like(a), b);

    /// <summary>Difference; shapes broadcast by numpy's rule.</summary>
    public static Tensor operator -(Tensor a, Tensor b) => Map(ElementwiseOp.Subtract, a, b);

    /// <summary>Difference.</summary>
    public static Tensor operator -(Tensor a, double b) => Map(ElementwiseOp.Subtract, a, a.Like(b));

    /// <summary>Difference.</summary>
    public static Tensor operator -(double a, Tensor b) => Map(ElementwiseOp.Subtract, b.Like(a), b);

    /// <summary>Product, element by element; shapes broadcast by numpy's rule.</summary>
    public static Tensor operator *(Tensor a, Tensor b) => Map(ElementwiseOp.Multiply, a, b);

    /// <summary>Product, element by element.</summary>
    public static Tensor operator *(Tensor a, double b) => Map(ElementwiseOp.Multiply, a, a.Like(b));

    /// <summary>Product, element by element.</summary>
    public static Tensor operator *(double a, Tensor b) => Map(ElementwiseOp.Multiply, b.Like(a), b);

    /// <summary>Quotient; shapes broadcast by numpy's rule.</summary>
    public static Tensor operator /(Tensor a, Tensor b) => Map(ElementwiseOp.Divide, a, b);

    /// <summary>Quotient.</summary>
    public static Tensor operator /(Tensor a, double b) => Map(ElementwiseOp.Divide, a, a.Like(b));

    /// <summary>Quotient.</summary>
    public static Tensor operator /(double a, Tensor b) => Map(ElementwiseOp.Divide, b.Like(a), b);

    /// <summary>The smaller of both; NaN if either is; shapes broadcast by numpy's rule.</summary>
    public static Tensor Minimum(Tensor a, Tensor b) => Map(ElementwiseOp.Minimum, a, b);

    /// <summary>The larger of both; NaN if either is; shapes broadcast by numpy's rule.</summary>
    public static Tensor Maximum(Tensor a, Tensor b) => Map(ElementwiseOp.Maximum, a, b);

    /// <summary>a^b; shapes broadcast by numpy's rule.</summary>
    public static Tensor Power(Tensor a, Tensor b) => Map(ElementwiseOp.Power, a, b);

    /// <summary>1 where a &lt; b, else 0; shapes broadcast by numpy's rule.</summary>
    public static Tensor IsLess(Tensor a, Tensor b) => Map(ElementwiseOp.Less, a, b);

    /// <summary>1 where a ≤ b, else 0; shapes broadcast by numpy's rule.</summary>
    public static Tensor IsLessOrEqual(Tensor a, Tensor b) => Map(ElementwiseOp.LessOrEqual, a, b);

    /// <summary>1 where a = b, else 0; shapes broadcast by numpy's rule.</summary>
    public static Tensor IsEqual(Tensor a, Tensor b) => Map(ElementwiseOp.Equal, a, b);

    /// <summary>x^exponent.</summary>
    public Tensor Power(double exponent) => Map(ElementwiseOp.Power, this, Like(exponent));

    /// <summary>Values limited to low … high.</summary>
    public Tensor Clamp(double low, double high) =>
        Map(ElementwiseOp.Minimum, Map(ElementwiseOp.Maximum, this, Like(low)), Like(high));

    /// <summary><paramref name="whenTrue"/> where <paramref name="condition"/> isn't 0, else <paramref name="whenFalse"/>; shapes broadcast.</summary>
    public static Tensor Where(Tensor condition, Tensor whenTrue, Tensor whenFalse) => Map(ElementwiseOp.Select, condition, whenTrue, whenFalse);

    /// <summary>a·b + c; shapes broadcast.</summary>
    public static Tensor MultiplyAdd(Tensor a, Tensor b, Tensor c) => Map(ElementwiseOp.MultiplyAdd, a, b, c);

    /// <summary>Activation by its name in a diffusers or transformers configuration.</summary>
    /// <exception cref="NotSupportedException">The name isn't known.</exception>
    public Tensor Activate(string name) => name switch
    {
        "silu" or "swish" => Silu(),
        "gelu" => Gelu(),
        "gelu_new" or "gelu-approximate" or "gelu_pytorch_tanh" => GeluTanh(),
        "quick_gelu" => QuickGelu(),
        "relu" => Relu(),
        "mish" => Mish(),
        "tanh" => Tanh(),
        "sigmoid" => Sigmoid(),
        "linear" or "identity" => this,
        _ => throw new NotSupportedException($"Tensor.Activate: activation '{name}' isn't known; use silu, swish, gelu, gelu_new, gelu-approximate, quick_gelu, relu, mish, tanh, sigmoid or linear."),
    };

    /// <summary>A scalar that takes part in an operation with this tensor; not rounded to the tensor's type.</summary>
    internal Tensor Like(double value) => new(new ConstantOp(value), [], Shape.Scalar, Promote(ElementType), Device);

    private Tensor Map(ElementwiseOp op) => new(new MapOp(op), [this], Shape, Promote(ElementType), Device);

    private static Tensor Map(ElementwiseOp op, params ReadOnlySpan<Tensor> inputs)
    {
        string name = op.ToString();
        RequireSameDevice(name, inputs);
        var shape = inputs[0].Shape;
        var type = Promote(inputs[0].ElementType);
        for (int i = 1; i < inputs.Length; i++)
        {
            shape = Shape.Broadcast(shape, inputs[i].Shape, name);
            type = Promote(type, Promote(inputs[i].ElementType));
        }
        return new Tensor(new MapOp(op), [.. Expanded(inputs, shape)], shape, type, inputs[0].Device);
    }

    private static Tensor[] Expanded(ReadOnlySpan<Tensor> inputs, Shape shape)
    {
        var expanded = new Tensor[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
            expanded[i] = inputs[i].Expand(shape);
        return expanded;
    }

    /// <summary>The type that arithmetic on a type gives: integers become float32.</summary>
    private static ElementType Promote(ElementType type) => type.IsFloat() ? type : ElementType.Float32;

    private static ElementType Promote(ElementType a, ElementType b) =>
        a == b ? a : a == ElementType.Float64 || b == ElementType.Float64 ? ElementType.Float64 : ElementType.Float32;
}
