using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Brings six rows of the left operand into [padded depth][6].</summary>
internal unsafe interface IRowPacker
{
    /// <summary>Packs rows of one matrix.</summary>
    /// <param name="matrix">Which product.</param>
    /// <param name="row">First row.</param>
    /// <param name="rows">How many of the six there are; the others may hold anything finite.</param>
    /// <param name="target">6·padded depth floats.</param>
    /// <param name="strip">The scratch that the plan was made with.</param>
    void Pack(int matrix, long row, int rows, float* target, float* strip);

    /// <summary>Where a row lies if the rows from there on are float32 and lie one after another without gaps; null where they don't. A hint.</summary>
    /// <param name="matrix">Which product.</param>
    /// <param name="row">The row; there is another one after it.</param>
    float* Dense(int matrix, long row);
}

/// <summary>What the tasks of one launch of a <see cref="PanelPlan"/> share.</summary>
internal unsafe struct PanelJob<TPacker>
    where TPacker : struct, IRowPacker
{
    public PanelPlan Plan;
    public TPacker Packer;
    public EpilogueLaunch Launch;
    public DirectStore Store;
    public GatedStore Gated;
    public byte* Weights;
    public float* Workspace;
    public int FirstMatrix;
}

/// <summary>Products of rows with packed panels: what GEMM and convolution come down to.</summary>
internal static unsafe class PanelProduct
{
    private const int Unit = MicroKernel.Rows;
    private const int Width = MicroKernel.Width;

    /// <summary>Runs some of the plan's matrices; the job's weights start with the first of them.</summary>
    public static void Run<TPacker>(WorkerPool pool, ref PanelJob<TPacker> job, int firstMatrix, int matrices)
        where TPacker : struct, IRowPacker
    {
        var plan = job.Plan;
        job.FirstMatrix = firstMatrix;
        void* state = Unsafe.AsPointer(ref job);
        if (plan.SharedRows)
            pool.Run(matrices * plan.RowBlocks, state, &PackTask<TPacker>);
        pool.Run(matrices * plan.RowBlocks * plan.PanelRuns, state, &ProductTask<TPacker>);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackTask<TPacker>(void* state, int task, int thread)
        where TPacker : struct, IRowPacker
    {
        ref var job = ref Unsafe.AsRef<PanelJob<TPacker>>(state);
        var plan = job.Plan;
        float* strip = job.Workspace + plan.SharedFloats + (thread + 1) * plan.ThreadFloats - plan.WidenedFloats - StripFloats(plan);
        PackBlock(ref job, task / plan.RowBlocks, task % plan.RowBlocks, SharedBlock(ref job, task), strip);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ProductTask<TPacker>(void* state, int task, int thread)
        where TPacker : struct, IRowPacker
    {
        ref var job = ref Unsafe.AsRef<PanelJob<TPacker>>(state);
        var plan = job.Plan;
        // Tasks that follow each other share their panels, which then come from memory once.
        int matrix = task / (plan.RowBlocks * plan.PanelRuns), run = task / plan.RowBlocks % plan.PanelRuns;
        int block = matrix * plan.RowBlocks + task % plan.RowBlocks;
        float* own = job.Workspace + plan.SharedFloats + thread * plan.ThreadFloats;
        float* packed = own;
        if (plan.SharedRows)
            packed = SharedBlock(ref job, block);
        else
            PackBlock(ref job, matrix, block % plan.RowBlocks, packed, own + plan.ThreadFloats - plan.WidenedFloats - StripFloats(plan));
        long row = (long)(block % plan.RowBlocks) * plan.RowStep;
        int rows = (int)Math.Min(plan.RowStep, plan.Rows - row);
        int panel = run * plan.PanelStep;
        int panels = Math.Min(plan.PanelStep, plan.Weights.Panels - panel);
        byte* weights = job.Weights + (matrix * plan.Weights.MatrixElements + panel * plan.Weights.PanelElements) * plan.Weights.Packed.Size();
        matrix += job.FirstMatrix;
        var ahead = RowsAhead.Create(plan, job.Packer, matrix, row + plan.RowStep, panels);
        row += matrix * plan.MatrixRowStep;
        int column = plan.Weights.Paired ? panel / 2 * Width : panel * Width;
        if (job.Store.Possible && !plan.Weights.Paired)
            StoreDirect(plan, job.Store, job.Launch, packed, weights, row, rows, panels, matrix * plan.MatrixColumnStep, column, own, ref ahead);
        else if (job.Gated.Possible && plan.Weights.Paired)
            StoreGated(plan, job.Gated, job.Launch, packed, weights, row, rows, panels, matrix * plan.MatrixColumnStep, column, own, ref ahead);
        else
            StoreByEpilogue(plan, job.Launch, packed, weights, row, rows, panels, matrix * plan.MatrixColumnStep, column, own, ref ahead);
    }

    /// <summary>A round's depth of one panel as float32: where it is, or converted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Panel(PanelPlan plan, byte* weights, int panel, int k, int depth, float* own)
    {
        long first = panel * plan.Weights.PanelElements + (long)k * Width;
        return plan.WidenedFloats == 0 ? (float*)weights + first : Widen(plan, weights, first, depth, own + plan.ThreadFloats - plan.WidenedFloats);
    }

    /// <summary>Where the round's depth of the next of some panels lies; after the last, the next round's of the first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Next(PanelPlan plan, byte* weights, int panel, int first, int end, int k)
    {
        bool last = panel + 1 == end;
        long elements = (last ? first : panel + 1) * plan.Weights.PanelElements + (long)(last ? k + plan.DepthStep : k) * Width;
        return (float*)(weights + elements * plan.Weights.Packed.Size());
    }

    private static float* Widen(PanelPlan plan, byte* weights, long first, int depth, float* target)
    {
        var type = plan.Weights.Packed;
        CpuConvert.Load(type, weights + first * type.Size(), 1, target, depth * Width);
        return target;
    }

    private static long StripFloats(PanelPlan plan) =>
        plan.ThreadFloats - plan.WidenedFloats - plan.BlockFloats - plan.ResultFloats * (plan.Weights.Paired ? 2 : 1) - EpilogueFloats(plan);

    private static long EpilogueFloats(PanelPlan plan) => PanelPlan.Align(plan.Epilogue.ScratchFloats(plan.GroupColumns));

    private static float* SharedBlock<TPacker>(ref PanelJob<TPacker> job, int block)
        where TPacker : struct, IRowPacker
    {
        return job.Workspace + (long)block * job.Plan.RowStep * job.Plan.Weights.PaddedDepth;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackBlock<TPacker>(ref PanelJob<TPacker> job, int matrix, int block, float* target, float* strip)
        where TPacker : struct, IRowPacker
    {
        var plan = job.Plan;
        long start = (long)block * plan.RowStep, end = Math.Min(start + plan.RowStep, plan.Rows);
        long tile = (long)Unit * plan.Weights.PaddedDepth;
        for (long row = start; row < end; row += Unit, target += tile)
            job.Packer.Pack(matrix + job.FirstMatrix, row, (int)Math.Min(Unit, end - row), target, strip);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreByEpilogue(
        PanelPlan plan, in EpilogueLaunch launch, float* packed, byte* weights, long row, int rows, int panels, int columnOffset, int column, float* own,
        ref RowsAhead ahead)
    {
        float* results = own + plan.BlockFloats;
        float* gates = plan.Weights.Paired ? results + plan.ResultFloats : null;
        float* scratch = results + plan.ResultFloats * (plan.Weights.Paired ? 2 : 1);
        int stride = plan.GroupColumns;
        for (int panel = 0; panel < panels; panel += plan.Group)
        {
            int count = Math.Min(plan.Group, panels - panel);
            byte* b = weights + panel * plan.Weights.PanelElements * plan.Weights.Packed.Size();
            MultiplyPadded(plan, packed, b, rows, count, results, gates, stride, own, ref ahead);
            int width = plan.Weights.Paired ? count / 2 * Width : count * Width;
            int columns = Math.Min(width, plan.Weights.Columns - column);
            plan.Epilogue.Apply(launch, row, rows, columnOffset + column, columns, results, stride, gates, scratch);
            column += width;
        }
    }

    /// <summary>Products into scratch with room for whole tiles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyPadded(
        PanelPlan plan, float* packed, byte* weights, int rows, int panels, float* results, float* gates, int stride, float* own,
        ref RowsAhead ahead)
    {
        int depth = plan.Weights.PaddedDepth;
        int k = 0;
        do
        {
            int n = Math.Min(plan.DepthStep, depth - k);
            for (int panel = 0; panel < panels; panel++)
            {
                float* b = Panel(plan, weights, panel, k, n, own), next = Next(plan, weights, panel, 0, panels, k);
                float* c = gates == null ? results + panel * Width : ((panel & 1) == 0 ? results : gates) + panel / 2 * Width;
                MultiplyColumn(packed + (long)k * Unit, (long)depth * Unit, b, n, rows, c, stride, k > 0 ? c : null, stride, null, next, ref ahead);
            }
            k += plan.DepthStep;
        }
        while (k < depth);
    }

    /// <summary>
    /// Pairs of panels, whose results are multiplied while they lie in the first-level cache. Sums begin with their biases.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreGated(
        PanelPlan plan, GatedStore store, in EpilogueLaunch launch, float* packed, byte* weights, long row, int rows, int panels,
        int columnOffset, int column, float* own, ref RowsAhead ahead)
    {
        float* results = own + plan.BlockFloats, biases = results + 2 * plan.ResultFloats;
        float* output = (float*)launch.Output + row * store.RowStride + columnOffset;
        var loop = CpuTileOps.Gate(store.Activation);
        int depth = plan.Weights.PaddedDepth, stride = plan.GroupColumns;
        long tile = (long)depth * Unit;
        for (int group = 0; group < panels; group += plan.Group)
        {
            int end = Math.Min(group + plan.Group, panels), k = 0;
            do
            {
                int n = Math.Min(plan.DepthStep, depth - k);
                for (int panel = group; panel < end; panel++)
                {
                    int second = panel & 1, at = column + panel / 2 * Width, columns = Math.Min(Width, plan.Weights.Columns - at);
                    float* c = results + second * plan.ResultFloats + (panel - group) / 2 * Width, bias = null;
                    int which = store.Values.Result == second ? store.Values.Bias : store.Gates.Bias;
                    if (k == 0 && which >= 0)
                    {
                        bias = (float*)launch.Input(which) + columnOffset + at;
                        if (columns < Width)
                        {
                            // The bias may end where memory ends.
                            Unsafe.CopyBlockUnaligned(biases, bias, (uint)columns * sizeof(float));
                            bias = biases;
                        }
                    }
                    float* b = Panel(plan, weights, panel, k, n, own), next = Next(plan, weights, panel, group, end, k);
                    MultiplyColumn(packed + (long)k * Unit, tile, b, n, rows, c, stride, k > 0 ? c : null, stride, bias, next, ref ahead);
                    if (second == 0 || k + n < depth)
                        continue;
                    float* first = c - plan.ResultFloats;
                    loop(output + at, (nint)store.RowStride, store.Values.Result == 0 ? first : c, store.Values.Result == 0 ? c : first, stride, rows, columns);
                }
                k += plan.DepthStep;
            }
            while (k < depth);
        }
    }

    /// <summary>
    /// All tiles of a block with one panel. The first four ask for the next panel's lines, those after them for rows of the next block when it is their turn.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyColumn(
        float* packed, long tileFloats, float* b, int depth, int rows, float* c, nint stride, float* start, nint startStride, float* bias, float* next,
        ref RowsAhead ahead)
    {
        // Each four tiles ask for as many lines as a panel has.
        const int step = 4 * Unit;
        float* near = next;
        while (ahead.Waits == 0 && rows > step && near != null)
        {
            MultiplyColumn(packed, tileFloats, b, depth, step, c, stride, start, startStride, bias, near);
            packed += 4 * tileFloats;
            c += step * stride;
            start = start == null ? null : start + step * startStride;
            rows -= step;
            near = ahead.Take(depth * Width);
        }
        ahead.Waits = Math.Max(0, ahead.Waits - 1);
        MultiplyColumn(packed, tileFloats, b, depth, rows, c, stride, start, startStride, bias, near == null ? next : near);
    }

    /// <summary>
    /// All tiles of a block with one panel; <paramref name="next"/> is the panel that comes after it. May write up to the next multiple of six rows.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyColumn(
        float* packed, long tileFloats, float* b, int depth, int rows, float* c, nint stride, float* start, nint startStride, float* bias, float* next)
    {
        int whole = rows / Unit, rest = rows - whole * Unit;
        if (rest == 0 || rest > 4 || !MicroKernel.HasTile4)
        {
            MicroKernel.Column(packed, (nint)tileFloats, b, depth, (rows + Unit - 1) / Unit, c, stride, start, startStride, bias, next);
            return;
        }
        MicroKernel.Column(packed, (nint)tileFloats, b, depth, whole, c, stride, start, startStride, bias, next);
        nint done = whole * Unit;
        MicroKernel.Tile4(packed + whole * tileFloats, b, depth, c + done * stride, stride, start == null ? null : start + done * startStride, startStride, bias);
    }

    /// <summary>Products straight into the output, on top of bias and residual.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreDirect(
        PanelPlan plan, DirectStore store, in EpilogueLaunch launch, float* packed, byte* weights, long row, int rows, int panels,
        int columnOffset, int column, float* own, ref RowsAhead ahead)
    {
        float* bias = store.Bias < 0 ? null : (float*)launch.Input(store.Bias) + columnOffset;
        float* output = (float*)launch.Output + row * store.RowStride + columnOffset;
        float* residual = store.Residual < 0 ? null : (float*)launch.Input(store.Residual) + row * store.ResidualStride + columnOffset;
        float* temporary = own + plan.BlockFloats;
        int depth = plan.Weights.PaddedDepth;
        long tile = (long)depth * Unit;
        nint stride = (nint)store.RowStride;
        for (int group = 0; group < panels; group += plan.Group)
        {
            int end = Math.Min(group + plan.Group, panels), k = 0;
            do
            {
                int n = Math.Min(plan.DepthStep, depth - k);
                nint startStride = k > 0 ? stride : (nint)store.ResidualStride;
                for (int panel = group; panel < end; panel++)
                {
                    float* b = Panel(plan, weights, panel, k, n, own), next = Next(plan, weights, panel, group, end, k);
                    float* a = packed + (long)k * Unit;
                    int at = column + panel * Width, columns = Math.Min(Width, plan.Weights.Columns - at);
                    float* add = bias == null || k > 0 ? null : bias + at;
                    float* c = output + at, start = k > 0 ? c : residual == null ? null : residual + at;
                    int whole = columns < Width ? 0 : rows % Unit == 4 && MicroKernel.HasTile4 ? rows : rows / Unit * Unit;
                    MultiplyColumn(a, tile, b, n, whole, c, stride, start, startStride, add, next, ref ahead);
                    a += whole / Unit * tile;
                    for (int i = whole; i < rows; i += Unit, a += tile)
                    {
                        float* from = start == null ? null : start + i * startStride;
                        MultiplyEdge(a, b, n, c + i * stride, stride, from, startStride, add, Math.Min(Unit, rows - i), columns, temporary);
                    }
                }
                k += plan.DepthStep;
            }
            while (k < depth);
        }
    }

    /// <summary>A tile that lies only partly inside the output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyEdge(
        float* a, float* b, int depth, float* c, nint stride, float* start, nint startStride, float* bias, int rows, int columns, float* temporary)
    {
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
                temporary[i * Width + j] = (start == null ? 0 : start[i * startStride + j]) + (bias == null ? 0 : bias[j]);
        }
        MicroKernel.Tile(a, b, depth, temporary, Width, temporary, Width, null);
        for (int i = 0; i < rows; i++)
            Unsafe.CopyBlockUnaligned(c + i * stride, temporary + i * Width, (uint)columns * sizeof(float));
    }
}
