using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Benchmarks.Measuring;

/// <summary>What the processor can do at most: fused multiply-adds in registers.</summary>
internal static class Peak
{
    private const int Rounds = 200_000;

    private static float sink;

    /// <summary>The operations of <see cref="Once"/>.</summary>
    public static double Operations => Rounds / 10 * 12.0 * 2 * Vector256<float>.Count;

    /// <summary>A short run of the loop.</summary>
    public static void Once() => Loop(Rounds / 10);

    /// <summary>GFLOP/s of one core, a second of processor time.</summary>
    public static double GigaflopsPerCore()
    {
        Loop(Rounds);
        double best = 0;
        for (int i = 0; i < 20; i++)
        {
            var time = Clock.Of(() => Loop(Rounds * 10));
            best = Math.Max(best, Rounds * 10 * 12.0 * 2 * Vector256<float>.Count / Math.Max(time.Processor, 1e-3) / 1e6);
        }
        return best;
    }

    // Twelve chains hide the latency. Nothing is called while they live: the compiler would spill them all.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Loop(int rounds)
    {
        var x = Vector256.Create(1.0000001f);
        var y = Vector256.Create(1e-9f);
        Vector256<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (int n = 0; n < rounds; n++)
        {
            a = Vector256.FusedMultiplyAdd(a, x, y);
            b = Vector256.FusedMultiplyAdd(b, x, y);
            c = Vector256.FusedMultiplyAdd(c, x, y);
            d = Vector256.FusedMultiplyAdd(d, x, y);
            e = Vector256.FusedMultiplyAdd(e, x, y);
            f = Vector256.FusedMultiplyAdd(f, x, y);
            g = Vector256.FusedMultiplyAdd(g, x, y);
            h = Vector256.FusedMultiplyAdd(h, x, y);
            i = Vector256.FusedMultiplyAdd(i, x, y);
            j = Vector256.FusedMultiplyAdd(j, x, y);
            k = Vector256.FusedMultiplyAdd(k, x, y);
            l = Vector256.FusedMultiplyAdd(l, x, y);
        }
        sink = (a + b + c + d + e + f + g + h + i + j + k + l).ToScalar();
    }

    /// <summary>Keeps the loop's result, so that it isn't left out.</summary>
    public static float Sink => sink;
}
