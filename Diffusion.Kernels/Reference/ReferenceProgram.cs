namespace Diffusion.Kernels.Reference;

/// <summary>Elementwise programs on float64.</summary>
internal static class ReferenceProgram
{
    /// <summary>Runs a program; the first registers hold the inputs.</summary>
    public static double Evaluate(ElementwiseProgram program, Span<double> registers, ReadOnlySpan<double> scalars)
    {
        for (int i = 0; i < program.Code.Length; i++)
        {
            var (op, a, b, c, immediate) = program.Code[i];
            int arity = op.Arity();
            registers[program.InputCount + i] = op switch
            {
                ElementwiseOp.Constant => immediate,
                ElementwiseOp.Scalar => scalars[a],
                _ => Apply(op, registers[a], arity > 1 ? registers[b] : 0, arity > 2 ? registers[c] : 0),
            };
        }
        return registers[program.RegisterCount - 1];
    }

    /// <summary>One operation.</summary>
    public static double Apply(ElementwiseOp op, double a, double b, double c) => op switch
    {
        ElementwiseOp.Copy => a,
        ElementwiseOp.Negate => -a,
        ElementwiseOp.Abs => Math.Abs(a),
        ElementwiseOp.Sign => double.IsNaN(a) ? a : Math.Sign(a),
        ElementwiseOp.Exp => Math.Exp(a),
        ElementwiseOp.Log => Math.Log(a),
        ElementwiseOp.Sqrt => Math.Sqrt(a),
        ElementwiseOp.ReciprocalSqrt => 1 / Math.Sqrt(a),
        ElementwiseOp.Reciprocal => 1 / a,
        ElementwiseOp.Square => a * a,
        ElementwiseOp.Sin => Math.Sin(a),
        ElementwiseOp.Cos => Math.Cos(a),
        ElementwiseOp.Tanh => Math.Tanh(a),
        ElementwiseOp.Erf => Erf(a),
        ElementwiseOp.Sigmoid => 1 / (1 + Math.Exp(-a)),
        ElementwiseOp.Silu => a / (1 + Math.Exp(-a)),
        ElementwiseOp.Relu => Math.Max(a, 0),
        ElementwiseOp.Gelu => a * 0.5 * Erfc(-a * Math.Sqrt(0.5)),
        ElementwiseOp.GeluTanh => 0.5 * a * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (a + 0.044715 * a * a * a))),
        ElementwiseOp.QuickGelu => a / (1 + Math.Exp(-1.702 * a)),
        ElementwiseOp.Mish => a * Math.Tanh(Softplus(a)),
        ElementwiseOp.Softplus => Softplus(a),
        ElementwiseOp.Floor => Math.Floor(a),
        ElementwiseOp.Ceiling => Math.Ceiling(a),
        ElementwiseOp.Round => Math.Round(a, MidpointRounding.ToEven),
        ElementwiseOp.Add => a + b,
        ElementwiseOp.Subtract => a - b,
        ElementwiseOp.Multiply => a * b,
        ElementwiseOp.Divide => a / b,
        ElementwiseOp.Minimum => Math.Min(a, b),
        ElementwiseOp.Maximum => Math.Max(a, b),
        ElementwiseOp.Power => Math.Pow(a, b),
        ElementwiseOp.Less => a < b ? 1 : 0,
        ElementwiseOp.LessOrEqual => a <= b ? 1 : 0,
        ElementwiseOp.Equal => a == b ? 1 : 0,
        ElementwiseOp.MultiplyAdd => a * b + c,
        ElementwiseOp.Select => a != 0 ? b : c,
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "Reference: not an elementwise operation."),
    };

    /// <summary>ln(1+y) for y = e^−|a|, where a direct sum would lose small y.</summary>
    private static double Softplus(double a)
    {
        double y = Math.Exp(-Math.Abs(a));
        double u = 1 + y;
        double log1p = u == 1 ? y : Math.Log(u) * y / (u - 1);
        return Math.Max(a, 0) + log1p;
    }

    /// <summary>Gauss error function: power series near 0, else by <see cref="Erfc"/>.</summary>
    public static double Erf(double x)
    {
        if (double.IsNaN(x))
            return x;
        if (Math.Abs(x) > 2)
            return x > 0 ? 1 - Erfc(x) : Erfc(-x) - 1;
        // erf x = 2/√π · e^(−x²) · Σ 2^n x^(2n+1) / (1·3·…·(2n+1)): all terms have one sign.
        double term = x, sum = x;
        for (int n = 1; n < 200 && Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
        {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>1 − erf, by continued fraction where that would cancel.</summary>
    public static double Erfc(double x)
    {
        if (double.IsNaN(x) || x < 2)
            return 1 - Erf(x);
        if (x > 30)
            return 0;
        // e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 1½/(x + …)))), from the far end.
        double fraction = x;
        for (int k = 120; k >= 1; k--)
            fraction = x + 0.5 * k / fraction;
        return Math.Exp(-x * x) / (Math.Sqrt(Math.PI) * fraction);
    }
}
