using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Weights of a 3×3 convolution as they are, packed [panel][padded channels][9][16] in their storage type if that is 16 bits wide, else
/// as float32: no larger than they are stored. A task transforms (U = G·g·Gᵀ) what it is about to multiply, where it stays in the cache.
/// </summary>
internal sealed unsafe class WinogradTaps(Layout weights, int edge)
{
    private const int Width = MicroKernel.Width;
    private const int Taps = 9;
    private const int Row = Taps * Width;
    private const int Strip = 64;

    // What is transformed at once lies in the first-level cache until it has been multiplied.
    private const int MaxFloats = 6 << 10;

    private static readonly float[] Four = [1, 0, 0, 0.5f, 0.5f, 0.5f, 0.5f, -0.5f, 0.5f, 0, 0, 1];

    private static readonly float[] Six =
    [
        1 / 4f, 0, 0, -1 / 6f, -1 / 6f, -1 / 6f, -1 / 6f, 1 / 6f, -1 / 6f, 1 / 24f, 1 / 12f, 1 / 6f, 1 / 24f, -1 / 12f, 1 / 6f, 0, 0, 1,
    ];

    private readonly ElementType type = weights.Type is ElementType.Float16 or ElementType.BFloat16 ? weights.Type : ElementType.Float32;

    /// <summary>Channels with padding.</summary>
    public int PaddedChannels { get; } = MicroKernel.PadDepth(weights.Shape[1]);

    /// <summary>Panels of 16 outputs.</summary>
    public int Panels { get; } = (weights.Shape[0] + Width - 1) / Width;

    /// <summary>Channels that are transformed at once.</summary>
    public int DepthStep { get; } = Math.Min(MaxFloats / (edge * Width) / 8 * 8, MicroKernel.PadDepth(weights.Shape[1]));

    /// <summary>Floats between transformed elements.</summary>
    public int ElementFloats => DepthStep * Width;

    /// <summary>Floats of a row of transformed elements of one panel.</summary>
    public int RowFloats => edge * ElementFloats;

    /// <summary>Floats into which some channels of one panel are converted; 0 where they are float32.</summary>
    public int WidenedFloats => type == ElementType.Float32 ? 0 : DepthStep * Row;

    /// <summary>The packing of a constant operand.</summary>
    public OperandPacking Packing(WorkerPool pool) => new(
        1,
        string.Create(CultureInfo.InvariantCulture, $"taps/{type}/{weights}"),
        (long)Panels * PaddedChannels * Row * type.Size(),
        (source, target) => Pack(pool, source, target));

    /// <summary>Some channels of one panel as float32, where they are or in scratch of <see cref="WidenedFloats"/>.</summary>
    public float* Load(byte* packed, int panel, int channel, int count, float* scratch)
    {
        byte* source = packed + ((long)panel * PaddedChannels + channel) * Row * type.Size();
        if (type == ElementType.Float32)
            return (float*)source;
        CpuConvert.Load(type, source, 1, scratch, count * Row);
        return scratch;
    }

    /// <summary>Transforms one row of a tile's elements: each [count][16], <see cref="ElementFloats"/> apart.</summary>
    public void Transform(float* taps, int row, int count, float* target)
    {
        // Each row fetches its part of the channels that come next, so that memory works while the processor multiplies.
        nint step = Row * sizeof(float) / edge;
        byte* ahead = type == ElementType.Float32 ? (byte*)(taps + count * Row) + row * count * step : (byte*)taps;
        if (edge == 6)
            Transform6(taps, Six[3 * row], Six[3 * row + 1], Six[3 * row + 2], count, target, ElementFloats, ahead, step);
        else
            Transform4(taps, Four[3 * row], Four[3 * row + 1], Four[3 * row + 2], count, target, ElementFloats, ahead, step);
    }

    private void Pack(WorkerPool pool, BufferSlice source, BufferSlice target)
    {
        var job = new Job { Owner = this, Source = (byte*)source.Address, Target = (byte*)target.Address };
        pool.Run(Panels, Unsafe.AsPointer(ref job), &PackPanel);
    }

    private static void PackPanel(void* state, int panel, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        job.Owner.PackPanel(job.Source, job.Target, panel);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackPanel(byte* source, byte* target, int panel)
    {
        float* scratch = stackalloc float[PanelPacking.ColumnScratch];
        float* columns = stackalloc float[Strip * Width];
        float* rows = stackalloc float[Strip * Row];
        int channels = weights.Shape[1], size = weights.Type.Size();
        int outputs = Math.Min(Width, weights.Shape[0] - panel * Width);
        for (int c = 0; c < PaddedChannels; c += Strip)
        {
            int n = Math.Clamp(channels - c, 0, Strip), padded = Math.Min(Strip, PaddedChannels - c);
            byte* to = target + ((long)panel * PaddedChannels + c) * Row * type.Size();
            float* packed = type == ElementType.Float32 ? (float*)to : rows;
            for (int tap = 0; tap < Taps; tap++)
            {
                long offset = (long)panel * Width * weights.Strides[0] + c * weights.Strides[1] + tap / 3 * weights.Strides[2] + tap % 3 * weights.Strides[3];
                PanelPacking.PackColumns(weights.Type, source + offset * size, weights.Strides[1], weights.Strides[0], n, outputs, columns, scratch);
                new Span<float>(columns + n * Width, (padded - n) * Width).Clear();
                for (int k = 0; k < padded; k++)
                {
                    Vector256.Load(columns + k * Width).Store(packed + k * Row + tap * Width);
                    Vector256.Load(columns + k * Width + 8).Store(packed + k * Row + tap * Width + 8);
                }
            }
            if (type != ElementType.Float32)
                CpuConvert.Store(type, rows, to, 1, padded * Row);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transform4(float* taps, float a, float b, float c, int count, float* target, nint stride, byte* ahead, nint step)
    {
        Vector256<float> va = Vector256.Create(a), vb = Vector256.Create(b), vc = Vector256.Create(c), half = Vector256.Create(0.5f);
        for (int k = 0; k < count; k++, taps += Row, target += Width, ahead += step)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch1(ahead);
                Sse.Prefetch1(ahead + 64);
            }
            for (int j = 0; j < Width; j += 8)
            {
                float* g = taps + j;
                var g0 = Vector256.MultiplyAddEstimate(va, Vector256.Load(g), vc * Vector256.Load(g + 6 * Width));
                var g1 = Vector256.MultiplyAddEstimate(va, Vector256.Load(g + Width), vc * Vector256.Load(g + 7 * Width));
                var g2 = Vector256.MultiplyAddEstimate(va, Vector256.Load(g + 2 * Width), vc * Vector256.Load(g + 8 * Width));
                g0 = Vector256.MultiplyAddEstimate(vb, Vector256.Load(g + 3 * Width), g0);
                g1 = Vector256.MultiplyAddEstimate(vb, Vector256.Load(g + 4 * Width), g1) * half;
                g2 = Vector256.MultiplyAddEstimate(vb, Vector256.Load(g + 5 * Width), g2);
                var even = (g0 + g2) * half;
                float* to = target + j;
                g0.Store(to);
                (even + g1).Store(to + stride);
                (even - g1).Store(to + 2 * stride);
                g2.Store(to + 3 * stride);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transform6(float* taps, float a, float b, float c, int count, float* target, nint stride, byte* ahead, nint step)
    {
        Vector256<float> va = Vector256.Create(a), vb = Vector256.Create(b), vc = Vector256.Create(c);
        Vector256<float> quarter = Vector256.Create(0.25f), sixth = Vector256.Create(1 / 6f), twelfth = Vector256.Create(1 / 12f), twentyFourth = Vector256.Create(1 / 24f);
        for (int k = 0; k < count; k++, taps += Row, target += Width, ahead += step)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch1(ahead);
                Sse.Prefetch1(ahead + 64);
            }
            for (int j = 0; j < Width; j += 8)
            {
                float* g = taps + j;
                var g0 = Vector256.MultiplyAddEstimate(va, Vector256.Load(g), vc * Vector256.Load(g + 6 * Width));
                var g1 = Vector256.MultiplyAddEstimate(va, Vector256.Load(g + Width), vc * Vector256.Load(g + 7 * Width));
                var g2 = Vector256.MultiplyAddEstimate(va, Vector256.Load(g + 2 * Width), vc * Vector256.Load(g + 8 * Width));
                g0 = Vector256.MultiplyAddEstimate(vb, Vector256.Load(g + 3 * Width), g0);
                g1 = Vector256.MultiplyAddEstimate(vb, Vector256.Load(g + 4 * Width), g1);
                g2 = Vector256.MultiplyAddEstimate(vb, Vector256.Load(g + 5 * Width), g2);
                var even = (g0 + g2) * sixth;
                var odd = g1 * sixth;
                var far = Vector256.MultiplyAddEstimate(g0, twentyFourth, g2 * sixth);
                g1 *= twelfth;
                float* to = target + j;
                (g0 * quarter).Store(to);
                (-even - odd).Store(to + stride);
                (odd - even).Store(to + 2 * stride);
                (far + g1).Store(to + 3 * stride);
                (far - g1).Store(to + 4 * stride);
                g2.Store(to + 5 * stride);
            }
        }
    }

    private struct Job
    {
        public WinogradTaps Owner;
        public byte* Source;
        public byte* Target;
    }
}
