using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Products of very few rows with quantised weights: each weight is read once.</summary>
internal sealed unsafe class CpuQuantizedGemv
{
    private const int Chunk = 64;
    private const int Strip = 512;

    private readonly QuantizedGemmSpec spec;
    private readonly WorkerPool pool;
    private readonly QuantizedRows source;
    private readonly QuantizedWeights weights;
    private readonly CpuEpilogue epilogue;
    private readonly int rows, depth, padded, chunks;
    private readonly bool direct;
    private readonly long sharedFloats, threadFloats;

    public CpuQuantizedGemv(QuantizedGemmSpec spec, CpuContext context)
    {
        this.spec = spec;
        pool = context.Pool;
        source = new QuantizedRows(spec.A);
        weights = new QuantizedWeights(spec);
        epilogue = CpuEpilogue.Create(spec.After, spec.C);
        rows = spec.C.Shape[0] * spec.C.Shape[1];
        depth = source.Depth;
        padded = (depth + 31) & ~31;
        direct = ByteDot.IsSupported && !spec.IsInt4 && spec.GroupSize == 0 && rows <= ByteDot.MaxRows;
        chunks = (weights.Columns + Chunk - 1) / Chunk;
        // Rows as float32, their integers (which take half of that) and scales.
        sharedFloats = PanelPlan.Align((long)rows * (padded + padded / 2 + 1));
        threadFloats = PanelPlan.Align((long)rows * Chunk) + DotKernel.Columns * Strip + Strip / 2 + PanelPlan.Align(epilogue.ScratchFloats(Chunk));
    }

    public PreparedKernel Kernel() =>
        new(spec, spec.DynamicActivations ? $"int8-gemv-{IntegerDot.Instructions}" : "weights-gemv", (sharedFloats + threadFloats * pool.Threads) * sizeof(float), [], Launch);

    private void Launch(in KernelArguments arguments)
    {
        float* workspace = (float*)arguments.Workspace.Address;
        float** pointers = stackalloc float*[rows];
        var job = new Job
        {
            Owner = this,
            Rows = pointers,
            Integers = (short*)(workspace + (long)rows * padded),
            RowScales = workspace + (long)rows * (padded + padded / 2),
            W = (byte*)arguments.Operands[1].Address,
            Scales = (byte*)arguments.Operands[2].Address,
            Launch = new EpilogueLaunch(arguments, 3),
            Workspace = workspace,
        };
        byte* a = (byte*)arguments.Operands[0].Address;
        for (int row = 0; row < rows; row++)
        {
            if (spec.DynamicActivations)
                job.RowScales[row] = source.Round(a, row, job.Integers + (long)row * padded, padded, workspace);
            else
                pointers[row] = source.Row(a, row, workspace + (long)row * padded);
        }
        void* state = Unsafe.AsPointer(ref job);
        pool.Run(chunks, state, &Run, 8.0 * rows * depth * weights.Columns);
    }

    private static void Run(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var owner = job.Owner;
        int column = task * Chunk, columns = Math.Min(Chunk, owner.weights.Columns - column);
        float* results = job.Workspace + owner.sharedFloats + thread * owner.threadFloats;
        float* strip = results + PanelPlan.Align((long)owner.rows * Chunk);
        short* integers = (short*)(strip + DotKernel.Columns * Strip);
        if (owner.spec.DynamicActivations)
            owner.SumIntegers(job, column, columns, results, (short*)strip);
        else if (owner.direct)
            owner.SumBytes(job, column, columns, results);
        else
            owner.SumFloats(job, column, columns, results, strip, integers);
        owner.epilogue.Apply(job.Launch, 0, owner.rows, column, columns, results, Chunk, null, strip + DotKernel.Columns * Strip + Strip / 2);
    }

    private void SumIntegers(in Job job, int column, int columns, float* results, short* strip)
    {
        const int room = 2 * DotKernel.Columns * Strip;
        int* sums = stackalloc int[rows];
        for (int j = 0; j < columns; j++)
        {
            for (int row = 0; row < rows; row++)
                sums[row] = 0;
            for (int k = 0; k < depth; k += room)
            {
                int n = Math.Min(room, depth - k), whole = (n + 31) & ~31;
                weights.Integers(job.W, column + j, k, n, strip, whole);
                for (int row = 0; row < rows; row++)
                    sums[row] += IntegerDot.Sum(job.Integers + (long)row * padded + k, strip, whole);
            }
            float scale = weights.Scale(job.Scales, column + j);
            for (int row = 0; row < rows; row++)
                results[row * Chunk + j] = sums[row] * (scale * job.RowScales[row]);
        }
    }

    private void SumBytes(in Job job, int column, int columns, float* results)
    {
        for (int j = 0; j < columns; j++)
        {
            sbyte* w = (sbyte*)job.W + (long)(column + j) * depth;
            float scale = weights.Scale(job.Scales, column + j);
            for (int row = 0; row < rows; row++)
                results[row * Chunk + j] = ByteDot.Sum(job.Rows[row], w, depth) * scale;
        }
    }

    private void SumFloats(in Job job, int column, int columns, float* results, float* strip, short* integers)
    {
        float** w = stackalloc float*[DotKernel.Columns];
        Vector<float>* sums = stackalloc Vector<float>[rows * DotKernel.Columns];
        for (int i = 0; i < DotKernel.Columns; i++)
            w[i] = strip + i * Strip;
        for (int j = 0; j < columns; j += DotKernel.Columns)
        {
            for (int i = 0; i < rows * DotKernel.Columns; i++)
                sums[i] = Vector<float>.Zero;
            for (int k = 0; k < depth; k += Strip)
            {
                int n = Math.Min(Strip, depth - k);
                // Past the last column the last one is read again; its results are not stored.
                for (int i = 0; i < DotKernel.Columns; i++)
                    weights.Floats(job.W, job.Scales, column + Math.Min(j + i, columns - 1), k, n, w[i], integers);
                for (int row = 0; row < rows; row++)
                    DotKernel.Add1x4(job.Rows[row] + k, w, n, sums + row * DotKernel.Columns);
            }
            for (int row = 0; row < rows; row++)
                DotKernel.Reduce(sums + row * DotKernel.Columns, results + row * Chunk + j, Math.Min(DotKernel.Columns, columns - j));
        }
    }

    private struct Job
    {
        public CpuQuantizedGemv Owner;
        public float** Rows;
        public short* Integers;
        public float* RowScales;
        public byte* W;
        public byte* Scales;
        public EpilogueLaunch Launch;
        public float* Workspace;
    }
}
