using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>One operation on vectors; a struct, so that the compiler makes one inlined loop for each.</summary>
internal interface ITileOp
{
    static abstract Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c);
}

/// <summary>The loops of the tile interpreter: target[i] = op(a[i], b[i], c[i]). The target may be one of the operands.</summary>
internal static unsafe class CpuTileOps
{
    /// <summary>The loop for an operation that isn't a constant or scalar. Compiled when first run.</summary>
    public static delegate*<float*, float*, float*, float*, nint, void> Loop(ElementwiseOp op)
    {
        var wide = MicroKernel.IsWide ? CpuWideOps.Loop(op) : null;
        return wide == null ? NarrowLoop(op) : wide;
    }

    /// <summary>The loop over vectors of the size that .NET prefers, 256 bits at most.</summary>
    public static delegate*<float*, float*, float*, float*, nint, void> NarrowLoop(ElementwiseOp op) => op switch
    {
        ElementwiseOp.Copy => &Unary<Copy>,
        ElementwiseOp.Negate => &Unary<Negate>,
        ElementwiseOp.Abs => &Unary<Abs>,
        ElementwiseOp.Sign => &Unary<Sign>,
        ElementwiseOp.Exp => &Unary<Exp>,
        ElementwiseOp.Log => &Unary<Log>,
        ElementwiseOp.Sqrt => &Unary<Sqrt>,
        ElementwiseOp.ReciprocalSqrt => &Unary<ReciprocalSqrt>,
        ElementwiseOp.Reciprocal => &Unary<Reciprocal>,
        ElementwiseOp.Square => &Unary<Square>,
        ElementwiseOp.Sin => &Unary<Sin>,
        ElementwiseOp.Cos => &Unary<Cos>,
        ElementwiseOp.Tanh => &Unary<Tanh>,
        ElementwiseOp.Erf => &Unary<Erf>,
        ElementwiseOp.Sigmoid => &Unary<Sigmoid>,
        ElementwiseOp.Silu => &Unary<Silu>,
        ElementwiseOp.Relu => &Unary<Relu>,
        ElementwiseOp.Gelu => &Unary<Gelu>,
        ElementwiseOp.GeluTanh => &Unary<GeluTanh>,
        ElementwiseOp.QuickGelu => &Unary<QuickGelu>,
        ElementwiseOp.Mish => &Unary<Mish>,
        ElementwiseOp.Softplus => &Unary<Softplus>,
        ElementwiseOp.Floor => &Unary<Floor>,
        ElementwiseOp.Ceiling => &Unary<Ceiling>,
        ElementwiseOp.Round => &Unary<Round>,
        ElementwiseOp.Add => &Binary<Add>,
        ElementwiseOp.Subtract => &Binary<Subtract>,
        ElementwiseOp.Multiply => &Binary<Multiply>,
        ElementwiseOp.Divide => &Binary<Divide>,
        ElementwiseOp.Minimum => &Binary<Minimum>,
        ElementwiseOp.Maximum => &Binary<Maximum>,
        ElementwiseOp.Power => &Binary<Power>,
        ElementwiseOp.Less => &Binary<Less>,
        ElementwiseOp.LessOrEqual => &Binary<LessOrEqual>,
        ElementwiseOp.Equal => &Binary<Equal>,
        ElementwiseOp.MultiplyAdd => &Ternary<MultiplyAdd>,
        ElementwiseOp.Select => &Ternary<Select>,
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "Elementwise: not an operation with operands."),
    };

    /// <summary>
    /// The loop target[row, i] = values[row, i]·op(gates[row, i]) for a unary operation: target and its row's length, values, gates, their row's length,
    /// rows, columns. Compiled when first run.
    /// </summary>
    public static delegate*<float*, nint, float*, float*, nint, nint, nint, void> Gate(ElementwiseOp op)
    {
        var wide = MicroKernel.IsWide ? CpuWideOps.Gate(op) : null;
        return wide == null ? NarrowGate(op) : wide;
    }

    /// <summary>As <see cref="NarrowLoop"/>.</summary>
    public static delegate*<float*, nint, float*, float*, nint, nint, nint, void> NarrowGate(ElementwiseOp op) => op switch
    {
        ElementwiseOp.Copy => &Gated<Copy>,
        ElementwiseOp.Negate => &Gated<Negate>,
        ElementwiseOp.Abs => &Gated<Abs>,
        ElementwiseOp.Sign => &Gated<Sign>,
        ElementwiseOp.Exp => &Gated<Exp>,
        ElementwiseOp.Log => &Gated<Log>,
        ElementwiseOp.Sqrt => &Gated<Sqrt>,
        ElementwiseOp.ReciprocalSqrt => &Gated<ReciprocalSqrt>,
        ElementwiseOp.Reciprocal => &Gated<Reciprocal>,
        ElementwiseOp.Square => &Gated<Square>,
        ElementwiseOp.Sin => &Gated<Sin>,
        ElementwiseOp.Cos => &Gated<Cos>,
        ElementwiseOp.Tanh => &Gated<Tanh>,
        ElementwiseOp.Erf => &Gated<Erf>,
        ElementwiseOp.Sigmoid => &Gated<Sigmoid>,
        ElementwiseOp.Silu => &Gated<Silu>,
        ElementwiseOp.Relu => &Gated<Relu>,
        ElementwiseOp.Gelu => &Gated<Gelu>,
        ElementwiseOp.GeluTanh => &Gated<GeluTanh>,
        ElementwiseOp.QuickGelu => &Gated<QuickGelu>,
        ElementwiseOp.Mish => &Gated<Mish>,
        ElementwiseOp.Softplus => &Gated<Softplus>,
        ElementwiseOp.Floor => &Gated<Floor>,
        ElementwiseOp.Ceiling => &Gated<Ceiling>,
        ElementwiseOp.Round => &Gated<Round>,
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "Elementwise: not an operation with one operand."),
    };

    /// <summary>target[0 … n) = value.</summary>
    public static void Fill(float* target, float value, nint n) => new Span<float>(target, (int)n).Fill(value);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Unary<TOp>(float* target, float* a, float* b, float* c, nint n)
        where TOp : struct, ITileOp
    {
        nint i = 0;
        for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
            Vector.Store(TOp.Apply(Vector.Load(a + i), default, default), target + i);
        if (i < n)
            Tail.Store(target + i, TOp.Apply(Tail.Load(a + i, n - i), default, default), n - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gated<TOp>(float* target, nint targetStride, float* values, float* gates, nint stride, nint rows, nint columns)
        where TOp : struct, ITileOp
    {
        for (nint row = 0; row < rows; row++, target += targetStride, values += stride, gates += stride)
        {
            nint i = 0;
            for (; i <= columns - Vector<float>.Count; i += Vector<float>.Count)
                Vector.Store(Vector.Load(values + i) * TOp.Apply(Vector.Load(gates + i), default, default), target + i);
            if (i < columns)
                Tail.Store(target + i, Tail.Load(values + i, columns - i) * TOp.Apply(Tail.Load(gates + i, columns - i), default, default), columns - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Binary<TOp>(float* target, float* a, float* b, float* c, nint n)
        where TOp : struct, ITileOp
    {
        nint i = 0;
        for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
            Vector.Store(TOp.Apply(Vector.Load(a + i), Vector.Load(b + i), default), target + i);
        if (i < n)
            Tail.Store(target + i, TOp.Apply(Tail.Load(a + i, n - i), Tail.Load(b + i, n - i), default), n - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Ternary<TOp>(float* target, float* a, float* b, float* c, nint n)
        where TOp : struct, ITileOp
    {
        nint i = 0;
        for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
            Vector.Store(TOp.Apply(Vector.Load(a + i), Vector.Load(b + i), Vector.Load(c + i)), target + i);
        if (i < n)
            Tail.Store(target + i, TOp.Apply(Tail.Load(a + i, n - i), Tail.Load(b + i, n - i), Tail.Load(c + i, n - i)), n - i);
    }

    private static Vector<float> Truth(Vector<int> mask) => Vector.AsVectorSingle(mask & Vector.AsVectorInt32(Vector<float>.One));

    private readonly struct Copy : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => a;
    }

    private readonly struct Negate : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => -a;
    }

    private readonly struct Abs : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Abs(a);
    }

    private readonly struct Sign : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.Equals(a, a)),
            Truth(Vector.GreaterThan(a, Vector<float>.Zero)) - Truth(Vector.LessThan(a, Vector<float>.Zero)), a);
    }

    private readonly struct Exp : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Exp(a);
    }

    private readonly struct Log : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Log(a);
    }

    private readonly struct Sqrt : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.SquareRoot(a);
    }

    private readonly struct ReciprocalSqrt : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector<float>.One / Vector.SquareRoot(a);
    }

    private readonly struct Reciprocal : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector<float>.One / a;
    }

    private readonly struct Square : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => a * a;
    }

    private readonly struct Sin : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Sin(a);
    }

    private readonly struct Cos : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Cos(a);
    }

    private readonly struct Tanh : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Tanh(a);
    }

    private readonly struct Erf : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Erf(a);
    }

    private readonly struct Sigmoid : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Sigmoid(a);
    }

    private readonly struct Silu : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Silu(a);
    }

    private readonly struct Relu : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.Max(a, Vector<float>.Zero);
    }

    private readonly struct Gelu : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Gelu(a);
    }

    private readonly struct GeluTanh : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.GeluTanh(a);
    }

    private readonly struct QuickGelu : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.QuickGelu(a);
    }

    private readonly struct Mish : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Mish(a);
    }

    private readonly struct Softplus : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Softplus(a);
    }

    private readonly struct Floor : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.Floor(a);
    }

    private readonly struct Ceiling : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.Ceiling(a);
    }

    private readonly struct Round : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.Round(a);
    }

    private readonly struct Add : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => a + b;
    }

    private readonly struct Subtract : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => a - b;
    }

    private readonly struct Multiply : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => a * b;
    }

    private readonly struct Divide : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => a / b;
    }

    private readonly struct Minimum : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.Min(a, b);
    }

    private readonly struct Maximum : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.Max(a, b);
    }

    private readonly struct Power : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Power(a, b);
    }

    private readonly struct Less : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Truth(Vector.LessThan(a, b));
    }

    private readonly struct LessOrEqual : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Truth(Vector.LessThanOrEqual(a, b));
    }

    private readonly struct Equal : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Truth(Vector.Equals(a, b));
    }

    private readonly struct MultiplyAdd : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => VectorMath.Fma(a, b, c);
    }

    private readonly struct Select : ITileOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Apply(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.Equals(a, Vector<float>.Zero)), c, b);
    }
}
