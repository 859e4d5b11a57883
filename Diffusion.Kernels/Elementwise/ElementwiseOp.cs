namespace Diffusion.Kernels;

/// <summary>
/// One operation of an elementwise program, on float32 values (float64 in the reference). Truth is 1, falsehood 0.
/// a, b, c are the operands' registers.
/// </summary>
public enum ElementwiseOp : byte
{
    /// <summary>The value a.</summary>
    Copy,
    /// <summary>A constant: the instruction's immediate value.</summary>
    Constant,
    /// <summary>A host scalar given at launch: number A of the launch's scalars.</summary>
    Scalar,
    /// <summary>−a.</summary>
    Negate,
    /// <summary>|a|.</summary>
    Abs,
    /// <summary>−1, 0 or 1.</summary>
    Sign,
    /// <summary>e^a.</summary>
    Exp,
    /// <summary>Natural logarithm.</summary>
    Log,
    /// <summary>√a.</summary>
    Sqrt,
    /// <summary>1/√a.</summary>
    ReciprocalSqrt,
    /// <summary>1/a.</summary>
    Reciprocal,
    /// <summary>a².</summary>
    Square,
    /// <summary>Sine of a, radians.</summary>
    Sin,
    /// <summary>Cosine of a, radians.</summary>
    Cos,
    /// <summary>Hyperbolic tangent.</summary>
    Tanh,
    /// <summary>Gauss error function.</summary>
    Erf,
    /// <summary>1/(1+e^−a).</summary>
    Sigmoid,
    /// <summary>a·sigmoid(a), also called swish.</summary>
    Silu,
    /// <summary>max(a, 0).</summary>
    Relu,
    /// <summary>a·Φ(a), exact by erf.</summary>
    Gelu,
    /// <summary>The tanh approximation of <see cref="Gelu"/>.</summary>
    GeluTanh,
    /// <summary>a·sigmoid(1.702a), CLIP's approximation.</summary>
    QuickGelu,
    /// <summary>a·tanh(softplus(a)).</summary>
    Mish,
    /// <summary>ln(1+e^a), without overflow.</summary>
    Softplus,
    /// <summary>Towards −∞.</summary>
    Floor,
    /// <summary>Towards +∞.</summary>
    Ceiling,
    /// <summary>To nearest, halves to even.</summary>
    Round,
    /// <summary>a+b.</summary>
    Add,
    /// <summary>a−b.</summary>
    Subtract,
    /// <summary>a·b.</summary>
    Multiply,
    /// <summary>a/b.</summary>
    Divide,
    /// <summary>The smaller; NaN if either is.</summary>
    Minimum,
    /// <summary>The larger; NaN if either is.</summary>
    Maximum,
    /// <summary>a^b, as C's pow.</summary>
    Power,
    /// <summary>a&lt;b.</summary>
    Less,
    /// <summary>a≤b.</summary>
    LessOrEqual,
    /// <summary>a=b.</summary>
    Equal,
    /// <summary>a·b+c, possibly with one rounding.</summary>
    MultiplyAdd,
    /// <summary>b where a≠0, else c.</summary>
    Select,
}

/// <summary>Facts about elementwise operations.</summary>
public static class ElementwiseOps
{
    /// <summary>How many of a, b, c the operation reads (0 for <see cref="ElementwiseOp.Constant"/> and <see cref="ElementwiseOp.Scalar"/>).</summary>
    public static int Arity(this ElementwiseOp op) => op switch
    {
        ElementwiseOp.Constant or ElementwiseOp.Scalar => 0,
        < ElementwiseOp.Add => 1,
        < ElementwiseOp.MultiplyAdd => 2,
        _ => 3,
    };
}
