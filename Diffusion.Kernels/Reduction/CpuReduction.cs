using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Reductions. Where the reduced elements lie closest they are combined along a row; where the kept ones do, many results are
/// made side by side. Few long reductions are cut into parts. Parts and blocks are collected in float64.
/// </summary>
internal sealed unsafe class CpuReduction
{
    private const int Tile = 512;

    private readonly CpuContext context;
    private readonly ReductionSpec spec;
    private readonly CpuEpilogue epilogue;
    private readonly RowMap keptRows, reducedRows;
    private readonly long kept, length, outer, inner, innerStride, columnStride;
    private readonly int columns, size, tiles, parts, tasks, scratch;
    private readonly bool sideways;

    private CpuReduction(CpuContext context, ReductionSpec spec)
    {
        this.context = context;
        this.spec = spec;
        var (x, y) = (spec.X, spec.Y);
        epilogue = CpuEpilogue.Create(spec.After, y);
        size = x.Type.Size();
        kept = y.Count;
        columns = y.Rank == 0 ? 1 : y.Shape[^1];
        columnStride = y.Rank == 0 || columns == 1 ? 0 : x.Strides[y.Rank - 1];
        keptRows = RowMap.Create(x.Shape, x.Strides, y.Rank - 1);
        var reduced = new Layout(x.Type, x.Shape[y.Rank..], x.Strides[y.Rank..]);
        length = reduced.Count;
        var axes = CollapsedAxes.Create([Sortable(reduced)]);
        int last = axes.Shape.Length - 1;
        (inner, innerStride) = (axes.Shape[last], axes.Strides[0][last]);
        outer = length == 0 ? 0 : length / inner;
        reducedRows = RowMap.Create(axes.Shape, axes.Strides[0], last);
        sideways = columnStride == 1 && innerStride != 1 && columns >= 8 && length > 1;
        tiles = sideways ? (columns + Tile - 1) / Tile : columns;
        long units = kept / columns * tiles;
        int wanted = CpuSplit.Tasks(context, kept * Math.Max(length, 1), 1);
        parts = units >= context.Threads ? 1 : (int)Math.Clamp(wanted / units, 1, Math.Max(Math.Max(outer, inner / 4096), 1));
        tasks = (int)Math.Min(wanted, units * parts);
        scratch = (Math.Max(epilogue.ScratchFloats(columns), 4 * Tile) + 15) & ~15;
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, ReductionSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        if (spec.Kind == ReductionKind.ArgMax)
        {
            // Wide integers don't fit into float32, so they are compared by the reference.
            return spec.X.Type is ElementType.Int32 or ElementType.Int64 ? Reference.ReferenceKernels.Prepare(spec) : CpuArgMax.Prepare(context, spec);
        }
        var kernel = new CpuReduction(context, spec);
        return new PreparedKernel(spec, kernel.sideways ? "side-by-side" : "rows", kernel.WorkspaceBytes, [], kernel.Launch);
    }

    // Parts as float64, results as float32, each thread's scratch.
    private long PartDoubles => (kept * parts + 7) & ~7L;

    private long ResultFloats => (kept + 15) & ~15L;

    private long WorkspaceBytes => sizeof(double) * PartDoubles + sizeof(float) * (ResultFloats + (long)scratch * context.Threads);

    /// <summary>The order of reduced axes doesn't matter, and axes of stride 0 are as good as others.</summary>
    private static Layout Sortable(Layout reduced) => reduced.Count == 0 ? new Layout(reduced.Type, [0], [1]) : reduced;

    private void Launch(in KernelArguments arguments)
    {
        var job = new Job
        {
            Kernel = this,
            Launch = new EpilogueLaunch(in arguments, 1),
            Source = (byte*)arguments.Operands[0].Address,
            Parts = (double*)arguments.Workspace.Address,
        };
        job.Results = (float*)(job.Parts + PartDoubles);
        job.Scratch = job.Results + ResultFloats;
        context.Pool.Run(tasks, Unsafe.AsPointer(ref job), &Run);
        for (long i = 0; i < kept; i++)
        {
            double value = job.Parts[i];
            for (int part = 1; part < parts; part++)
                value = Combine(value, job.Parts[part * kept + i]);
            job.Results[i] = (float)(spec.Kind == ReductionKind.Mean ? value / length : value);
        }
        for (long row = 0; row < kept / columns; row += 1 << 20)
        {
            int rows = (int)Math.Min(1 << 20, kept / columns - row);
            epilogue.Apply(in job.Launch, row, rows, 0, columns, job.Results + row * columns, columns, null, job.Scratch);
        }
    }

    private double Identity => spec.Kind switch
    {
        ReductionKind.Maximum => double.NegativeInfinity,
        ReductionKind.Minimum => double.PositiveInfinity,
        ReductionKind.Product => 1,
        _ => 0,
    };

    private double Combine(double a, double b) => spec.Kind switch
    {
        ReductionKind.Maximum => Math.Max(a, b),
        ReductionKind.Minimum => Math.Min(a, b),
        ReductionKind.Product => a * b,
        _ => a + b,
    };

    private static void Run(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var k = job.Kernel;
        float* scratch = job.Scratch + thread * (nint)k.scratch;
        long perPart = k.kept / k.columns * k.tiles, units = perPart * k.parts, last = CpuSplit.Start(units, k.tasks, task + 1);
        for (long unit = CpuSplit.Start(units, k.tasks, task); unit < last; unit++)
        {
            var (part, index) = Math.DivRem(unit, perPart);
            var (row, tile) = Math.DivRem(index, k.tiles);
            long offset = k.keptRows.Offset(row);
            double* target = job.Parts + part * k.kept + row * k.columns;
            // A part is a range of the outer reduced axes, or of the inner one when it is the only one.
            bool alongOuter = k.outer >= k.parts;
            long span = alongOuter ? k.outer : k.inner, first = CpuSplit.Start(span, k.parts, (int)part), end = CpuSplit.Start(span, k.parts, (int)part + 1);
            var range = alongOuter ? new Part(first, end, 0, k.inner) : new Part(0, k.outer, first, end);
            if (k.sideways)
                k.Sideways(job.Source + offset * k.size, range, (int)tile * Tile, target + tile * Tile, scratch);
            else
                target[tile] = k.Along(job.Source + (offset + tile * k.columnStride) * k.size, range, scratch);
        }
    }

    /// <summary>One result: its elements row by row.</summary>
    private double Along(byte* source, Part part, float* scratch)
    {
        double value = Identity;
        bool direct = spec.X.Type == ElementType.Float32 && (innerStride == 1 || inner == 1);
        for (long o = part.FirstOuter; o < part.LastOuter; o++)
        {
            byte* row = source + reducedRows.Offset(o) * size;
            if (direct)
            {
                value = Combine(value, Row((float*)row + part.FirstInner, part.LastInner - part.FirstInner));
                continue;
            }
            for (long i = part.FirstInner; i < part.LastInner; i += 4 * Tile)
            {
                int n = (int)Math.Min(4 * Tile, part.LastInner - i);
                CpuConvert.Load(spec.X.Type, row + i * innerStride * size, innerStride, scratch, n);
                value = Combine(value, Row(scratch, n));
            }
        }
        return value;
    }

    private double Row(float* values, long n) => spec.Kind switch
    {
        ReductionKind.Maximum => CpuSums.Maximum(values, n),
        ReductionKind.Minimum => CpuSums.Minimum(values, n),
        ReductionKind.Product => CpuSums.Product(values, n),
        _ => CpuSums.Sum(values, n),
    };

    /// <summary>A tile of results side by side.</summary>
    private void Sideways(byte* source, Part part, int column, double* target, float* scratch)
    {
        int n = Math.Min(Tile, columns - column), pending = 0;
        float* sum = scratch, loaded = scratch + Tile;
        bool direct = spec.X.Type == ElementType.Float32;
        // Products leave float32's range soon, so they are never collected in it.
        int run = spec.Kind == ReductionKind.Product ? 1 : 64;
        new Span<double>(target, n).Fill(Identity);
        for (long o = part.FirstOuter; o < part.LastOuter; o++)
        {
            byte* row = source + (reducedRows.Offset(o) + column) * size;
            for (long i = part.FirstInner; i < part.LastInner; i++)
            {
                byte* at = row + i * innerStride * size;
                float* values = (float*)at;
                if (!direct)
                {
                    CpuConvert.Load(spec.X.Type, at, 1, loaded, n);
                    values = loaded;
                }
                CpuTiles.Combine(spec.Kind, sum, values, n, pending == 0);
                if (++pending == run)
                {
                    Flush(target, sum, n);
                    pending = 0;
                }
            }
        }
        if (pending > 0)
            Flush(target, sum, n);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Flush(double* target, float* sum, int n)
    {
        for (int i = 0; i < n; i++)
            target[i] = Combine(target[i], sum[i]);
    }

    private readonly record struct Part(long FirstOuter, long LastOuter, long FirstInner, long LastInner);

    private struct Job
    {
        public CpuReduction Kernel;
        public EpilogueLaunch Launch;
        public byte* Source;
        public double* Parts;
        public float* Results, Scratch;
    }
}
