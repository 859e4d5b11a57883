using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary><see cref="PowerOfTwo"/> for vectors of 512 bits: the same arithmetic.</summary>
internal readonly unsafe struct PowerOfTwoWide
{
    private readonly Vector512<float> magic;
    private readonly Vector512<float> c0;
    private readonly Vector512<float> c1;
    private readonly Vector512<float> c2;
    private readonly Vector512<float> c3;
    private readonly Vector512<float> c4;
    private readonly Vector512<float> c5;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private PowerOfTwoWide(float* constants)
    {
        magic = Vector512.Create(constants[0]);
        c5 = Vector512.Create(constants[1]);
        c4 = Vector512.Create(constants[2]);
        c3 = Vector512.Create(constants[3]);
        c2 = Vector512.Create(constants[4]);
        c1 = Vector512.Create(constants[5]);
        c0 = Vector512.Create(constants[6]);
    }

    /// <summary>The constants, in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PowerOfTwoWide Load() => new((float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(PowerOfTwo.Constants)));

    /// <summary>2^x for x from −126 to 127; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Of(Vector512<float> x)
    {
        var shifted = x + magic;
        var r = x - (shifted - magic);
        var p = Vector512.MultiplyAddEstimate(c5, r, c4);
        p = Vector512.MultiplyAddEstimate(p, r, c3);
        p = Vector512.MultiplyAddEstimate(p, r, c2);
        p = Vector512.MultiplyAddEstimate(p, r, c1);
        p = Vector512.MultiplyAddEstimate(p, r, c0);
        return (p.AsInt32() + Vector512.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();
    }
}
