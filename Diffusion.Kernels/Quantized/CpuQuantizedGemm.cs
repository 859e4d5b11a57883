using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Products with quantised weights on the CPU. The weights stay as they are stored: a task expands sixteen output channels into
/// scratch and multiplies all rows of its block with them, so they cost no memory besides.
/// </summary>
internal static unsafe class CpuQuantizedGemm
{
    // Up to here expanding weights would cost more than multiplying by them.
    private const int MaxVectorRows = 8;

    /// <summary>Prepares <see cref="QuantizedGemmSpec"/>.</summary>
    public static PreparedKernel Prepare(QuantizedGemmSpec spec, CpuContext context)
    {
        if (spec.C.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in KernelArguments _) => { });
        long rows = (long)spec.C.Shape[0] * spec.C.Shape[1];
        if (rows <= MaxVectorRows)
            return new CpuQuantizedGemv(spec, context).Kernel();
        return spec.DynamicActivations
            ? new Launcher<IntegerPanels>(spec, context, rows).Kernel($"int8-{IntegerDot.Instructions}")
            : new Launcher<FloatPanels>(spec, context, rows).Kernel(spec.IsInt4 ? "int4-weights" : "int8-weights");
    }

    private sealed class Launcher<TPanels>
        where TPanels : struct, IQuantizedPanels
    {
        private const int Unit = MicroKernel.Rows;
        private const int Width = MicroKernel.Width;
        private const int MaxRowStep = 192;
        private const long MaxBlockBytes = 4 << 20;
        private const int GroupPanels = 8;
        private const int TasksPerThread = 4;
        private const double MinTaskFlops = 1e6;

        private readonly QuantizedGemmSpec spec;
        private readonly WorkerPool pool;
        private readonly QuantizedRows rows;
        private readonly QuantizedWeights weights;
        private readonly CpuEpilogue epilogue;
        private readonly DirectStore store;
        private readonly long rowCount, tileBytes, panelBytes, scratchBytes, resultBytes, epilogueBytes, sharedBytes, threadBytes;
        private readonly int depth, depthStep, rowStep, blocks, panels, runs, runPanels;

        public Launcher(QuantizedGemmSpec spec, CpuContext context, long rowCount)
        {
            this.spec = spec;
            this.rowCount = rowCount;
            pool = context.Pool;
            rows = new QuantizedRows(spec.A);
            weights = new QuantizedWeights(spec);
            epilogue = CpuEpilogue.Create(spec.After, spec.C);
            store = DirectStore.Create(spec.After, spec.C);
            depth = rows.Depth;
            depthStep = TPanels.DepthStep(depth);
            panels = (weights.Columns + Width - 1) / Width;
            tileBytes = TPanels.TileBytes(depth);
            panelBytes = TPanels.PanelBytes(depthStep);
            scratchBytes = TPanels.ScratchBytes(depth);
            int most = (int)Math.Clamp(MaxBlockBytes / Math.Max(tileBytes, 1) * Unit, Unit, MaxRowStep);
            long wantedBlocks = (rowCount + most - 1) / most;
            rowStep = (int)((rowCount + wantedBlocks - 1) / wantedBlocks + Unit - 1) / Unit * Unit;
            blocks = checked((int)((rowCount + rowStep - 1) / rowStep));
            int wanted = context.Threads == 1 ? 1 : (int)Math.Clamp(spec.Flops / MinTaskFlops, 1, TasksPerThread * context.Threads);
            // Few rows: pack them all first, so that tasks may share them and differ by panels.
            runs = Math.Clamp((wanted + blocks - 1) / blocks, 1, panels);
            runPanels = (panels + runs - 1) / runs;
            runs = (panels + runPanels - 1) / runPanels;
            int group = Math.Min(GroupPanels, runPanels);
            resultBytes = (long)rowStep * group * Width * sizeof(float);
            epilogueBytes = PanelPlan.Align(epilogue.ScratchFloats(group * Width)) * sizeof(float);
            sharedBytes = runs > 1 ? blocks * BlockBytes : 0;
            threadBytes = (runs > 1 ? 0 : BlockBytes) + panelBytes + scratchBytes + resultBytes + epilogueBytes;
        }

        private long BlockBytes => rowStep / Unit * tileBytes;

        public PreparedKernel Kernel(string algorithm) => new(spec, algorithm, sharedBytes + pool.Threads * threadBytes, [], Launch);

        private void Launch(in KernelArguments arguments)
        {
            var job = new Job
            {
                Owner = this,
                A = (byte*)arguments.Operands[0].Address,
                W = (byte*)arguments.Operands[1].Address,
                Scales = (byte*)arguments.Operands[2].Address,
                Launch = new EpilogueLaunch(arguments, 3),
                Workspace = (byte*)arguments.Workspace.Address,
            };
            void* state = Unsafe.AsPointer(ref job);
            if (runs > 1)
                pool.Run(blocks, state, &Pack);
            pool.Run(blocks * runs, state, &Multiply);
        }

        private static void Pack(void* state, int task, int thread)
        {
            ref var job = ref Unsafe.AsRef<Job>(state);
            var owner = job.Owner;
            byte* own = job.Workspace + owner.sharedBytes + thread * owner.threadBytes;
            owner.PackBlock(job.A, task, job.Workspace + task * owner.BlockBytes, own + owner.panelBytes);
        }

        private static void Multiply(void* state, int task, int thread)
        {
            ref var job = ref Unsafe.AsRef<Job>(state);
            var owner = job.Owner;
            byte* own = job.Workspace + owner.sharedBytes + thread * owner.threadBytes;
            byte* scratch = own + owner.panelBytes;
            int block = task / owner.runs, run = task % owner.runs;
            byte* tiles = job.Workspace + block * owner.BlockBytes;
            if (owner.runs == 1)
            {
                tiles = own + owner.threadBytes - owner.BlockBytes;
                owner.PackBlock(job.A, block, tiles, scratch);
            }
            owner.MultiplyBlock(job, block, run, tiles, own, scratch);
        }

        private void PackBlock(byte* a, int block, byte* tiles, byte* scratch)
        {
            long row = (long)block * rowStep, end = Math.Min(row + rowStep, rowCount);
            for (; row < end; row += Unit, tiles += tileBytes)
                TPanels.PackTile(rows, a, row, (int)Math.Min(Unit, end - row), tiles, scratch);
        }

        private void MultiplyBlock(in Job job, int block, int run, byte* tiles, byte* panel, byte* scratch)
        {
            long row = (long)block * rowStep;
            int count = (int)Math.Min(rowStep, rowCount - row);
            int first = run * runPanels, last = Math.Min(first + runPanels, panels);
            float* results = (float*)(scratch + scratchBytes);
            if (store.Possible)
            {
                for (int p = first; p < last; p++)
                    StoreDirect(job, row, count, p * Width, tiles, panel, scratch, results);
                return;
            }
            for (int group = first; group < last; group += GroupPanels)
            {
                int end = Math.Min(group + GroupPanels, last), stride = (end - group) * Width;
                for (int p = group; p < end; p++)
                    StoreResults(job, count, p * Width, tiles, panel, scratch, results + (p - group) * Width, stride);
                int columns = Math.Min(stride, weights.Columns - group * Width);
                epilogue.Apply(job.Launch, row, count, group * Width, columns, results, stride, null, results + resultBytes / sizeof(float));
            }
        }

        /// <summary>Sixteen columns of a block into scratch with room for whole tiles.</summary>
        private void StoreResults(in Job job, int count, int column, byte* tiles, byte* panel, byte* scratch, float* c, int stride)
        {
            int k = 0;
            do
            {
                int n = Math.Min(depthStep, depth - k);
                TPanels.ExpandPanel(weights, job.W, job.Scales, column, k, n, panel, scratch);
                byte* tile = tiles;
                float* at = c;
                for (int i = 0; i < count; i += Unit, tile += tileBytes, at += Unit * stride)
                    TPanels.Multiply(tile, k, panel, n, at, stride, k > 0 ? at : null, stride, null);
                k += depthStep;
            }
            while (k < depth);
        }

        /// <summary>Sixteen columns of a block straight into the output, on top of bias and residual.</summary>
        private void StoreDirect(in Job job, long row, int count, int column, byte* tiles, byte* panel, byte* scratch, float* temporary)
        {
            int columns = Math.Min(Width, weights.Columns - column), k = 0;
            nint stride = (nint)store.RowStride, residualStride = (nint)store.ResidualStride;
            float* bias = store.Bias < 0 ? null : (float*)job.Launch.Input(store.Bias) + column;
            float* output = (float*)job.Launch.Output + row * stride + column;
            float* residual = store.Residual < 0 ? null : (float*)job.Launch.Input(store.Residual) + row * residualStride + column;
            do
            {
                int n = Math.Min(depthStep, depth - k);
                TPanels.ExpandPanel(weights, job.W, job.Scales, column, k, n, panel, scratch);
                byte* tile = tiles;
                float* c = output, start = k > 0 ? output : residual, add = k > 0 ? null : bias;
                nint startStride = k > 0 ? stride : residualStride;
                for (int i = 0; i < count; i += Unit, tile += tileBytes, c += Unit * stride)
                {
                    float* from = start == null ? null : start + i * startStride;
                    if (columns == Width && count - i >= Unit)
                        TPanels.Multiply(tile, k, panel, n, c, stride, from, startStride, add);
                    else
                        StoreEdge(tile, k, panel, n, c, stride, from, startStride, add, Math.Min(Unit, count - i), columns, temporary);
                }
                k += depthStep;
            }
            while (k < depth);
        }

        /// <summary>A tile that lies only partly inside the output.</summary>
        private static void StoreEdge(
            byte* tile, int k, byte* panel, int n, float* c, nint stride, float* start, nint startStride, float* bias, int rows, int columns, float* temporary)
        {
            TPanels.Multiply(tile, k, panel, n, temporary, Width, null, 0, null);
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                    c[i * stride + j] = temporary[i * Width + j] + (bias == null ? 0 : bias[j]) + (start == null ? 0 : start[i * startStride + j]);
            }
        }

        private struct Job
        {
            public Launcher<TPanels> Owner;
            public byte* A;
            public byte* W;
            public byte* Scales;
            public EpilogueLaunch Launch;
            public byte* Workspace;
        }
    }
}
