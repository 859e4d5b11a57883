using ILGPU;
using ILGPU.Algorithms;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// Functions inside kernels, the same on OpenCL and CUDA. What the two compile differently or inexactly (erf, tanh, sine, 16-bit
/// floats) is written out here. No inline PTX: what it returns passes through local memory; and no ILGPU.Half, which most OpenCL devices refuse.
/// </summary>
internal static class DeviceMath
{
    /// <summary>IEEE binary16 to binary32, exactly.</summary>
    public static float FromHalf(ushort half)
    {
        uint bits = half & 0xffffu, sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
        if (magnitude >= 0x7c00u)
            return Interop.IntAsFloat(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
        if (magnitude >= 0x400u)
            return Interop.IntAsFloat(sign | ((magnitude << 13) + 0x38000000u));
        float small = (int)magnitude * 5.9604644775390625e-8f;
        return sign != 0 ? -small : small;
    }

    /// <summary>binary32 to binary16, to nearest even; too large gives infinity.</summary>
    public static ushort ToHalf(float value)
    {
        uint bits = Interop.FloatAsInt(value), sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
        uint result;
        if (magnitude > 0x7f800000u)
        {
            result = 0x7e00u;
        }
        else if (magnitude >= 0x477ff000u)
        {
            result = 0x7c00u;
        }
        else if (magnitude >= 0x38800000u)
        {
            uint odd = (magnitude >> 13) & 1u;
            result = (magnitude - 0x38000000u + 0xfffu + odd) >> 13;
        }
        else if (magnitude < 0x33000000u)
        {
            result = 0;
        }
        else
        {
            // Subnormal: shift the significand, rounding to even what falls out.
            int shift = 126 - (int)(magnitude >> 23);
            uint significand = (magnitude & 0x7fffffu) | 0x800000u;
            uint kept = significand >> shift, rest = significand & ((1u << shift) - 1u), half = 1u << (shift - 1);
            result = kept + (rest > half || (rest == half && (kept & 1u) != 0) ? 1u : 0u);
        }
        return (ushort)((sign | result) & 0xffffu);
    }

    /// <summary>bfloat16 to binary32, exactly.</summary>
    public static float FromBFloat16(ushort value) => Interop.IntAsFloat((value & 0xffffu) << 16);

    /// <summary>binary32 to bfloat16, to nearest even.</summary>
    public static ushort ToBFloat16(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint rounded = (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        return (ushort)(rounded & 0xffffu);
    }

    /// <summary>Whether a value is NaN; by its bits, since compilers may assume that there is none.</summary>
    public static bool IsNaN(float value) => (Interop.FloatAsInt(value) & 0x7fffffffu) > 0x7f800000u;

    /// <summary>The smaller; NaN if either is.</summary>
    public static float Minimum(float a, float b) => IsNaN(a) ? a : IsNaN(b) ? b : a < b ? a : b;

    /// <summary>The larger; NaN if either is.</summary>
    public static float Maximum(float a, float b) => IsNaN(a) ? a : IsNaN(b) ? b : a > b ? a : b;

    /// <summary>To the nearest integer, halves to even. ILGPU's own gives 1 for 1.5 on CUDA.</summary>
    public static float RoundToEven(float x)
    {
        // From here on a float32 is an integer; adding it makes the hardware round the fraction away.
        const float whole = 8388608f;
        float magnitude = XMath.Abs(x);
        if (!(magnitude < whole))
            return x;
        float rounded = magnitude + whole - whole;
        return x < 0 ? -rounded : rounded;
    }

    /// <summary>e^x.</summary>
    public static float Exp(float x) => XMath.Exp(x);

    /// <summary>Natural logarithm by a polynomial (Cephes' logf), to 1e-7 of the value also near 1, where CUDA's own has no digits left.</summary>
    public static float Log(float x)
    {
        if (!(x > 0f) || IsNaN(x))
            return x == 0f ? float.NegativeInfinity : float.NaN;
        if (x == float.PositiveInfinity)
            return x;
        float exponent = 0f;
        if (x < 1.17549435e-38f)
        {
            x *= 8388608f;
            exponent = -23f;
        }
        uint bits = Interop.FloatAsInt(x);
        exponent += (int)(bits >> 23) - 126;
        float m = Interop.IntAsFloat((bits & 0x7fffffu) | 0x3f000000u);
        if (m < 0.70710678f)
        {
            exponent -= 1f;
            m += m;
        }
        m -= 1f;
        float square = m * m;
        float tail = m * square * (3.3333331174e-1f + m * (-2.4999993993e-1f + m * (2.0000714765e-1f + m * (-1.6668057665e-1f
            + m * (1.4249322787e-1f + m * (-1.2420140846e-1f + m * (1.1676998740e-1f + m * (-1.1514610310e-1f + m * 7.0376836292e-2f))))))));
        return m + (tail - 0.5f * square - 2.12194440e-4f * exponent) + 0.693359375f * exponent;
    }

    /// <summary>Hyperbolic tangent by the exponential: CUDA's own has 11 bits.</summary>
    public static float Tanh(float x)
    {
        float magnitude = XMath.Abs(x), square = x * x;
        if (magnitude < 0.25f)
            return x * (1f + square * (-0.33333333f + square * (0.13333333f + square * (-0.053968254f + square * 0.021869488f))));
        float e = XMath.Exp(2f * XMath.Min(magnitude, 20f));
        float result = 1f - 2f / (e + 1f);
        return IsNaN(x) ? x : x < 0 ? -result : result;
    }

    /// <summary>Gauss error function: a series near 0, else Abramowitz and Stegun 7.1.26; absolute error below 3e-7.</summary>
    public static float Erf(float x)
    {
        float magnitude = XMath.Abs(x), square = x * x;
        if (magnitude < 0.5f)
            return x * (1.1283792f + square * (-0.37612638f + square * (0.11283792f + square * (-0.026866171f + square * (0.0052239776f - square * 0.00085483270f)))));
        float t = 1f / (1f + 0.3275911f * magnitude);
        float polynomial = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
        float result = 1f - polynomial * XMath.Exp(-square);
        return IsNaN(x) ? x : x < 0 ? -result : result;
    }

    /// <summary>1/(1+e^−x).</summary>
    public static float Sigmoid(float x)
    {
        // The exponential of a negative number can't overflow.
        float e = XMath.Exp(-XMath.Abs(x));
        return (x >= 0 ? 1f : e) / (1f + e);
    }

    /// <summary>ln(1+e^x) without overflow.</summary>
    public static float Softplus(float x)
    {
        float e = XMath.Exp(-XMath.Abs(x));
        // ln(1+e) loses the digits of a small e.
        float log = e < 1e-3f ? e * (1f - 0.5f * e) : Log(1f + e);
        return XMath.Max(x, 0f) + log;
    }

    /// <summary>Sine, radians; arguments are reduced in three parts, good to 1e-6 up to some ten thousands.</summary>
    public static float Sin(float x) => SinShifted(x, 0);

    /// <summary>Cosine, radians.</summary>
    public static float Cos(float x) => SinShifted(x, 1);

    private static float SinShifted(float x, int quarters)
    {
        float turns = RoundToEven(x * 0.636619772f);
        // π/2 in parts whose products with small integers are exact.
        float r = x - turns * 1.5703125f;
        r -= turns * 0.000483751297f;
        r -= turns * 7.5497899e-8f;
        int quadrant = ((int)turns + quarters) & 3;
        float s = r * r;
        float sine = r + r * s * (-0.16666667f + s * (0.0083333310f + s * (-0.00019840874f + s * 2.7525562e-6f)));
        float cosine = 1f + s * (-0.5f + s * (0.041666666f + s * (-0.0013888889f + s * (2.4801587e-5f - s * 2.7557319e-7f))));
        float value = (quadrant & 1) == 0 ? sine : cosine;
        return (quadrant & 2) == 0 ? value : -value;
    }
}
