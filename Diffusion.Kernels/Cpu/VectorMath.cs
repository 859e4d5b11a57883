using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Elementary functions on hardware vectors of float32. The polynomials are Chebyshev fits of this project; the error bounds
/// (units in the last place against float64) are checked by the tests. NaN gives NaN everywhere.
/// </summary>
internal static class VectorMath
{
    /// <summary>x·y+z, with one rounding where the hardware has it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Fma(Vector<float> x, Vector<float> y, Vector<float> z) => Vector.MultiplyAddEstimate(x, y, z);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Fma(Vector<float> x, Vector<float> y, float z) => Vector.MultiplyAddEstimate(x, y, new Vector<float>(z));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<double> Fma(Vector<double> x, Vector<double> y, double z) => Vector.MultiplyAddEstimate(x, y, new Vector<double>(z));

    /// <summary>|x| with x's bits, so that −0 gives 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Abs(Vector<float> x) => Vector.AsVectorSingle(Vector.AsVectorInt32(x) & new Vector<int>(0x7fffffff));

    /// <summary>|x| with the sign of <paramref name="sign"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> CopySign(Vector<float> x, Vector<float> sign) => Vector.AsVectorSingle(
        (Vector.AsVectorInt32(x) & new Vector<int>(0x7fffffff)) | (Vector.AsVectorInt32(sign) & new Vector<int>(int.MinValue)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> KeepNaN(Vector<float> x, Vector<float> value) => Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.Equals(x, x)), value, x);

    /// <summary>n + 1.5·2^23, where e^x is about 2^n: the addition rounds n to an integer and leaves it in the low bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Doublings(Vector<float> x) => Fma(x, new Vector<float>(1.44269504f), 12582912f);

    /// <summary>e^x·2^−n for the n of <see cref="Doublings"/>: from √½ to √2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Remainder(Vector<float> x, Vector<float> shifted)
    {
        var n = shifted - new Vector<float>(12582912f);
        var r = Fma(n, new Vector<float>(-0.693115234375f), x);
        r = Fma(n, new Vector<float>(-3.19461849453e-5f), r);
        var p = Fma(new Vector<float>(0.00139269266f), r, 0.00836377387f);
        p = Fma(p, r, 0.0416665501f);
        p = Fma(p, r, 0.166665734f);
        p = Fma(p, r, 0.5f);
        return Fma(p * r, r, r) + Vector<float>.One;
    }

    /// <summary>e^x within 2 ulp; denormal results too, 0 and ∞ beyond.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        var bounded = Vector.MinNative(Vector.MaxNative(x, new Vector<float>(-105f)), new Vector<float>(89f));
        var shifted = Doublings(bounded);
        var p = Remainder(bounded, shifted);
        // 2^n in two factors, since n may lie outside float32's exponents.
        var power = Vector.AsVectorInt32(shifted) - new Vector<int>(0x4B400000);
        var half = Vector.ShiftRightArithmetic(power, 1);
        var first = Vector.ShiftLeft(half + new Vector<int>(127), 23);
        var second = Vector.ShiftLeft(power - half + new Vector<int>(127), 23);
        return KeepNaN(x, p * Vector.AsVectorSingle(first) * Vector.AsVectorSingle(second));
    }

    /// <summary>
    /// 1+e^x within 2 ulp, ∞ beyond: what sigmoids divide by. Cheaper than <c>Exp</c>, since results below 2^−24 don't show;
    /// NaN gives any number.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> OnePlusExp(Vector<float> x)
    {
        var bounded = Vector.MinNative(Vector.MaxNative(x, new Vector<float>(-87f)), new Vector<float>(89f));
        var shifted = Doublings(bounded);
        var p = Remainder(bounded, shifted);
        // An exponent of 128 makes ∞.
        var power = Vector.ShiftLeft(Vector.AsVectorInt32(shifted) - new Vector<int>(0x4B400000 - 127), 23);
        return Fma(p, Vector.AsVectorSingle(power), 1f);
    }

    /// <summary>Natural logarithm within 2 ulp; −∞ at 0, NaN below.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Log(Vector<float> x)
    {
        var tiny = Vector.LessThan(x, new Vector<float>(1.17549435e-38f));
        var scaled = Vector.ConditionalSelect(Vector.AsVectorSingle(tiny), x * new Vector<float>(8388608f), x);
        // Choose the exponent so that the mantissa lies in √½ … √2.
        var bits = Vector.AsVectorInt32(scaled);
        var exponent = Vector.ShiftRightArithmetic(bits - new Vector<int>(0x3F3504F3), 23);
        var f = Vector.AsVectorSingle(bits - Vector.ShiftLeft(exponent, 23)) - Vector<float>.One;
        var e = Vector.ConvertToSingle(exponent) - (Vector.AsVectorSingle(tiny & Vector.AsVectorInt32(new Vector<float>(23f))));
        var p = Fma(new Vector<float>(0.0697161147f), f, -0.114797338f);
        p = Fma(p, f, 0.116854199f);
        p = Fma(p, f, -0.124256873f);
        p = Fma(p, f, 0.142490576f);
        p = Fma(p, f, -0.166678023f);
        p = Fma(p, f, 0.200007157f);
        p = Fma(p, f, -0.24999997f);
        p = Fma(p, f, 0.333333312f);
        var square = f * f;
        var tail = Fma(p * f, square, e * new Vector<float>(3.19461849453e-5f));
        tail = Fma(square, new Vector<float>(-0.5f), tail);
        var result = Fma(e, new Vector<float>(0.693115234375f), f + tail);
        var infinity = new Vector<float>(float.PositiveInfinity);
        result = Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.Equals(x, infinity)), infinity, result);
        result = Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.Equals(x, Vector<float>.Zero)), -infinity, result);
        var valid = Vector.GreaterThanOrEqual(x, Vector<float>.Zero);
        return Vector.ConditionalSelect(Vector.AsVectorSingle(valid), result, new Vector<float>(float.NaN));
    }

    /// <summary>e^(t²)·erfc(t) for t from 0 to 9.4, relative error about 3e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> ScaledErfc(Vector<float> t)
    {
        var u = Vector<float>.One / Fma(t, new Vector<float>(0.49f), 1f);
        var p = Fma(new Vector<float>(-0.0584766716f), u, 0.295846581f);
        p = Fma(p, u, -0.545360327f);
        p = Fma(p, u, 0.371037692f);
        p = Fma(p, u, -0.0752612129f);
        p = Fma(p, u, 0.223368764f);
        p = Fma(p, u, 0.235183254f);
        p = Fma(p, u, 0.277242035f);
        return Fma(p, u, 0.276419848f) * u;
    }

    /// <summary>erf(x)/x − 1 for |x| up to 0.93, as a function of x².</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> ErfNearZero(Vector<float> s)
    {
        var p = Fma(new Vector<float>(8.31687972e-05f), s, -0.000813044467f);
        p = Fma(p, s, 0.00519998925f);
        p = Fma(p, s, -0.0268589974f);
        p = Fma(p, s, 0.112836887f);
        p = Fma(p, s, -0.376126333f);
        return Fma(p, s, 0.128379167f);
    }

    /// <summary>Gauss error function within 2 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Erf(Vector<float> x)
    {
        var t = Vector.MinNative(Abs(x), new Vector<float>(4f));
        var s = t * t;
        var far = Vector<float>.One - ScaledErfc(t) * Exp(-s);
        var near = Fma(ErfNearZero(s), t, t);
        var value = Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.LessThan(t, new Vector<float>(0.93f))), near, far);
        return KeepNaN(x, CopySign(value, x));
    }

    /// <summary>x·Φ(x), with small relative error also where Φ is tiny.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Gelu(Vector<float> x)
    {
        var z = Vector.MinNative(Vector.MaxNative(x * new Vector<float>(0.707106781f), new Vector<float>(-9.3f)), new Vector<float>(9.3f));
        var t = Abs(z);
        var tail = ScaledErfc(t) * HalfExp(-(t * t));
        var phi = Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.LessThan(z, Vector<float>.Zero)), tail, Vector<float>.One - tail);
        return KeepNaN(x, x * phi);
    }

    /// <summary>½e^x for x from −86.6 to 0 within 2 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> HalfExp(Vector<float> x)
    {
        var shifted = Doublings(x);
        var p = Remainder(x, shifted);
        return p * Vector.AsVectorSingle(Vector.ShiftLeft(Vector.AsVectorInt32(shifted) - new Vector<int>(0x4B400000 - 126), 23));
    }

    /// <summary>Hyperbolic tangent within 3 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Tanh(Vector<float> x)
    {
        var t = Abs(x);
        var far = Vector<float>.One - new Vector<float>(2f) / (Exp(t + t) + Vector<float>.One);
        var s = t * t;
        var p = Fma(new Vector<float>(-0.00609671417f), s, 0.020997179f);
        p = Fma(p, s, -0.0538509096f);
        p = Fma(p, s, 0.133327697f);
        p = Fma(p, s, -0.333333289f);
        var near = Fma(p * s, t, t);
        var value = Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.LessThan(t, new Vector<float>(0.625f))), near, far);
        return KeepNaN(x, CopySign(value, x));
    }

    /// <summary>1/(1+e^−x) within 4 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Sigmoid(Vector<float> x) => Vector<float>.One / (Vector<float>.One + Exp(-x));

    /// <summary>x/(1+e^−x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Silu(Vector<float> x) => x / OnePlusExp(-x);

    /// <summary>½x(1+tanh(√(2/π)(x+0.044715x³))), which equals x·sigmoid of twice the argument.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> GeluTanh(Vector<float> x)
    {
        var inner = Fma(x * x, new Vector<float>(0.0713548163f), 1.59576912f) * x;
        return x / OnePlusExp(-inner);
    }

    /// <summary>x·sigmoid(1.702x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> QuickGelu(Vector<float> x) => x / OnePlusExp(x * new Vector<float>(-1.702f));

    /// <summary>ln(1+e^x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Softplus(Vector<float> x)
    {
        var y = Exp(-Abs(x));
        var u = Vector<float>.One + y;
        // log(1+y) = log(u) + what rounding 1+y has lost, to first order.
        var log = Log(u) + (y - (u - Vector<float>.One)) / u;
        return KeepNaN(x, Vector.MaxNative(x, Vector<float>.Zero) + log);
    }

    /// <summary>x·tanh(ln(1+e^x)); with e = e^x that is x·(e²+2e)/(e²+2e+2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Mish(Vector<float> x)
    {
        var e = Exp(Vector.MinNative(x, new Vector<float>(20f)));
        var n = e * (e + new Vector<float>(2f));
        return KeepNaN(x, x * (n / (n + new Vector<float>(2f))));
    }

    /// <summary>Sine within 1 ulp, by reduction and polynomial in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Sin(Vector<float> x) => SinCos(x, 0);

    /// <summary>Cosine within 1 ulp, by reduction and polynomial in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Cos(Vector<float> x) => SinCos(x, 1);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector<float> SinCos(Vector<float> x, long quarter)
    {
        // Beyond this (and for ∞ and NaN) the two-part π/2 loses digits: lane by lane, exactly.
        if (!Vector.LessThanAll(Abs(x), new Vector<float>(500_000f)))
        {
            Span<float> lanes = stackalloc float[Vector<float>.Count];
            for (int i = 0; i < lanes.Length; i++)
                lanes[i] = (float)(quarter == 0 ? Math.Sin(x[i]) : Math.Cos(x[i]));
            return new Vector<float>(lanes);
        }
        Vector.Widen(x, out var low, out var high);
        var result = Vector.Narrow(SinCos(low, quarter), SinCos(high, quarter));
        // Sine keeps the sign of zero.
        return quarter == 0 ? Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.Equals(x, Vector<float>.Zero)), x, result) : result;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<double> SinCos(Vector<double> x, long quarter)
    {
        var magic = new Vector<double>(6755399441055744.0);
        var shifted = x * new Vector<double>(0.63661977236758134) + magic;
        var n = shifted - magic;
        var r = x - n * new Vector<double>(1.5707963267341256) - n * new Vector<double>(6.0771005063039660e-11);
        var s = r * r;
        var sin = Fma(new Vector<double>(-2.480318338656292e-08), s, 2.7555964316089623e-06);
        sin = Fma(sin, s, -0.00019841266828587379);
        sin = Fma(sin, s, 0.0083333333309878674);
        sin = Fma(sin, s, -0.16666666666663743);
        sin = r + sin * s * r;
        var cos = Fma(new Vector<double>(2.0698846339798877e-09), s, -2.7556350663368756e-07);
        cos = Fma(cos, s, 2.4801585147774786e-05);
        cos = Fma(cos, s, -0.0013888888887212015);
        cos = Fma(cos, s, 0.041666666666664576);
        cos = Vector<double>.One - s * new Vector<double>(0.5) + cos * s * s;
        var quadrant = Vector.AsVectorInt64(shifted) + new Vector<long>(quarter);
        var odd = Vector.Equals(quadrant & Vector<long>.One, Vector<long>.One);
        var sign = Vector.ShiftLeft(quadrant & new Vector<long>(2), 62);
        var value = Vector.ConditionalSelect(Vector.AsVectorDouble(odd), cos, sin);
        return Vector.AsVectorDouble(Vector.AsVectorInt64(value) ^ sign);
    }

    /// <summary>x^y within 1 ulp: vectors of positive finite numbers through float64, anything else lane by lane as C does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector<float> Power(Vector<float> x, Vector<float> y)
    {
        var largest = new Vector<float>(float.MaxValue);
        if (Vector.GreaterThanAll(x, Vector<float>.Zero) && Vector.LessThanOrEqualAll(x, largest) && Vector.LessThanOrEqualAll(Abs(y), largest))
        {
            Vector.Widen(x, out var xl, out var xh);
            Vector.Widen(y, out var yl, out var yh);
            return Vector.Narrow(Exp(yl * Log(xl)), Exp(yh * Log(xh)));
        }
        Span<float> lanes = stackalloc float[Vector<float>.Count];
        for (int i = 0; i < lanes.Length; i++)
            lanes[i] = (float)Math.Pow(x[i], y[i]);
        return new Vector<float>(lanes);
    }

    /// <summary>Natural logarithm of normal positive float64, relative error about 1e-12: 2·artanh of (m−1)/(m+1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<double> Log(Vector<double> x)
    {
        // Choose the exponent so that the mantissa lies in √½ … √2.
        var bits = Vector.AsVectorInt64(x);
        var exponent = Vector.ShiftRightArithmetic(bits - new Vector<long>(0x3FE6A09E667F3BCD), 52);
        var m = Vector.AsVectorDouble(bits - Vector.ShiftLeft(exponent, 52));
        var z = (m - Vector<double>.One) / (m + Vector<double>.One);
        var s = z * z;
        var p = Fma(new Vector<double>(2.0 / 15), s, 2.0 / 13);
        p = Fma(p, s, 2.0 / 11);
        p = Fma(p, s, 2.0 / 9);
        p = Fma(p, s, 2.0 / 7);
        p = Fma(p, s, 2.0 / 5);
        p = Fma(p, s, 2.0 / 3);
        p = Fma(p, s, 2.0);
        return p * z + Vector.ConvertToDouble(exponent) * new Vector<double>(0.69314718055994531);
    }

    /// <summary>e^x in float64 for results within float32's range, relative error about 1e-12; 0 or beyond float32 elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<double> Exp(Vector<double> x)
    {
        var bounded = Vector.Min(Vector.Max(x, new Vector<double>(-200)), new Vector<double>(200));
        var magic = new Vector<double>(6755399441055744.0);
        var shifted = bounded * new Vector<double>(1.4426950408889634) + magic;
        var r = bounded - (shifted - magic) * new Vector<double>(0.69314718055994531);
        var p = Fma(new Vector<double>(1.0 / 3628800), r, 1.0 / 362880);
        p = Fma(p, r, 1.0 / 40320);
        p = Fma(p, r, 1.0 / 5040);
        p = Fma(p, r, 1.0 / 720);
        p = Fma(p, r, 1.0 / 120);
        p = Fma(p, r, 1.0 / 24);
        p = Fma(p, r, 1.0 / 6);
        p = Fma(p, r, 0.5);
        p = Fma(p, r, 1.0);
        p = Fma(p, r, 1.0);
        var power = Vector.ShiftLeft(Vector.AsVectorInt64(shifted) - Vector.AsVectorInt64(magic) + new Vector<long>(1023), 52);
        return p * Vector.AsVectorDouble(power);
    }
}
