using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// 2^x for vectors, within 2.5 ulp: a polynomial of degree 5 in what is left after rounding. Its constants are read from memory, since the JIT would load
/// what it knows to be constant anew in each round of a loop; as a local of that loop's method they stay in registers.
/// </summary>
internal readonly unsafe struct PowerOfTwo
{
    private readonly Vector256<float> magic;
    private readonly Vector256<float> c0;
    private readonly Vector256<float> c1;
    private readonly Vector256<float> c2;
    private readonly Vector256<float> c3;
    private readonly Vector256<float> c4;
    private readonly Vector256<float> c5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private PowerOfTwo(float* constants)
    {
        magic = Vector256.Create(constants[0]);
        c5 = Vector256.Create(constants[1]);
        c4 = Vector256.Create(constants[2]);
        c3 = Vector256.Create(constants[3]);
        c2 = Vector256.Create(constants[4]);
        c1 = Vector256.Create(constants[5]);
        c0 = Vector256.Create(constants[6]);
    }

    // Adding 1.5·2^23 rounds to an integer and leaves it in the low bits. Then the polynomial, the highest power first: of all that give 1 at 0 the one
    // with the least relative error, 9.1e-8 (Remez's exchange).
    internal static ReadOnlySpan<float> Constants => [12582912f, 1.32647272e-3f, 9.67151264e-3f, 5.55073374e-2f, 2.40222421e-1f, 6.93146978e-1f, 1f];

    /// <summary>The constants, in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PowerOfTwo Load() => new((float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Constants)));

    /// <summary>2^x for x from −126 to 127; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Of(Vector256<float> x)
    {
        var shifted = x + magic;
        var r = x - (shifted - magic);
        var p = Vector256.MultiplyAddEstimate(c5, r, c4);
        p = Vector256.MultiplyAddEstimate(p, r, c3);
        p = Vector256.MultiplyAddEstimate(p, r, c2);
        p = Vector256.MultiplyAddEstimate(p, r, c1);
        p = Vector256.MultiplyAddEstimate(p, r, c0);
        return (p.AsInt32() + Vector256.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();
    }

    /// <summary>2^x for x ≤ 0; 0 below 2^−126; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> OrZero(Vector256<float> x)
    {
        var least = Vector256.Create(-126f);
        var hidden = Vector256.LessThan(x, least);
        return Vector256.AndNot(Of(Vector256.ConditionalSelect(hidden, least, x)), hidden);
    }
}
