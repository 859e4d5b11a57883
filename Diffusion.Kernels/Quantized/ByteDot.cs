using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>Products of float32 with int8 as it is stored, widened in registers: for a row or two, where nothing is worth expanding.</summary>
internal static unsafe class ByteDot
{
    /// <summary>Rows up to which it beats expanding the weights first.</summary>
    public const int MaxRows = 2;

    /// <summary>Whether the instructions are there.</summary>
    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported;

    /// <summary>Σ x·w over any length.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum(float* x, sbyte* w, nint n)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        nint i = 0;
        for (; i <= n - 32; i += 32)
        {
            a = Fma.MultiplyAdd(Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(w + i)), Vector256.Load(x + i), a);
            b = Fma.MultiplyAdd(Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(w + i + 8)), Vector256.Load(x + i + 8), b);
            c = Fma.MultiplyAdd(Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(w + i + 16)), Vector256.Load(x + i + 16), c);
            d = Fma.MultiplyAdd(Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(w + i + 24)), Vector256.Load(x + i + 24), d);
        }
        float sum = Vector256.Sum(a + b + (c + d));
        for (; i < n; i++)
            sum += x[i] * w[i];
        return sum;
    }
}
