using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Weights of a 3×3 convolution, transformed (U = G·g·Gᵀ, in float64, G's rows without their factors) and packed: [element][panel][padded channels][16].
/// </summary>
/// <param name="weights">[O, C, 3, 3].</param>
/// <param name="g">G, row by row: <see cref="Four"/>, <see cref="Six"/> or <see cref="Strided"/>.</param>
internal sealed unsafe class WinogradWeights(Layout weights, ImmutableArray<double> g)
{
    private const int Width = MicroKernel.Width;
    private const int Taps = 9;
    private const int Strip = 64;

    private readonly int edge = g.Length / 3;

    /// <summary>G of F(2×2): the points 0, ±1 and infinity.</summary>
    public static ImmutableArray<double> Four { get; } = [1, 0, 0, 1, 1, 1, 1, -1, 1, 0, 0, 1];

    /// <summary>G of F(4×4): the points 0, ±1, ±2 and infinity.</summary>
    public static ImmutableArray<double> Six { get; } = [1, 0, 0, 1, 1, 1, 1, -1, 1, 1, 2, 4, 1, -2, 4, 0, 0, 1];

    /// <summary>G of F(2×2) with stride 2: 0, 1 and infinity of the outer taps; the middle one, which two elements share.</summary>
    public static ImmutableArray<double> Strided { get; } = [1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0];

    /// <summary>Transformed elements of a tile.</summary>
    public int Elements => edge * edge;

    /// <summary>Channels with padding.</summary>
    public int PaddedChannels { get; } = WinogradTransforms.Pad(weights.Shape[1]);

    /// <summary>Panels of one element.</summary>
    public int Panels { get; } = (weights.Shape[0] + Width - 1) / Width;

    /// <summary>Floats of one panel.</summary>
    public long PanelFloats => (long)PaddedChannels * Width;

    /// <summary>Floats of one element.</summary>
    public long ElementFloats => Panels * PanelFloats;

    /// <summary>The packing of a constant operand.</summary>
    public OperandPacking Packing(WorkerPool pool) =>
        new(1, string.Create(CultureInfo.InvariantCulture, $"winograd{string.Join(',', g)}/{weights}"), Elements * ElementFloats * sizeof(float), (source, target) => Pack(pool, source, target));

    private void Pack(WorkerPool pool, BufferSlice source, BufferSlice target)
    {
        var job = new Job { Owner = this, Source = (byte*)source.Address, Target = (float*)target.Address };
        pool.Run(Panels, Unsafe.AsPointer(ref job), &PackPanel);
    }

    private static void PackPanel(void* state, int panel, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        job.Owner.PackPanel(job.Source, job.Target + panel * job.Owner.PanelFloats, panel);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackPanel(byte* source, float* target, int panel)
    {
        float* scratch = stackalloc float[PanelPacking.ColumnScratch];
        float* taps = stackalloc float[Taps * Strip * Width];
        int channels = weights.Shape[1], size = weights.Type.Size();
        int columns = Math.Min(Width, weights.Shape[0] - panel * Width);
        for (int c = 0; c < PaddedChannels; c += Strip)
        {
            int n = Math.Clamp(channels - c, 0, Strip), padded = Math.Min(Strip, PaddedChannels - c);
            for (int tap = 0; tap < Taps; tap++)
            {
                long offset = (long)panel * Width * weights.Strides[0] + c * weights.Strides[1] + tap / 3 * weights.Strides[2] + tap % 3 * weights.Strides[3];
                float* to = taps + tap * Strip * Width;
                PanelPacking.PackColumns(weights.Type, source + offset * size, weights.Strides[1], weights.Strides[0], n, columns, to, scratch);
                new Span<float>(to + n * Width, (padded - n) * Width).Clear();
            }
            for (int k = 0; k < padded; k++)
                Transform(taps + k * Width, target + (long)(c + k) * Width);
        }
    }

    // The elements of one channel lie megabytes apart, often at multiples of the caches' size, so a line that is written in two
    // goes would be fetched and evicted twice. Each line is written whole, past the caches: it isn't read before all are packed.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Transform(float* taps, float* target)
    {
        int width = Vector<double>.Count, parts = Width / width;
        Vector<double>* d = stackalloc Vector<double>[parts * Taps];
        Vector<double>* t = stackalloc Vector<double>[parts * 6 * 3];
        for (int i = 0; i < Taps; i++)
        {
            for (int part = 0; part < parts; part += 2)
                Vector.Widen(Vector.Load(taps + i * Strip * Width + part * width), out d[i * parts + part], out d[i * parts + part + 1]);
        }
        for (int i = 0; i < edge; i++)
        {
            for (int j = 0; j < 3 * parts; j++)
                t[3 * parts * i + j] = d[j] * g[3 * i] + d[3 * parts + j] * g[3 * i + 1] + d[6 * parts + j] * g[3 * i + 2];
        }
        for (int i = 0; i < Elements; i++)
        {
            var from = t + i / edge * 3 * parts;
            int j = i % edge * 3;
            for (int part = 0; part < parts; part += 2)
            {
                var low = from[part] * g[j] + from[parts + part] * g[j + 1] + from[2 * parts + part] * g[j + 2];
                var high = from[part + 1] * g[j] + from[parts + part + 1] * g[j + 1] + from[2 * parts + part + 1] * g[j + 2];
                Vector.StoreAlignedNonTemporal(Vector.Narrow(low, high), target + i * ElementFloats + part * width);
            }
        }
    }

    private struct Job
    {
        public WinogradWeights Owner;
        public byte* Source;
        public float* Target;
    }
}
