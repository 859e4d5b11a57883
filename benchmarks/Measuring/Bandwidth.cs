using System.Diagnostics;
using System.Numerics;

namespace Diffusion.Benchmarks.Measuring;

/// <summary>How fast memory can be read at most: all cores at once, from arrays that no cache holds.</summary>
internal static class Bandwidth
{
    private const int Floats = 1 << 26;

    private static float sink;

    /// <summary>Keeps the sums, so that the loops aren't left out.</summary>
    public static float Sink => sink;

    /// <summary>GB/s by wall time, the best of several runs.</summary>
    public static double GigabytesPerSecond()
    {
        int threads = Environment.ProcessorCount;
        var values = new float[Floats];
        Array.Fill(values, 1);
        double best = 0;
        for (int i = 0; i < 8; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, part =>
                sink = Sum(values.AsSpan((int)((long)Floats * part / threads), Floats / threads)));
            best = Math.Max(best, sizeof(float) * (double)Floats / Stopwatch.GetElapsedTime(start).TotalNanoseconds);
        }
        return best;
    }

    private static float Sum(ReadOnlySpan<float> values)
    {
        Vector<float> a = default, b = default, c = default, d = default;
        for (int step = 4 * Vector<float>.Count; values.Length >= step; values = values[step..])
        {
            a += new Vector<float>(values);
            b += new Vector<float>(values[Vector<float>.Count..]);
            c += new Vector<float>(values[(2 * Vector<float>.Count)..]);
            d += new Vector<float>(values[(3 * Vector<float>.Count)..]);
        }
        return Vector.Sum(a + b + c + d);
    }
}
