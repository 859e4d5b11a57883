using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Weights of a 3×3 convolution as they are, packed [panel][padded channels][9][16] in their storage type if that is 16 bits wide, else
/// as float32: no larger than they are stored. A task transforms what it is about to multiply (U = G·g·Gᵀ, G's
/// rows without their factors), where it stays in the cache.
/// </summary>
internal sealed unsafe class WinogradTaps(Layout weights, int edge, bool inRegisters)
{
    private const int Width = MicroKernel.Width;
    private const int Taps = 9;
    private const int Row = Taps * Width;
    private const int Strip = 64;

    // What is transformed at once lies in the first-level cache until it has been multiplied.
    private const int MaxFloats = 4608;
    // The same for taps that are transformed in registers, where they are read once for each row of elements.
    private const int MaxStep = 32;

    private readonly ElementType type = weights.Type is ElementType.Float16 or ElementType.BFloat16 ? weights.Type : ElementType.Float32;

    /// <summary>Channels with padding.</summary>
    public int PaddedChannels { get; } = WinogradTransforms.Pad(weights.Shape[1]);

    /// <summary>Panels of 16 outputs.</summary>
    public int Panels { get; } = (weights.Shape[0] + Width - 1) / Width;

    /// <summary>Channels that are transformed at once.</summary>
    public int DepthStep { get; } = Math.Min(inRegisters ? MaxStep : MaxFloats / (edge * Width) / 8 * 8, WinogradTransforms.Pad(weights.Shape[1]));

    /// <summary>Floats between transformed elements: a line more than they take, since stores at multiples of 4 KB get in each other's way.</summary>
    public int ElementFloats => (DepthStep + 1) * Width;

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
        byte* source = At(packed, panel, channel);
        if (type == ElementType.Float32)
            return (float*)source;
        CpuConvert.Load(type, source, 1, scratch, count * Row);
        return scratch;
    }

    /// <summary>Where some channels of one panel lie.</summary>
    public byte* At(byte* packed, int panel, int channel) => packed + ((long)panel * PaddedChannels + channel) * Row * type.Size();

    /// <summary>Transforms one row of a tile's elements: each [count][16], <see cref="ElementFloats"/> apart.</summary>
    /// <param name="taps">From <see cref="Load"/>.</param>
    /// <param name="row">Which row.</param>
    /// <param name="count">Channels.</param>
    /// <param name="target">The elements.</param>
    public void Transform(float* taps, int row, int count, float* target)
    {
        if (row == 0 || row == edge - 1)
            TransformOuter(taps + (row == 0 ? 0 : 6 * Width), edge == 6, count, target, ElementFloats);
        else
            TransformInner(taps, row < 3 ? 3 - 2 * row : 14 - 4 * row, row < 3 ? 1 : 4, edge == 6, count, target, ElementFloats);
    }

    /// <summary>
    /// Asks for a part of what will be loaded next: one for each element that is multiplied, so that memory works while the processor does. All at once
    /// would wait for the few lines that a core can have under way.
    /// </summary>
    /// <param name="next">From <see cref="At"/>.</param>
    /// <param name="count">Channels.</param>
    /// <param name="element">Which element is multiplied now.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fetch(byte* next, int count, int element)
    {
        if (!Sse.IsSupported)
            return;
        int part = count * (Row * type.Size()) / (edge * edge);
        byte* from = next + (nint)element * part;
        for (byte* line = from; line < from + part; line += 64)
            Sse.Prefetch1(line);
    }

    /// <summary>Bytes of the next taps that each of some products asks for with each channel, so that they share the work.</summary>
    public nint FetchStep(int products) => (Row * type.Size() + products - 1) / products;

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

    /// <summary>The first or last row, whose points 0 and infinity take one row of taps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformOuter(float* taps, bool six, int count, float* target, nint stride)
    {
        for (int k = 0; k < count; k++, taps += Row, target += Width)
        {
            for (int j = 0; j < Width; j += 8)
            {
                float* g = taps + j;
                Store(Vector256.Load(g), Vector256.Load(g + Width), Vector256.Load(g + 2 * Width), six, target + j, stride);
            }
        }
    }

    /// <summary>The row of the point <paramref name="x"/>: taps 0 + x·taps 1 + x²·taps 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformInner(float* taps, float x, float square, bool six, int count, float* target, nint stride)
    {
        Vector256<float> vx = Vector256.Create(x), vs = Vector256.Create(square);
        for (int k = 0; k < count; k++, taps += Row, target += Width)
        {
            for (int j = 0; j < Width; j += 8)
            {
                float* g = taps + j;
                var g0 = Vector256.MultiplyAddEstimate(vx, Vector256.Load(g + 3 * Width), Vector256.Load(g));
                var g1 = Vector256.MultiplyAddEstimate(vx, Vector256.Load(g + 4 * Width), Vector256.Load(g + Width));
                var g2 = Vector256.MultiplyAddEstimate(vx, Vector256.Load(g + 5 * Width), Vector256.Load(g + 2 * Width));
                g0 = Vector256.MultiplyAddEstimate(vs, Vector256.Load(g + 6 * Width), g0);
                g1 = Vector256.MultiplyAddEstimate(vs, Vector256.Load(g + 7 * Width), g1);
                g2 = Vector256.MultiplyAddEstimate(vs, Vector256.Load(g + 8 * Width), g2);
                Store(g0, g1, g2, six, target + j, stride);
            }
        }
    }

    /// <summary>The points 0, ±1, perhaps ±2, and infinity of one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<float> g0, Vector256<float> g1, Vector256<float> g2, bool six, float* to, nint stride)
    {
        var even = g0 + g2;
        g0.Store(to);
        (even + g1).Store(to + stride);
        (even - g1).Store(to + 2 * stride);
        if (six)
        {
            var far = Vector256.MultiplyAddEstimate(g2, Vector256.Create(4f), g0);
            g1 += g1;
            (far + g1).Store(to + 3 * stride);
            (far - g1).Store(to + 4 * stride);
            to += 2 * stride;
        }
        g2.Store(to + 3 * stride);
    }

    private struct Job
    {
        public WinogradTaps Owner;
        public byte* Source;
        public byte* Target;
    }
}
