using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Layer and root-mean-square norms: a row is read twice while it is in the cache, first for the mean, then for the squares.</summary>
internal sealed unsafe class CpuRowNorm
{
    private readonly CpuContext context;
    private readonly RowNormSpec spec;
    private readonly CpuEpilogue epilogue;
    private readonly CpuRows x;
    private readonly long rows;
    private readonly int columns, padded, tasks, block, epilogueScratch;

    private CpuRowNorm(CpuContext context, RowNormSpec spec)
    {
        this.context = context;
        this.spec = spec;
        epilogue = CpuEpilogue.Create(spec.After, spec.Y);
        (rows, columns) = (spec.X.Shape[0], spec.X.Shape[1]);
        x = CpuRows.Create(spec.X);
        padded = (columns + 15) & ~15;
        block = Math.Clamp(2048 / padded, 1, 32);
        tasks = CpuSplit.Tasks(context, rows, 2L * columns);
        epilogueScratch = (epilogue.ScratchFloats(columns) + 15) & ~15;
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, RowNormSpec spec) => spec.X.Count == 0
        ? new PreparedKernel(spec, "empty", 0, [], static (in _) => { })
        : new CpuRowNorm(context, spec).Kernel();

    private long ThreadFloats => (long)(block + 1) * padded + epilogueScratch;

    // Workspace: weight and bias as float32, then each thread's rows.
    private PreparedKernel Kernel() => new(spec, "rows", sizeof(float) * (2L * padded + ThreadFloats * context.Threads), [], Launch);

    private void Launch(in KernelArguments arguments)
    {
        float* tables = (float*)arguments.Workspace.Address;
        int operand = 1;
        var job = new Job { Kernel = this, Source = (byte*)arguments.Operands[0].Address, Scratch = tables + 2 * padded };
        if (!spec.Weight.IsEmpty)
            job.Weight = Affine(spec.Weight[0], arguments.Operands[operand++], tables);
        if (!spec.Bias.IsEmpty)
            job.Bias = Affine(spec.Bias[0], arguments.Operands[operand++], tables + padded);
        job.Launch = new EpilogueLaunch(in arguments, operand);
        context.Pool.Run(tasks, Unsafe.AsPointer(ref job), &Run);
    }

    private float* Affine(Layout layout, BufferSlice slice, float* table)
    {
        if (layout.Type == ElementType.Float32 && (layout.Strides[0] == 1 || columns == 1))
            return (float*)slice.Address;
        CpuConvert.Load(layout.Type, (byte*)slice.Address, layout.Strides[0], table, columns);
        return table;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var k = job.Kernel;
        float* scratch = job.Scratch + thread * (nint)k.ThreadFloats;
        float* results = scratch + k.padded, program = results + (nint)k.block * k.padded;
        long row = CpuSplit.Start(k.rows, k.tasks, task), last = CpuSplit.Start(k.rows, k.tasks, task + 1);
        while (row < last)
        {
            int count = (int)Math.Min(k.block, last - row);
            for (int r = 0; r < count; r++)
            {
                float* source = k.x.Load(job.Source, row + r, 1, scratch, k.padded, out _);
                k.Normalize(source, job.Weight, job.Bias, results + (nint)r * k.padded);
            }
            k.epilogue.Apply(in job.Launch, row, count, 0, k.columns, results, k.padded, null, program);
            row += count;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Normalize(float* source, float* weight, float* bias, float* target)
    {
        double mean = spec.Kind == RowNormKind.Layer ? CpuSums.Sum(source, columns) / columns : 0;
        float rounded = (float)mean;
        // The squares are around the rounded mean; the difference to the true one is taken out.
        double variance = CpuSums.SumOfSquares(source, rounded, columns) / columns - (mean - rounded) * (mean - rounded);
        double scale = 1 / Math.Sqrt((variance < 0 ? 0 : variance) + spec.Epsilon);
        Scale(source, rounded, (float)scale, (float)((rounded - mean) * scale), weight, bias, target, columns);
    }

    /// <summary>((x − mean)·scale + rest)·weight + bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scale(float* source, float mean, float scale, float rest, float* weight, float* bias, float* target, int columns)
    {
        int c = 0;
        for (; c <= columns - Vector<float>.Count; c += Vector<float>.Count)
        {
            var value = VectorMath.Fma(Vector.Load(source + c) - new Vector<float>(mean), new Vector<float>(scale), new Vector<float>(rest));
            if (weight != null)
                value *= Vector.Load(weight + c);
            if (bias != null)
                value += Vector.Load(bias + c);
            Vector.Store(value, target + c);
        }
        for (; c < columns; c++)
        {
            float value = (source[c] - mean) * scale + rest;
            target[c] = value * (weight != null ? weight[c] : 1) + (bias != null ? bias[c] : 0);
        }
    }

    private struct Job
    {
        public CpuRowNorm Kernel;
        public EpilogueLaunch Launch;
        public byte* Source;
        public float* Weight, Bias, Scratch;
    }
}
