using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Products with very few rows: each weight is read once, from where and how it is stored.</summary>
internal static unsafe class CpuGemv
{
    private const int Chunk = 64;
    private const int Strip = 512;

    /// <summary>Prepares a product whose B has its depth dense.</summary>
    public static PreparedKernel Prepare(GemmSpec spec, CpuContext context, int matrices, int rows) =>
        new Launcher(spec, context, matrices, rows).Kernel();

    private sealed class Launcher
    {
        private readonly GemmSpec spec;
        private readonly WorkerPool pool;
        private readonly CpuEpilogue epilogue;
        private readonly RowMap map;
        private readonly int matrices;
        private readonly int rows;
        private readonly int depth;
        private readonly int columns;
        private readonly int chunks;
        private readonly bool dense;
        private readonly long stagedFloats;
        private readonly long threadFloats;

        public Launcher(GemmSpec spec, CpuContext context, int matrices, int rows)
        {
            this.spec = spec;
            pool = context.Pool;
            this.matrices = matrices;
            this.rows = rows;
            depth = spec.A.Shape[2];
            columns = spec.C.Shape[2];
            chunks = (columns + Chunk - 1) / Chunk;
            epilogue = CpuEpilogue.Create(spec.After, spec.C, spec.Paired ? 2 : 1);
            map = RowMap.Create(spec.A.Shape, spec.A.Strides, 2);
            dense = spec.A.Type == ElementType.Float32 && (spec.A.Strides[2] == 1 || depth == 1);
            stagedFloats = dense ? 0 : PanelPlan.Align((long)matrices * rows * depth);
            threadFloats = 2L * rows * Chunk + DotKernel.Columns * Strip + PanelPlan.Align(epilogue.ScratchFloats(Chunk));
        }

        public PreparedKernel Kernel() =>
            new(spec, "gemv", (stagedFloats + threadFloats * pool.Threads) * sizeof(float), [], Launch);

        private void Launch(in KernelArguments arguments)
        {
            var job = new Job
            {
                Owner = this,
                A = (byte*)arguments.Operands[0].Address,
                B = (byte*)arguments.Operands[1].Address,
                Launch = new EpilogueLaunch(arguments, 2),
                Workspace = (float*)arguments.Workspace.Address,
            };
            if (!dense)
            {
                for (int row = 0; row < matrices * rows; row++)
                {
                    byte* source = job.A + map.Offset(row) * spec.A.Type.Size();
                    CpuConvert.Load(spec.A.Type, source, spec.A.Strides[2], job.Workspace + (long)row * depth, depth);
                }
            }
            void* state = Unsafe.AsPointer(ref job);
            // Weights are read once, so count them as more work than their sums are.
            pool.Run(matrices * chunks, state, &Run, 8.0 * rows * depth * columns * matrices);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Run(void* state, int task, int thread)
        {
            ref var job = ref Unsafe.AsRef<Job>(state);
            var owner = job.Owner;
            int matrix = task / owner.chunks, column = task % owner.chunks * Chunk;
            int columns = Math.Min(Chunk, owner.columns - column);
            float* results = job.Workspace + owner.stagedFloats + thread * owner.threadFloats;
            float* gates = results + (long)owner.rows * Chunk;
            float* strip = gates + (long)owner.rows * Chunk;
            float* scratch = strip + DotKernel.Columns * Strip;
            owner.Multiply(ref job, matrix, column, columns, results, strip);
            if (owner.spec.Paired)
                owner.Multiply(ref job, matrix, column + owner.columns, columns, gates, strip);
            owner.epilogue.Apply(
                job.Launch, (long)matrix * owner.rows, owner.rows, column, columns, results, Chunk, owner.spec.Paired ? gates : null, scratch);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Multiply(ref Job job, int matrix, int column, int count, float* results, float* strip)
        {
            var type = spec.B.Type;
            int size = type.Size();
            bool asStored = type == ElementType.Float32;
            int step = asStored ? depth : Strip;
            float** w = stackalloc float*[DotKernel.Columns];
            Vector<float>* sums = stackalloc Vector<float>[rows * DotKernel.Columns];
            for (int j = 0; j < count; j += DotKernel.Columns)
            {
                for (int i = 0; i < rows * DotKernel.Columns; i++)
                    sums[i] = Vector<float>.Zero;
                for (int k = 0; k < depth; k += step)
                {
                    int n = Math.Min(step, depth - k);
                    for (int i = 0; i < DotKernel.Columns; i++)
                    {
                        // Past the last column the last one is read again; its results are not stored.
                        long at = column + Math.Min(j + i, count - 1);
                        byte* source = job.B + (matrix * spec.B.Strides[0] + at * spec.B.Strides[2] + k) * size;
                        w[i] = asStored ? (float*)source : strip + i * Strip;
                        if (!asStored)
                            CpuConvert.Load(type, source, 1, w[i], n);
                    }
                    for (int row = 0; row < rows; row++)
                        DotKernel.Add1x4(Row(ref job, matrix * (long)rows + row) + k, w, n, sums + row * DotKernel.Columns);
                }
                for (int row = 0; row < rows; row++)
                    DotKernel.Reduce(sums + row * DotKernel.Columns, results + row * Chunk + j, Math.Min(DotKernel.Columns, count - j));
            }
        }

        private float* Row(ref Job job, long row) =>
            dense ? (float*)job.A + map.Offset(row) : job.Workspace + row * depth;

        private struct Job
        {
            public Launcher Owner;
            public byte* A;
            public byte* B;
            public EpilogueLaunch Launch;
            public float* Workspace;
        }
    }
}
