using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Tiles combined element by element.</summary>
internal static unsafe class CpuTiles
{
    /// <summary>target = values when first, else target combined with values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Combine(ReductionKind kind, float* target, float* values, int n, bool first)
    {
        if (first)
        {
            Buffer.MemoryCopy(values, target, (long)n * sizeof(float), (long)n * sizeof(float));
            return;
        }
        int i = 0;
        switch (kind)
        {
            case ReductionKind.Maximum:
                for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
                    Vector.Store(Vector.Max(Vector.Load(target + i), Vector.Load(values + i)), target + i);
                for (; i < n; i++)
                    target[i] = MathF.Max(target[i], values[i]);
                break;
            case ReductionKind.Minimum:
                for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
                    Vector.Store(Vector.Min(Vector.Load(target + i), Vector.Load(values + i)), target + i);
                for (; i < n; i++)
                    target[i] = MathF.Min(target[i], values[i]);
                break;
            default:
                for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
                    Vector.Store(Vector.Load(target + i) + Vector.Load(values + i), target + i);
                for (; i < n; i++)
                    target[i] += values[i];
                break;
        }
    }
}
