using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Vectors of which only the first few lanes are in memory.</summary>
internal static unsafe class Tail
{
    /// <summary>The first <paramref name="n"/> lanes from memory, 0 in the others.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Vector<float> Load(float* source, nint n)
    {
        var value = Vector<float>.Zero;
        float* lanes = (float*)&value;
        for (nint i = 0; i < n; i++)
            lanes[i] = source[i];
        return value;
    }

    /// <summary>Writes the first <paramref name="n"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Store(float* target, Vector<float> value, nint n)
    {
        float* lanes = (float*)&value;
        for (nint i = 0; i < n; i++)
            target[i] = lanes[i];
    }
}
