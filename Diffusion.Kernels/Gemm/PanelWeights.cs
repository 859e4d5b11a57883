using System.Globalization;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Matrices [depth, columns] packed as panels: [matrix][panel][padded depth][16]. The depth may have several parts
/// (a convolution's taps), and with pairs the panels of values and gates alternate. Weights of 16 bits may stay so; a task then
/// converts what it is about to multiply.
/// </summary>
/// <param name="Type">Storage type of the source.</param>
/// <param name="Matrices">Number of matrices.</param>
/// <param name="MatrixStride">Elements between matrices.</param>
/// <param name="Columns">Columns of results; a pair has twice as many in the source.</param>
/// <param name="ColumnStride">Elements between columns.</param>
/// <param name="Parts">How many parts the depth has.</param>
/// <param name="PartDepth">Depth of one part.</param>
/// <param name="DepthStride">Elements between depths of a part.</param>
/// <param name="Paired">Whether values and gates alternate.</param>
internal sealed unsafe record PanelWeights(
    ElementType Type, int Matrices, long MatrixStride, int Columns, long ColumnStride, int Parts, int PartDepth, long DepthStride, bool Paired)
{
    /// <summary>Whether types of 16 bits are packed as they are; everything else becomes float32.</summary>
    public bool KeepsNarrow { get; init; }

    /// <summary>Type of the packed elements.</summary>
    public ElementType Packed => KeepsNarrow && Type is (ElementType.Float16 or ElementType.BFloat16) ? Type : ElementType.Float32;

    /// <summary>Element offset of part p is (p / PartsPerRow)·PartRowStride + (p mod PartsPerRow)·PartStride.</summary>
    public int PartsPerRow { get; init; } = 1;

    /// <summary>See <see cref="PartsPerRow"/>.</summary>
    public long PartRowStride { get; init; }

    /// <summary>See <see cref="PartsPerRow"/>.</summary>
    public long PartStride { get; init; }

    /// <summary>Depth in all.</summary>
    public int Depth => Parts * PartDepth;

    /// <summary>Depth with padding.</summary>
    public int PaddedDepth => MicroKernel.PadDepth(Depth);

    /// <summary>Panels of one matrix, gates included.</summary>
    public int Panels => (Columns + MicroKernel.Width - 1) / MicroKernel.Width * (Paired ? 2 : 1);

    /// <summary>Elements of one panel.</summary>
    public long PanelElements => (long)PaddedDepth * MicroKernel.Width;

    /// <summary>Elements of one matrix.</summary>
    public long MatrixElements => Panels * PanelElements;

    /// <summary>Names the packed format and what was packed how.</summary>
    public string Key => string.Create(
        CultureInfo.InvariantCulture,
        $"panels16/{Type}/{Packed}/{Matrices}+{MatrixStride}/{Columns}+{ColumnStride}/{Parts}:{PartsPerRow}+{PartRowStride}+{PartStride}/{PartDepth}+{DepthStride}/{Paired}");

    /// <summary>The packing of a constant operand.</summary>
    public OperandPacking Packing(int operand, WorkerPool pool) => new(
        operand, Key, Matrices * MatrixElements * Packed.Size(),
        (source, target) => Pack(pool, (byte*)source.Address, (byte*)target.Address, 0, Matrices));

    /// <summary>Packs some of the matrices, the panels on all threads.</summary>
    public void Pack(WorkerPool pool, byte* source, byte* target, int firstMatrix, int matrices)
    {
        var job = new Job { Weights = this, Source = source + firstMatrix * MatrixStride * Type.Size(), Target = target };
        pool.Run(matrices * Panels, Unsafe.AsPointer(ref job), &PackPanel);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackPanel(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var w = job.Weights;
        const int width = MicroKernel.Width;
        float* scratch = stackalloc float[PanelPacking.ColumnScratch];
        int matrix = task / w.Panels, panel = task % w.Panels;
        int block = w.Paired ? panel >> 1 : panel;
        long column = (long)block * width + (w.Paired && (panel & 1) != 0 ? w.Columns : 0);
        int columns = Math.Min(width, w.Columns - block * width);
        byte* target = job.Target + task * w.PanelElements * w.Packed.Size();
        for (int part = 0; part < w.Parts; part++)
        {
            long offset = matrix * w.MatrixStride + column * w.ColumnStride
                + part / w.PartsPerRow * w.PartRowStride + part % w.PartsPerRow * w.PartStride;
            byte* source = job.Source + offset * w.Type.Size();
            if (w.Packed == ElementType.Float32)
                PanelPacking.PackColumns(w.Type, source, w.DepthStride, w.ColumnStride, w.PartDepth, columns, (float*)target, scratch);
            else
                PackNarrow(w, source, columns, target, scratch);
            target += (long)w.PartDepth * width * w.Packed.Size();
        }
        new Span<byte>(target, (w.PaddedDepth - w.Depth) * width * w.Packed.Size()).Clear();
    }

    /// <summary>By way of float32, which holds every number of 16 bits.</summary>
    private static void PackNarrow(PanelWeights w, byte* source, int columns, byte* target, float* scratch)
    {
        const int step = 64, width = MicroKernel.Width;
        float* wide = stackalloc float[step * width];
        for (int k = 0; k < w.PartDepth; k += step)
        {
            int n = Math.Min(step, w.PartDepth - k);
            PanelPacking.PackColumns(w.Type, source + k * w.DepthStride * w.Type.Size(), w.DepthStride, w.ColumnStride, n, columns, wide, scratch);
            CpuConvert.Store(w.Packed, wide, target + (long)k * width * w.Packed.Size(), 1, n * width);
        }
    }

    private struct Job
    {
        public PanelWeights Weights;
        public byte* Source;
        public byte* Target;
    }
}
