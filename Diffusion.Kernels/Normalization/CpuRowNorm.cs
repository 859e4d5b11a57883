using System.Collections.Immutable;
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
        job.Weight = Affine(spec.Weight, 1, arguments.Operands, ref operand, tables);
        job.Bias = Affine(spec.Bias, 0, arguments.Operands, ref operand, tables + padded);
        job.Launch = new EpilogueLaunch(in arguments, operand);
        context.Pool.Run(tasks, Unsafe.AsPointer(ref job), &Run);
    }

    /// <summary>Factors or summands as float32, where they are or in a table; <paramref name="none"/> where there are none.</summary>
    private float* Affine(ImmutableArray<Layout> affine, float none, ReadOnlySpan<BufferSlice> operands, ref int operand, float* table)
    {
        if (affine.IsEmpty)
        {
            new Span<float>(table, columns).Fill(none);
            return table;
        }
        var layout = affine[0];
        nint address = operands[operand++].Address;
        if (layout.Type == ElementType.Float32 && (layout.Strides[0] == 1 || columns == 1))
            return (float*)address;
        CpuConvert.Load(layout.Type, (byte*)address, layout.Strides[0], table, columns);
        return table;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var k = job.Kernel;
        float* scratch = job.Scratch + thread * (nint)k.ThreadFloats;
        float* results = scratch + k.padded, program = results + (nint)k.block * k.padded;
        bool layer = k.spec.Kind == RowNormKind.Layer, direct = k.epilogue.StoresPlainFloat;
        double epsilon = k.spec.Epsilon;
        long row = CpuSplit.Start(k.rows, k.tasks, task), last = CpuSplit.Start(k.rows, k.tasks, task + 1);
        while (row < last)
        {
            int count = (int)Math.Min(k.block, last - row);
            for (int r = 0; r < count; r++)
            {
                float* source = k.x.Load(job.Source, row + r, 1, scratch, k.padded, out _);
                float* target = direct ? k.epilogue.Target(in job.Launch, row + r) : results + (nint)r * k.padded;
                Normalize(source, job.Weight, job.Bias, target, k.columns, layer, epsilon);
            }
            if (!direct)
                k.epilogue.Apply(in job.Launch, row, count, 0, k.columns, results, k.padded, null, program);
            row += count;
        }
    }

    /// <summary>((x − mean)·scale)·weight + bias; the row is short enough for the first-level cache, or read from the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Normalize(float* source, float* weight, float* bias, float* target, int columns, bool layer, double epsilon)
    {
        double mean = layer ? CpuSums.Sum(source, columns) / columns : 0;
        float rounded = (float)mean;
        // The squares are around the rounded mean; the difference to the true one is taken out.
        double variance = CpuSums.SumOfSquares(source, rounded, columns) / columns - (mean - rounded) * (mean - rounded);
        double exact = 1 / Math.Sqrt((variance < 0 ? 0 : variance) + epsilon);
        float scale = (float)exact, rest = (float)((rounded - mean) * exact);
        int c = 0, width = Vector<float>.Count;
        Vector<float> m = new(rounded), s = new(scale), q = new(rest);
        for (; c <= columns - 2 * width; c += 2 * width)
        {
            var u = VectorMath.Fma(Vector.Load(source + c) - m, s, q);
            var v = VectorMath.Fma(Vector.Load(source + c + width) - m, s, q);
            Vector.Store(VectorMath.Fma(u, Vector.Load(weight + c), Vector.Load(bias + c)), target + c);
            Vector.Store(VectorMath.Fma(v, Vector.Load(weight + c + width), Vector.Load(bias + c + width)), target + c + width);
        }
        for (; c < columns; c++)
            target[c] = ((source[c] - rounded) * scale + rest) * weight[c] + bias[c];
    }

    private struct Job
    {
        public CpuRowNorm Kernel;
        public EpilogueLaunch Launch;
        public byte* Source;
        public float* Weight, Bias, Scratch;
    }
}
