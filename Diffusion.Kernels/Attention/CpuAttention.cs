using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Attention by blocks of queries and keys (Dao et al. 2022, arXiv:2205.14135): scores exist for a strip of queries and a block of
/// keys at a time, in the first-level cache. Keys are packed into panels of 16 keys, values into panels of 16 (or 24) columns, once
/// a launch. Where the lengths of queries and keys bound all scores (|q·k| ≤ |q|·|k|), weights are powers of the scores themselves;
/// elsewhere an online softmax keeps the largest score.
/// </summary>
internal sealed unsafe partial class CpuAttention
{
    private const int Unit = MicroKernel.Rows;
    private const int Width = MicroKernel.Width;
    private const int KeyBlock = 256;
    private const int MaxQueryBlock = 96;
    private const int QueryUnit = 12;

    // Scores that share the first-level cache with a panel: of 24 queries with a whole block of keys.
    private const int MaxScores = 24 * KeyBlock;
    private const long MaxSharedFloats = 64 << 10;
    private const int MaxWholeBlocks = 4;

    // Tasks a thread: cores are rarely equally fast, and whoever is done sooner takes over what the other hasn't begun.
    private const int MinTasks = 8;

    // Queries that are worth a task: with fewer, panels of keys pass through the first-level cache too often.
    private const int MinBlock = 24;

    // Numbers that threads write lie in cache lines of their own.
    private const int HeldStep = 32;
    private const long MaxPackedFloats = 16 << 20;
    private const float LogTwoOfE = 1.44269504f;

    private readonly AttentionSpec spec;
    private readonly WorkerPool pool;
    private readonly double flops;
    private readonly int heads;
    private readonly int pairs;
    private readonly int queries;
    private readonly int keys;
    private readonly int depth;
    private readonly int paddedDepth;
    private readonly int size;

    // How a value's columns are cut up.
    private readonly ValuePanels panels;
    private readonly int paddedSize;

    private readonly int keyPanels;
    private readonly int keySlices;

    // Floats between rows of scores: few keys lie densely, since rows a kilobyte apart share sets of the first-level cache.
    private readonly int scoreStep;

    // Queries whose scores are computed at once.
    private readonly int stripRows;

    private readonly int queryBlock;
    private readonly int queryBlocks;
    private readonly int chunk;

    // Heads whose keys and values are packed at a time: of whole heads one a thread, whose memory stays in that core's cache.
    private readonly int slots;
    private readonly long keyFloats;
    private readonly long valueFloats;
    private readonly long threadFloats;

    // Few keys: a task takes all heads of a block of queries, whose rows lie side by side, in lines that heads share.
    private readonly bool headsInside;

    // Few queries: a task takes a part of a head through both steps; a thread that goes on with the next part finds them packed.
    private readonly bool wholeHeads;

    // Sums over values are results, and may be written where these belong.
    private readonly bool inPlace;

    // The first tile of queries that meets a whole head's values packs them, by which their way into the cache costs no time of its own.
    private readonly bool packsLater;

    private CpuAttention(AttentionSpec spec, CpuContext context)
    {
        this.spec = spec;
        pool = context.Pool;
        flops = spec.Flops;
        heads = spec.Q.Shape[1];
        pairs = checked(spec.Q.Shape[0] * heads);
        queries = spec.Q.Shape[2];
        keys = spec.K.Shape[2];
        depth = spec.Q.Shape[3];
        paddedDepth = MicroKernel.PadDepth(depth);
        size = spec.V.Shape[3];
        panels = ValuePanels.Of(size);
        paddedSize = panels.PaddedSize;
        keyPanels = (keys + Width - 1) / Width;
        keySlices = (keys + KeyBlock - 1) / KeyBlock;
        scoreStep = Math.Clamp(keyPanels * Width, Width, KeyBlock);
        stripRows = MaxScores / scoreStep / QueryUnit * QueryUnit;
        int most = Math.Max(depth, size) > 512 ? MaxQueryBlock / 2 : MaxQueryBlock;
        long shares = MinTasks * context.Threads, fair = Math.Max(MinBlock, ((long)queries * pairs + shares - 1) / shares);
        int blocks = (queries + most - 1) / most;
        int even = (queries + blocks - 1) / blocks;
        queryBlock = (int)Math.Clamp(Math.Min(even, fair), 1, most);
        queryBlock = (queryBlock + QueryUnit - 1) / QueryUnit * QueryUnit;
        queryBlocks = (queries + queryBlock - 1) / queryBlock;
        // Behind the panels, the largest squared length of each slice's keys.
        keyFloats = PanelPlan.Align((long)keyPanels * Width * paddedDepth + keySlices);
        valueFloats = PanelPlan.Align((long)keys * paddedSize);
        headsInside = heads * (keyFloats + valueFloats) <= MaxSharedFloats && queryBlocks >= 4 * context.Threads;
        wholeHeads = queryBlocks <= MaxWholeBlocks && (pairs % context.Threads == 0 || pairs >= 4 * context.Threads);
        chunk = wholeHeads ? pairs : (int)Math.Clamp(MaxPackedFloats / Math.Max(1, keyFloats + valueFloats), Math.Min(pairs, context.Threads), pairs);
        slots = wholeHeads ? context.Threads : chunk;
        inPlace = keySlices <= 1 && spec.O.Type == ElementType.Float32 && spec.O.Strides[3] == 1 && paddedSize == size;
        packsLater = inPlace && wholeHeads && !spec.Causal && MicroKernel.IsFma && spec.V.Type == ElementType.Float32 && spec.V.Strides[3] == 1;
        threadFloats = PanelPlan.Align(MaxScores + queryBlock * (paddedSize + paddedDepth + 3L) + RowFloats);
    }

    private long RowFloats => PanelPlan.Align(Math.Max((long)Unit * paddedDepth, KeyBlock));

    /// <summary>Prepares <see cref="AttentionSpec"/>.</summary>
    public static PreparedKernel Prepare(AttentionSpec spec, CpuContext context)
    {
        spec.Validate();
        if (spec.O.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in KernelArguments _) => { });
        var plan = new CpuAttention(spec, context);
        long floats = plan.slots * (plan.keyFloats + plan.valueFloats) + context.Threads * (plan.threadFloats + HeldStep);
        return new PreparedKernel(spec, "online-softmax", floats * sizeof(float), [], plan.Launch);
    }

    private void Launch(in KernelArguments arguments)
    {
        var operands = arguments.Operands;
        float* workspace = (float*)arguments.Workspace.Address;
        var job = new Job
        {
            Owner = this,
            Q = (byte*)operands[0].Address,
            K = (byte*)operands[1].Address,
            V = (byte*)operands[2].Address,
            Mask = spec.Mask.IsEmpty ? null : (byte*)operands[3].Address,
            O = (byte*)operands[^1].Address,
            Keys = workspace,
            Values = workspace + slots * keyFloats,
            Scratch = workspace + slots * (keyFloats + valueFloats),
            Held = (int*)(workspace + slots * (keyFloats + valueFloats) + pool.Threads * threadFloats),
        };
        void* state = Unsafe.AsPointer(ref job);
        for (job.FirstPair = 0; job.FirstPair < pairs; job.FirstPair += chunk)
        {
            int n = Math.Min(chunk, pairs - job.FirstPair);
            if (wholeHeads)
            {
                new Span<int>(job.Held, slots * HeldStep).Fill(-1);
                pool.Run(n * queryBlocks, state, &HeadTask, flops);
                continue;
            }
            pool.Run(n * keySlices, state, &PackTask, flops);
            pool.Run(headsInside ? queryBlocks : n * queryBlocks, state, &QueryTask, flops);
        }
    }

    private static void HeadTask(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var owner = job.Owner;
        int pair = task / owner.queryBlocks, first = task % owner.queryBlocks * owner.queryBlock;
        ref int held = ref job.Held[thread * HeldStep];
        bool isNew = held != pair, packsLater = isNew && owner.packsLater && owner.queries - first >= Unit;
        for (int key = 0; isNew && key < owner.keys; key += KeyBlock)
            owner.PackSlice(ref job, pair, thread, key, packsLater);
        held = pair;
        owner.Attend(ref job, pair, thread, first, job.Scratch + thread * owner.threadFloats, packsLater);
    }

    private byte* Head(byte* origin, Layout layout, int pair) =>
        origin + (pair / heads * layout.Strides[0] + pair % heads * layout.Strides[1]) * layout.Type.Size();

    private byte* Row(byte* origin, Layout layout, int pair, int row) => Head(origin, layout, pair) + row * layout.Strides[2] * layout.Type.Size();

    private static void PackTask(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        int index = task / job.Owner.keySlices;
        job.Owner.PackSlice(ref job, job.FirstPair + index, index, task % job.Owner.keySlices * KeyBlock);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackSlice(ref Job job, int pair, int slot, int first, bool packsLater = false)
    {
        int n = Math.Min(KeyBlock, keys - first);
        float* k = job.Keys + slot * keyFloats;
        // The scale goes to the keys: there are rarely more of them than of queries.
        k[(long)keyPanels * Width * paddedDepth + first / KeyBlock] = AttentionPanels.PackKeys(
            spec.K, Row(job.K, spec.K, pair, first), n, (float)(spec.Scale * LogTwoOfE), k + (long)first * paddedDepth);
        AttentionPanels.PackValues(
            spec.V, Row(job.V, spec.V, pair, first), n, packsLater ? panels with { Wide = 0 } : panels, first, job.Values + slot * valueFloats);
    }

    private static void QueryTask(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var owner = job.Owner;
        float* scratch = job.Scratch + thread * owner.threadFloats;
        if (!owner.headsInside)
        {
            int slot = task / owner.queryBlocks;
            owner.Attend(ref job, job.FirstPair + slot, slot, task % owner.queryBlocks * owner.queryBlock, scratch);
            return;
        }
        int n = Math.Min(owner.chunk, owner.pairs - job.FirstPair);
        for (int index = 0; index < n; index++)
            owner.Attend(ref job, job.FirstPair + index, index, task * owner.queryBlock, scratch);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Attend(ref Job job, int pair, int slot, int first, float* scratch, bool packs = false)
    {
        int count = Math.Min(queryBlock, queries - first);
        var block = new Block
        {
            Pair = pair,
            Slot = slot,
            First = first,
            Count = count,
            Scores = scratch,
            Results = scratch + MaxScores,
        };
        block.Queries = block.Results + queryBlock * paddedSize;
        block.Lengths = block.Queries + queryBlock * paddedDepth;
        block.Largest = block.Lengths + queryBlock;
        block.Totals = block.Largest + queryBlock;
        block.Row = block.Totals + queryBlock;
        block.Limit = LengthLimit(ref job, slot);
        if (keySlices <= 1)
        {
            AttentionPanels.CopyQueries(spec.Q, Row(job.Q, spec.Q, pair, first), count, block.Queries, block.Lengths);
            AttendAtOnce(ref job, block, packs);
            return;
        }
        AttentionPanels.PackQueries(spec.Q, Row(job.Q, spec.Q, pair, first), count, block.Queries, block.Lengths, block.Row);
        do
            Compute(ref job, block);
        while (!TryStore(ref job, block));
    }

    /// <summary>Where all keys are one block: weights are divided by their sum before they meet values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AttendAtOnce(ref Job job, in Block block, bool packs)
    {
        var o = spec.O;
        long bytes = o.Type.Size(), step = o.Strides[2];
        byte* target = Row(job.O, o, block.Pair, block.First);
        float* k = job.Keys + block.Slot * keyFloats, v = job.Values + block.Slot * valueFloats, scores = block.Scores;
        new Span<float>(block.Largest, block.Count).Fill(float.NegativeInfinity);
        new Span<float>(block.Totals, block.Count).Clear();
        int seen = spec.Causal ? Math.Min(keys, block.First + block.Count) : keys;
        for (int first = 0; first < block.Count; first += stripRows, target += stripRows * step * bytes)
        {
            int rows = Math.Min(stripRows, block.Count - first);
            float* results = block.Results + first * paddedSize;
            MultiplyFewKeys(block, first, rows, k, seen);
            Weigh(ref job, block, first, rows, 0, seen, results);
            for (int i = 0; i < rows; i++)
            {
                float* row = scores + i * scoreStep;
                float total = block.Totals[first + i];
                OnlineSoftmax.Scale(row, total == 0 ? 0 : 1 / total, row, seen);
            }
            if (inPlace && rows >= Unit)
            {
                float* source = packs && first == 0 ? (float*)Row(job.V, spec.V, block.Pair, 0) + panels.Narrow * Width : null;
                AddValues(scores, v, 0, seen, rows, (float*)target, step, source);
                continue;
            }
            AddValues(scores, v, 0, seen, rows, results, paddedSize);
            for (int i = 0; i < rows; i++)
                CpuConvert.Store(o.Type, results + i * paddedSize, target + i * step * bytes, size == 1 ? 1 : o.Strides[3], size);
        }
    }

    /// <summary>
    /// The squared length up to which no score of a query can leave ±<see cref="Scores.Bound"/>; below 0 if masks may change scores. Decided for
    /// each query by itself, so that it doesn't depend on how queries are shared out.
    /// </summary>
    private float LengthLimit(ref Job job, int slot)
    {
        if (job.Mask != null || spec.Causal)
            return -1;
        float* lengths = job.Keys + slot * keyFloats + (long)keyPanels * Width * paddedDepth;
        float key = 0;
        for (int i = 0; i < keySlices; i++)
            key = MathF.Max(key, lengths[i]);
        return Scores.Bound * Scores.Bound / key;
    }

    /// <summary>Sums of weighted values and of weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Compute(ref Job job, in Block block)
    {
        int count = block.Count, first = block.First;
        new Span<float>(block.Largest, count).Fill(float.NegativeInfinity);
        new Span<float>(block.Totals, count).Clear();
        // With a causal mask no query of the block sees keys after its last one.
        int seen = spec.Causal ? Math.Min(keys, first + count) : keys;
        if (seen == 0)
            new Span<float>(block.Results, count * paddedSize).Clear();
        float* scores = block.Scores;
        for (int key = 0; key < seen; key += KeyBlock)
        {
            int n = Math.Min(KeyBlock, seen - key);
            float* k = job.Keys + block.Slot * keyFloats + (long)key * paddedDepth;
            for (int strip = 0; strip < count; strip += stripRows)
            {
                int rows = Math.Min(stripRows, count - strip);
                MultiplyKeys(block, strip, rows, k, n);
                float* results = block.Results + strip * paddedSize;
                Weigh(ref job, block, strip, rows, key, n, results);
                AddValues(scores, job.Values + block.Slot * valueFloats, key, n, rows, results, paddedSize);
            }
        }
    }

    /// <summary>Turns a strip's scores into weights: bounded ones as many rows at a time as there are, others by the online softmax.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Weigh(ref Job job, in Block block, int first, int rows, int key, int n, float* results)
    {
        for (int i = 0, end; i < rows; i = end)
        {
            end = i;
            while (end < rows && block.Lengths[first + end] <= block.Limit)
                end++;
            if (end > i)
                Scores.Powers(block.Scores + i * scoreStep, scoreStep, end - i, n, block.Totals + first + i);
            if (end < rows)
            {
                WeighOne(ref job, block, first + end, key, n, block.Scores + end * scoreStep, results + end * paddedSize);
                end++;
            }
        }
    }

    /// <summary>Turns one row of scores into weights by the online softmax.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WeighOne(ref Job job, in Block block, int query, int key, int n, float* row, float* result)
    {
        int visible = spec.Causal ? Math.Clamp(block.First + query + 1 - key, 0, n) : n;
        if (job.Mask != null)
            AddMask(ref job, block.Pair, block.First + query, key, visible, row, block.Row);
        float factor = OnlineSoftmax.Update(row, visible, ref block.Largest[query], ref block.Totals[query]);
        if (visible < n)
            new Span<float>(row + visible, n - visible).Clear();
        if (key > 0 && factor != 1)
            OnlineSoftmax.Scale(result, factor, result, paddedSize);
    }

    /// <summary>
    /// Stores averages of values. False where the sums of a query with bounded scores left float32's comfortable range: then it is
    /// marked as unbounded, for another try.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool TryStore(ref Job job, in Block block)
    {
        var o = spec.O;
        long step = o.Strides[2] * o.Type.Size();
        byte* target = Row(job.O, o, block.Pair, block.First);
        bool direct = o.Type == ElementType.Float32 && (size == 1 || o.Strides[3] == 1), done = true;
        for (int i = 0; i < block.Count; i++, target += step)
        {
            float* row = block.Results + i * paddedSize, to = direct ? (float*)target : row;
            float total = block.Totals[i];
            if (!(block.Lengths[i] <= block.Limit))
            {
                OnlineSoftmax.Scale(row, total == 0 ? 0 : 1 / total, to, size);
            }
            else if (!Scores.Divide(row, total, to, size))
            {
                block.Lengths[i] = float.NaN;
                done = false;
            }
            if (!direct)
                CpuConvert.Store(o.Type, row, target, size == 1 ? 1 : o.Strides[3], size);
        }
        return done;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddMask(ref Job job, int pair, int query, int key, int count, float* scores, float* strip)
    {
        var mask = spec.Mask[0];
        byte* source = Head(job.Mask, mask, pair) + (query * mask.Strides[2] + key * mask.Strides[3]) * mask.Type.Size();
        CpuConvert.Load(mask.Type, source, keys == 1 ? 1 : mask.Strides[3], strip, count);
        OnlineSoftmax.AddMask(scores, strip, count, LogTwoOfE);
    }

    private struct Job
    {
        public CpuAttention Owner;
        public byte* Q;
        public byte* K;
        public byte* V;
        public byte* Mask;
        public byte* O;
        public float* Keys;
        public float* Values;
        public float* Scratch;
        public int* Held;
        public int FirstPair;
    }

    /// <summary>One task's queries and scratch.</summary>
    private struct Block
    {
        public int Pair;
        public int Slot;
        public int First;
        public int Count;
        public float* Scores;
        public float* Results;
        public float* Queries;
        public float* Lengths;
        public float Limit;
        public float* Largest;
        public float* Totals;
        public float* Row;
    }
}
