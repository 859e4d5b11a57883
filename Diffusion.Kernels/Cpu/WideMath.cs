using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The activations of networks on vectors of 512 bits, which <see cref="VectorMath"/>'s vectors don't grow to: the same arithmetic in the same order,
/// so the same results as with fused multiply-adds there.
/// </summary>
internal static class WideMath
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Fma(Vector512<float> x, Vector512<float> y, float z) => Vector512.MultiplyAddEstimate(x, y, Vector512.Create(z));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Doublings(Vector512<float> x) => Fma(x, Vector512.Create(1.44269504f), 12582912f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Remainder(Vector512<float> x, Vector512<float> shifted)
    {
        var n = shifted - Vector512.Create(12582912f);
        var r = Vector512.MultiplyAddEstimate(n, Vector512.Create(-0.693115234375f), x);
        r = Vector512.MultiplyAddEstimate(n, Vector512.Create(-3.19461849453e-5f), r);
        var p = Fma(Vector512.Create(0.00139269266f), r, 0.00836377387f);
        p = Fma(p, r, 0.0416665501f);
        p = Fma(p, r, 0.166665734f);
        p = Fma(p, r, 0.5f);
        return Vector512.MultiplyAddEstimate(p * r, r, r) + Vector512<float>.One;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> OnePlusExp(Vector512<float> x)
    {
        var bounded = Vector512.MinNative(Vector512.MaxNative(x, Vector512.Create(-87f)), Vector512.Create(89f));
        var shifted = Doublings(bounded);
        var power = Vector512.ShiftLeft(shifted.AsInt32() - Vector512.Create(0x4B400000 - 127), 23);
        return Fma(Remainder(bounded, shifted), power.AsSingle(), 1f);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> HalfExp(Vector512<float> x)
    {
        var shifted = Doublings(x);
        return Remainder(x, shifted) * Vector512.ShiftLeft(shifted.AsInt32() - Vector512.Create(0x4B400000 - 126), 23).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ScaledErfc(Vector512<float> t)
    {
        var u = Vector512<float>.One / Fma(t, Vector512.Create(0.49f), 1f);
        var p = Fma(Vector512.Create(-0.0584766716f), u, 0.295846581f);
        p = Fma(p, u, -0.545360327f);
        p = Fma(p, u, 0.371037692f);
        p = Fma(p, u, -0.0752612129f);
        p = Fma(p, u, 0.223368764f);
        p = Fma(p, u, 0.235183254f);
        p = Fma(p, u, 0.277242035f);
        return Fma(p, u, 0.276419848f) * u;
    }

    /// <summary><see cref="VectorMath.Gelu"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Gelu(Vector512<float> x)
    {
        var z = Vector512.MinNative(Vector512.MaxNative(x * Vector512.Create(0.707106781f), Vector512.Create(-9.3f)), Vector512.Create(9.3f));
        var t = Vector512.Abs(z);
        var tail = ScaledErfc(t) * HalfExp(-(t * t));
        var phi = Vector512.ConditionalSelect(Vector512.LessThan(z, Vector512<float>.Zero), tail, Vector512<float>.One - tail);
        return Vector512.ConditionalSelect(Vector512.Equals(x, x), x * phi, x);
    }

    /// <summary><see cref="VectorMath.Silu"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Silu(Vector512<float> x) => x / OnePlusExp(-x);

    /// <summary><see cref="VectorMath.GeluTanh"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> GeluTanh(Vector512<float> x)
    {
        var inner = Fma(x * x, Vector512.Create(0.0713548163f), 1.59576912f) * x;
        return x / OnePlusExp(-inner);
    }

    /// <summary><see cref="VectorMath.QuickGelu"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> QuickGelu(Vector512<float> x) => x / OnePlusExp(x * Vector512.Create(-1.702f));
}
