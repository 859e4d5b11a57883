using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// 3×3 convolution by Winograd's minimal filtering: transforms tiles of pixels, multiplies each of their elements with its weights,
/// and transforms back. F(2×2) has 16 elements, F(4×4) 36, F(2×2) of stride 2 has 25, some of which share weights. The tiles of a block stay in the cache from one step
/// to the next; output channels go through in groups, so that the products of a group do too.
/// </summary>
internal sealed unsafe partial class Winograd
{
    private const int Width = MicroKernel.Width;

    /// <summary>The most tiles that are multiplied with weights at once.</summary>
    public const int MaxBlock = 132;

    private const int MinBlock = 48;
    private const long MaxBlockFloats = 4 << 20;
    private const int MaxGroup = 8;
    // Transformed tiles that a cache shared by all cores keeps from one group of panels to the next.
    private const long NearFloats = 2 << 20;
    // Results of a group that stay in a core's own cache until they are transformed back.
    private const int GroupFloats = 24 << 10;
    private const int TasksPerThread = 8;
    // Where taps are transformed in registers, panels that follow each other read the same slice of all tiles, which stays near with their results.
    private const int RowsBlock = 32;
    private const int RowsFloats = 80 << 10;
    // Channels of a few tiles that are transformed, then packed.
    private const int MaxChunk = 48;
    // Panels whose transformed weights meet one slice of many tiles, so that the slice comes from memory once for all of them.
    private const int MaxSide = 4;
    private const int FewTiles = 24;

    // Products of some panels that stay in the second-level cache while channels go through.
    private const int ResultFloats = 32 << 10;
    private const int MaxRun = 16;
    // Shorter than a cache would ask for: sums of partial sums keep the transform's errors down.
    private const int MaxDepthStep = 320;

    private readonly ConvolutionSpec spec;
    private readonly WorkerPool pool;
    private readonly ConvolutionInput input;
    private readonly CpuEpilogue epilogue;
    private readonly DirectStore store;
    // One of them: transformed when packed, or by each task.
    private readonly WinogradWeights? transformed;
    private readonly WinogradTaps? taps;
    // The elements that each transformed weight meets.
    private readonly int[][] elementsOf;
    // Tiles that are packed and multiplied together.
    private readonly int unit;
    // Taps are transformed in registers, a row of elements of four tiles at once.
    private readonly bool inRows;
    private readonly int depth;
    private readonly int panels;
    private readonly float[] zeros;

    private readonly double flops;
    private readonly int tile;
    // Pixels between outputs.
    private readonly int spacing;
    // Pixels a side of a tile, as many as there are elements a side.
    private readonly int edge;
    private readonly int elements;
    private readonly int tileRows;
    private readonly int tileColumns;
    private readonly int tiles;
    private readonly int channels;
    private readonly int outputs;

    private readonly bool shared;
    private readonly int block;
    private readonly int blocks;
    private readonly int group;
    private readonly int groups;
    private readonly int depthStep;

    // Channels that lie together in packed tiles: all, or those whose weights are transformed at once.
    private readonly int packStep;
    // Channels that are transformed before they are packed: they stay in the first-level cache.
    private readonly int chunk;

    private readonly long packedFloats;
    private readonly long stripFloats;
    // One panel's results: all elements of all tiles.
    private readonly int panelProducts;
    private readonly long productFloats;
    private readonly long outputFloats;
    private readonly long scratchFloats;
    private readonly int side;
    private readonly long threadFloats;

    private Winograd(ConvolutionSpec spec, CpuContext context, int tile, bool late)
    {
        this.spec = spec;
        this.tile = tile;
        flops = spec.Flops;
        pool = context.Pool;
        spacing = spec.Stride.Y;
        edge = spacing * (tile - 1) + 3;
        elements = edge * edge;
        input = new ConvolutionInput(spec);
        epilogue = CpuEpilogue.Create(spec.After, spec.Y);
        store = DirectStore.Create(spec.After, spec.Y, bySample: true);
        transformed = late ? null : new WinogradWeights(spec.W, spacing == 2 ? WinogradWeights.Strided : edge == 4 ? WinogradWeights.Four : WinogradWeights.Six);
        elementsOf = ElementsOf();
        inRows = late && edge == WinogradRows.Edge && WinogradRows.IsSupported;
        unit = inRows ? WinogradRows.Tiles : MicroKernel.Rows;
        taps = late ? new WinogradTaps(spec.W, edge, inRows) : null;
        depth = WinogradTransforms.Pad(spec.W.Shape[1]);
        panels = (spec.W.Shape[0] + Width - 1) / Width;
        channels = spec.W.Shape[1];
        outputs = spec.W.Shape[0];
        if (outputs % WinogradTransforms.Lanes != 0)
            store = default;
        tileRows = (spec.Y.Shape[1] + tile - 1) / tile;
        tileColumns = (spec.Y.Shape[2] + tile - 1) / tile;
        tiles = checked(spec.Y.Shape[0] * tileRows * tileColumns);
        zeros = GC.AllocateArray<float>(panels * Width, pinned: true);

        int most = (int)Math.Clamp(MaxBlockFloats / ((long)elements * depth) / unit * unit, 4 * unit, inRows ? RowsBlock : MaxBlock);
        int parts = pool.Threads == 1 ? 1 : 2 * pool.Threads;
        int fair = Round((tiles + parts - 1) / parts);
        // Many tiles: a task takes a block of tiles through all steps. Few: tasks share the transformed tiles and differ by outputs.
        shared = pool.Threads > 1 && fair < Math.Min(MinBlock, most);
        block = shared ? Math.Min(Round(tiles), inRows ? RowsBlock : MaxBlock) : Math.Min(most, fair);
        blocks = (tiles + block - 1) / block;
        panelProducts = elements * block * Width;
        group = Math.Min(GroupOf(late && !inRows && block >= FewTiles ? MaxSide : 1), panels);
        groups = (panels + group - 1) / group;
        int rounds = (depth + MaxDepthStep - 1) / MaxDepthStep;
        depthStep = MicroKernel.RoundDepth(depth, rounds);

        packStep = taps?.DepthStep ?? depth;
        chunk = Math.Min(MaxChunk, packStep);
        packedFloats = PanelPlan.Align((long)elements * block * depth);
        stripFloats = PanelPlan.Align((long)elements * unit * chunk);
        productFloats = (long)panelProducts * group;
        outputFloats = store.Possible ? 0 : PanelPlan.Align((long)MaxRun * tile * tile * group * Width);
        side = inRows || block < FewTiles ? 1 : Math.Min(MaxSide, group);
        scratchFloats = PanelPlan.Align(Math.Max(epilogue.ScratchFloats(group * Width), taps is null ? 0 : side * (taps.RowFloats + taps.WidenedFloats)));
        threadFloats = Math.Max(stripFloats, productFloats + outputFloats + scratchFloats)
            + (shared ? 0 : packedFloats);
    }

    /// <summary>Prepares a contract.</summary>
    /// <param name="spec">3×3 taps, stride 1 (or 2 for tiles of two outputs and weights that aren't late), one group, constant weights.</param>
    /// <param name="context">The workers.</param>
    /// <param name="tile">Outputs a side of a tile: 2 or 4.</param>
    /// <param name="late">Whether the weights are transformed when they are used, not when they are packed.</param>
    public static PreparedKernel Prepare(ConvolutionSpec spec, CpuContext context, int tile, bool late)
    {
        var plan = new Winograd(spec, context, tile, late);
        long floats = plan.input.StagedFloats + (plan.shared ? plan.blocks * plan.packedFloats : 0) + plan.threadFloats * context.Threads;
        var packing = plan.taps?.Packing(context.Pool) ?? plan.transformed!.Packing(context.Pool);
        return new PreparedKernel(spec, $"winograd-{tile}x{tile}{(late ? "-late" : "")}{(plan.spacing == 2 ? "-strided" : "")}", floats * sizeof(float), [packing], plan.Launch);
    }

    /// <summary>
    /// Panels of a group, a multiple of <paramref name="together"/>: as many as keep their results near; where tiles are so many that reading
    /// them for each group costs more than that saves, as many as there is room for. Tasks that differ by panels are made even,
    /// and no fewer than threads where there are panels enough.
    /// </summary>
    private int GroupOf(int together)
    {
        // Each run of the epilogue costs something, however few columns it has.
        bool near = store.Possible && (long)elements * block * depth * (shared ? blocks : pool.Threads) <= NearFloats;
        int most = near ? Math.Clamp((inRows ? RowsFloats : GroupFloats) / panelProducts / together * together, together, MaxGroup) : MaxGroup;
        if (!shared)
            return most;
        int PerThread(int tasks, int limit) => Math.Clamp(panels * blocks / (tasks * pool.Threads) / together * together, together, limit);
        return near
            ? (int)CpuSplit.EvenStep(panels, together, together, PerThread(TasksPerThread, most), blocks, pool.Threads)
            : (int)CpuSplit.EvenStep(panels, together, PerThread(1, MaxSide), most, blocks, pool.Threads);
    }

    /// <summary>One element a weight; with stride 2 the last two rows share theirs, and the last two columns.</summary>
    private int[][] ElementsOf()
    {
        int distinct = spacing == 2 ? edge - 1 : edge;
        int WeightOf(int element) => Math.Min(element / edge, distinct - 1) * distinct + Math.Min(element % edge, distinct - 1);
        return [.. Enumerable.Range(0, elements).GroupBy(WeightOf).OrderBy(group => group.Key).Select(group => group.ToArray())];
    }

    private int Round(int rows) => (rows + unit - 1) / unit * unit;

    private void Launch(in KernelArguments arguments)
    {
        float* workspace = (float*)arguments.Workspace.Address;
        var job = new Job
        {
            Owner = this,
            X = input.Stage(pool, arguments.Operands[0].Address, workspace),
            Weights = (byte*)arguments.Operands[1].Address,
            Launch = new EpilogueLaunch(arguments, 2),
            Packed = workspace + input.StagedFloats,
        };
        job.Scratch = job.Packed + (shared ? blocks * packedFloats : 0);
        void* state = Unsafe.AsPointer(ref job);
        if (shared)
        {
            pool.Run((tiles + unit - 1) / unit, state, &TransformTask, flops);
            pool.Run(blocks * groups, state, &GroupTask, flops);
        }
        else
        {
            pool.Run(blocks, state, &BlockTask, flops);
        }
    }

    private static void TransformTask(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var owner = job.Owner;
        int first = task * owner.unit, within = first % owner.block;
        owner.TransformUnit(job.X, first, job.Packed + first / owner.block * owner.packedFloats, within, job.Scratch + thread * owner.threadFloats);
    }

    private static void GroupTask(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var owner = job.Owner;
        int part = task / owner.groups;
        owner.FinishGroup(ref job, part * owner.block, job.Packed + part * owner.packedFloats, task % owner.groups, job.Scratch + thread * owner.threadFloats);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BlockTask(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var owner = job.Owner;
        float* packed = job.Scratch + thread * owner.threadFloats, scratch = packed + owner.packedFloats;
        int first = task * owner.block, count = Math.Min(owner.block, owner.tiles - first);
        for (int i = 0; i < count; i += owner.unit)
            owner.TransformUnit(job.X, first + i, packed, i, scratch);
        for (int g = 0; g < owner.groups; g++)
            owner.FinishGroup(ref job, first, packed, g, scratch);
    }

    /// <summary>Transforms some tiles, a few channels at a time, and packs them as rows of each element's product, or of each row of elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TransformUnit(float* x, int first, float* packed, int within, float* strip)
    {
        int count = Math.Min(unit, tiles - first);
        float** pixels = stackalloc float*[36 * MicroKernel.Rows];
        for (int i = 0; i < count; i++)
            Locate(x, first + i, pixels + i * elements);
        for (int k = 0, step; k < depth; k += step)
        {
            int start = k / packStep * packStep, packedStep = Math.Min(packStep, depth - start);
            step = Math.Min(chunk, start + packedStep - k);
            for (int i = 0; i < count; i++)
                TransformTile(pixels + i * elements, k, step, strip + i * chunk, unit * chunk);
            float* to = packed + (long)elements * block * start;
            if (inRows)
                PackRowsOfElements(strip, step, to + (long)(k - start) * edge * unit, within, packedStep);
            else
                PackElements(strip, count, step, to + (long)(k - start) * unit, within, packedStep);
        }
    }

    /// <summary>The pixels of a tile, zeros outside the image.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Locate(float* x, int index, float** pixels)
    {
        int column = index % tileColumns * tile * spacing - spec.Padding.Left;
        int line = index / tileColumns;
        int row = line % tileRows * tile * spacing - spec.Padding.Top;
        float* image = x + line / tileRows * input.ImageStride;
        int up = spec.Upsample, height = spec.X.Shape[1] * up, width = spec.X.Shape[2] * up;
        for (int i = 0; i < edge; i++)
        {
            int y = row + i;
            for (int j = 0; j < edge; j++)
            {
                int c = column + j;
                bool inside = (uint)y < (uint)height && (uint)c < (uint)width;
                pixels[i * edge + j] = inside ? image + y / up * input.RowStride + c / up * input.ColumnStride : input.Zeros;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TransformTile(float** pixels, int first, int count, float* target, nint stride)
    {
        const int lanes = WinogradTransforms.Lanes;
        int whole = Math.Clamp(channels / lanes * lanes - first, 0, count);
        Transform(pixels, first, whole, target, stride);
        if (whole == count)
            return;
        // The last channels by way of a padded copy: the pixels may end where the memory ends.
        float* padded = stackalloc float[36 * lanes];
        float** copies = stackalloc float*[36];
        new Span<float>(padded, 36 * lanes).Clear();
        for (int i = 0; i < elements; i++)
        {
            copies[i] = padded + i * lanes;
            for (int c = first + whole; c < channels; c++)
                copies[i][c - first - whole] = pixels[i][c];
        }
        Transform(copies, 0, lanes, target + whole, stride);
    }

    private void Transform(float** pixels, int first, int count, float* target, nint stride)
    {
        if (edge == WinogradStridedTransforms.Edge)
        {
            WinogradStridedTransforms.Input(pixels, first, count, target, stride);
            return;
        }
        if (edge == 4)
        {
            WinogradTransforms.Input4(pixels, first, count, target, stride);
            return;
        }
        int wide = MicroKernel.IsWide ? count / WinogradTransformsWide.Lanes * WinogradTransformsWide.Lanes : 0;
        if (wide > 0)
            WinogradTransformsWide.Input6(pixels, first, wide, target, stride);
        WinogradTransforms.Input6(pixels, first + wide, count - wide, target + wide, stride);
    }

    private void PackElements(float* strip, int count, int step, float* packed, int within, int packedStep)
    {
        float** rows = stackalloc float*[MicroKernel.Rows];
        for (int e = 0; e < elements; e++)
        {
            for (int i = 0; i < MicroKernel.Rows; i++)
                rows[i] = strip + (e * unit + Math.Min(i, count - 1)) * chunk;
            PanelPacking.PackRows(rows, step, packed + (long)(e * block + within) * packedStep);
        }
    }

    // Places of tiles that aren't there are multiplied and forgotten.
    private void PackRowsOfElements(float* strip, int step, float* packed, int within, int packedStep)
    {
        for (int row = 0; row < edge; row++)
            WinogradRows.Pack(strip + row * edge * unit * chunk, chunk, unit * chunk, step, packed + (long)(row * block + within) * edge * packedStep);
    }

    /// <summary>Multiplies a block of tiles with a group of panels and stores the outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FinishGroup(ref Job job, int first, float* packed, int index, float* scratch)
    {
        int count = Math.Min(block, tiles - first);
        int panel = index * group, n = Math.Min(group, panels - panel);
        if (inRows)
            MultiplyInRows(ref job, count, packed, panel, n, scratch);
        else if (transformed is null)
            MultiplyLate(ref job, count, packed, panel, n, scratch);
        else
            Multiply(ref job, transformed, count, packed, panel, n, scratch);
        int column = panel * Width, columns = Math.Min(n * Width, outputs - column);
        for (int done = 0; done < count;)
        {
            // A run of tiles side by side.
            int at = first + done, run = Math.Min(Math.Min(MaxRun, count - done), tileColumns - at % tileColumns);
            float* products = scratch + done * Width;
            if (store.Possible)
            {
                for (int c = 0; c < columns; c += Width, products += panelProducts)
                    StoreDirect(ref job, at, run, products, column + c, Math.Min(Width, columns - c));
            }
            else
            {
                StoreByEpilogue(ref job, at, run, products, column, columns, scratch + productFloats);
            }
            done += run;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void StoreDirect(ref Job job, int first, int run, float* products, int column, int columns)
    {
        int height = spec.Y.Shape[1], width = spec.Y.Shape[2];
        int line = first / tileColumns, y = line % tileRows * tile, image = line / tileRows;
        long rowStart = ((long)image * height + y) * width;
        float* bias = stackalloc float[Width];
        new Span<float>(bias, columns).Clear();
        if (store.Bias >= 0)
            WinogradTransforms.Add((float*)job.Launch.Input(store.Bias) + column, 0, bias, 0, 1, columns);
        if (store.Sample >= 0)
            WinogradTransforms.Add((float*)job.Launch.Input(store.Sample) + image * store.SampleStride + column, 0, bias, 0, 1, columns);
        int rows = Math.Min(tile, height - y), elementStride = block * Width;
        for (int i = 0; i < run; i++)
        {
            int x = (first + i) % tileColumns * tile, count = Math.Min(tile, width - x);
            float* target = (float*)job.Launch.Output + (rowStart + x) * store.RowStride + column;
            if (edge == 6 && i + 1 < run && Sse.IsSupported)
            {
                // The next tile's products, results and residuals lie in dozens of places that the hardware doesn't foresee.
                float* next = products + (i + 1) * Width;
                for (int e = 0; e < elements; e++)
                    Prefetch(next + e * elementStride, columns);
                int after = x + tile;
                for (int j = 0; j < rows; j++)
                {
                    for (int k = 0; k < Math.Min(tile, width - after); k++)
                    {
                        long pixel = rowStart + after + (long)j * width + k;
                        Prefetch((float*)job.Launch.Output + pixel * store.RowStride + column, columns);
                        if (store.Residual >= 0)
                            Prefetch((float*)job.Launch.Input(store.Residual) + pixel * store.ResidualStride + column, columns);
                    }
                }
            }
            float* residual = store.Residual < 0 ? null : (float*)job.Launch.Input(store.Residual) + (rowStart + x) * store.ResidualStride + column;
            if (edge == 6 && columns == Width && MicroKernel.IsWide)
            {
                WinogradTransformsWide.Output6(
                    products + i * Width, elementStride, bias, target, (nint)(width * store.RowStride), (nint)store.RowStride,
                    residual, (nint)(width * store.ResidualStride), (nint)store.ResidualStride, rows, count);
                continue;
            }
            Untransform(
                products + i * Width, elementStride, columns, bias, target, (nint)(width * store.RowStride), (nint)store.RowStride, rows, count);
            if (residual == null)
                continue;
            for (int j = 0; j < rows; j++)
            {
                WinogradTransforms.Add(
                    residual + j * width * store.ResidualStride, (nint)store.ResidualStride, target + j * width * store.RowStride, (nint)store.RowStride,
                    count, columns);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* at, int count)
    {
        for (int i = 0; i < count; i += 16)
            Sse.Prefetch0(at + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void StoreByEpilogue(ref Job job, int first, int run, float* products, int column, int columns, float* pixels)
    {
        int height = spec.Y.Shape[1], width = spec.Y.Shape[2], stride = group * Width;
        int line = first / tileColumns, y = line % tileRows * tile, x = first % tileColumns * tile;
        long rowStart = ((long)(line / tileRows) * height + y) * width + x;
        int rowFloats = MaxRun * tile * stride;
        int padded = (columns + WinogradTransforms.Lanes - 1) / WinogradTransforms.Lanes * WinogradTransforms.Lanes;
        float* none = (float*)Unsafe.AsPointer(ref zeros[0]);
        for (int i = 0; i < run; i++)
        {
            for (int c = 0; c < padded; c += Width)
            {
                Untransform(
                    products + c / Width * panelProducts + i * Width, block * Width, Math.Min(Width, padded - c), none, pixels + i * tile * stride + c, rowFloats, stride,
                    tile, tile);
            }
        }
        int rows = Math.Min(tile, height - y), count = Math.Min(run * tile, width - x);
        for (int i = 0; i < rows; i++)
            epilogue.Apply(job.Launch, rowStart + (long)i * width, count, column, columns, pixels + i * rowFloats, stride, null, pixels + outputFloats);
    }

    private void Untransform(
        float* products, nint elementStride, int count, float* bias, float* target, nint rowStride, nint columnStride, int rows, int columns)
    {
        if (edge == 6)
            WinogradTransforms.Output6(products, elementStride, count, bias, target, rowStride, columnStride, rows, columns);
        else if (edge == WinogradStridedTransforms.Edge)
            WinogradStridedTransforms.Output(products, elementStride, count, bias, target, rowStride, columnStride, rows, columns);
        else
            WinogradTransforms.Output4(products, elementStride, count, bias, target, rowStride, columnStride, rows, columns);
    }

    private struct Job
    {
        public Winograd Owner;
        public float* X;
        public byte* Weights;
        public EpilogueLaunch Launch;
        public float* Packed;
        public float* Scratch;
    }
}
