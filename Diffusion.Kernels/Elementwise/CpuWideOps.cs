using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// The loops of <see cref="CpuTileOps"/> over vectors of 512 bits, for those operations that networks spend time in: long chains of arithmetic, of which
/// a core has more elements in flight this way. Results are the same to the bit.
/// </summary>
internal static unsafe class CpuWideOps
{
    private interface IWideOp
    {
        static abstract Vector512<float> Apply(Vector512<float> x);
    }

    /// <summary>The loop for an operation, or null: see <see cref="CpuTileOps.Loop"/>.</summary>
    public static delegate*<float*, float*, float*, float*, nint, void> Loop(ElementwiseOp op) => op switch
    {
        ElementwiseOp.Silu => &Unary<Silu>,
        ElementwiseOp.Gelu => &Unary<Gelu>,
        ElementwiseOp.GeluTanh => &Unary<GeluTanh>,
        ElementwiseOp.QuickGelu => &Unary<QuickGelu>,
        _ => null,
    };

    /// <summary>The loop for a gate, or null: see <see cref="CpuTileOps.Gate"/>.</summary>
    public static delegate*<float*, nint, float*, float*, nint, nint, nint, void> Gate(ElementwiseOp op) => op switch
    {
        ElementwiseOp.Silu => &Gated<Silu>,
        ElementwiseOp.Gelu => &Gated<Gelu>,
        ElementwiseOp.GeluTanh => &Gated<GeluTanh>,
        ElementwiseOp.QuickGelu => &Gated<QuickGelu>,
        _ => null,
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Unary<TOp>(float* target, float* a, float* b, float* c, nint n)
        where TOp : struct, IWideOp
    {
        nint i = 0;
        for (; i <= n - 16; i += 16)
            TOp.Apply(Vector512.Load(a + i)).Store(target + i);
        if (i == n)
            return;
        float* rest = stackalloc float[16];
        uint bytes = (uint)(n - i) * sizeof(float);
        Vector512<float>.Zero.Store(rest);
        Unsafe.CopyBlockUnaligned(rest, a + i, bytes);
        TOp.Apply(Vector512.Load(rest)).Store(rest);
        Unsafe.CopyBlockUnaligned(target + i, rest, bytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gated<TOp>(float* target, nint targetStride, float* values, float* gates, nint stride, nint rows, nint columns)
        where TOp : struct, IWideOp
    {
        float* rest = stackalloc float[32];
        Vector512<float>.Zero.Store(rest);
        Vector512<float>.Zero.Store(rest + 16);
        for (nint row = 0; row < rows; row++, target += targetStride, values += stride, gates += stride)
        {
            nint i = 0;
            for (; i <= columns - 16; i += 16)
                (Vector512.Load(values + i) * TOp.Apply(Vector512.Load(gates + i))).Store(target + i);
            if (i == columns)
                continue;
            uint bytes = (uint)(columns - i) * sizeof(float);
            Unsafe.CopyBlockUnaligned(rest, values + i, bytes);
            Unsafe.CopyBlockUnaligned(rest + 16, gates + i, bytes);
            (Vector512.Load(rest) * TOp.Apply(Vector512.Load(rest + 16))).Store(rest);
            Unsafe.CopyBlockUnaligned(target + i, rest, bytes);
        }
    }

    private readonly struct Silu : IWideOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> x) => WideMath.Silu(x);
    }

    private readonly struct Gelu : IWideOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> x) => WideMath.Gelu(x);
    }

    private readonly struct GeluTanh : IWideOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> x) => WideMath.GeluTanh(x);
    }

    private readonly struct QuickGelu : IWideOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> x) => WideMath.QuickGelu(x);
    }
}
