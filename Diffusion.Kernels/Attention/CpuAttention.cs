using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Attention by blocks of queries and keys with an online softmax (Dao et al. 2022, arXiv:2205.14135): scores exist for one
/// block at a time. Keys are packed into panels of 16 keys, values into panels of 16 (or 24) columns, once a launch.
/// </summary>
internal sealed unsafe class CpuAttention
{
    private const int Unit = MicroKernel.Rows;
    private const int Width = MicroKernel.Width;
    private const int Wide = 24;
    private const int KeyBlock = 256;
    private const int MaxQueryBlock = 96;
    private const int QueryUnit = 12;
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

    // A value's columns: narrow panels of 16, then perhaps one of 24, which wastes nothing for sizes like 40.
    private readonly int narrow;
    private readonly bool wide;
    private readonly int paddedSize;

    private readonly int keyPanels;
    private readonly int keySlices;
    private readonly int queryBlock;
    private readonly int queryBlocks;
    private readonly int chunk;
    private readonly long keyFloats;
    private readonly long valueFloats;
    private readonly long threadFloats;

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
        wide = size % Width is > 0 and <= 8 && size >= Wide - 7;
        narrow = wide ? size / Width - 1 : (size + Width - 1) / Width;
        paddedSize = narrow * Width + (wide ? Wide : 0);
        keyPanels = (keys + Width - 1) / Width;
        keySlices = (keys + KeyBlock - 1) / KeyBlock;
        int most = Math.Max(depth, size) > 512 ? MaxQueryBlock / 2 : MaxQueryBlock;
        long fair = ((long)queries * pairs + 2 * context.Threads - 1) / (2 * context.Threads);
        int blocks = (queries + most - 1) / most;
        int even = (queries + blocks - 1) / blocks;
        queryBlock = (int)Math.Clamp(Math.Min(even, fair), 1, most);
        queryBlock = (queryBlock + QueryUnit - 1) / QueryUnit * QueryUnit;
        queryBlocks = (queries + queryBlock - 1) / queryBlock;
        keyFloats = PanelPlan.Align((long)keyPanels * Width * paddedDepth);
        valueFloats = PanelPlan.Align((long)keys * paddedSize);
        chunk = (int)Math.Clamp(MaxPackedFloats / Math.Max(1, keyFloats + valueFloats), Math.Min(pairs, context.Threads), pairs);
        threadFloats = PanelPlan.Align((long)queryBlock * (KeyBlock + paddedSize + paddedDepth + 2) + StripFloats);
    }

    private long StripFloats => PanelPlan.Align(Math.Max((long)Unit * paddedDepth, KeyBlock));

    /// <summary>Prepares <see cref="AttentionSpec"/>.</summary>
    public static PreparedKernel Prepare(AttentionSpec spec, CpuContext context)
    {
        spec.Validate();
        if (spec.O.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in KernelArguments _) => { });
        var plan = new CpuAttention(spec, context);
        long floats = plan.chunk * (plan.keyFloats + plan.valueFloats) + context.Threads * plan.threadFloats;
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
            Values = workspace + chunk * keyFloats,
            Scratch = workspace + chunk * (keyFloats + valueFloats),
        };
        void* state = Unsafe.AsPointer(ref job);
        for (job.FirstPair = 0; job.FirstPair < pairs; job.FirstPair += chunk)
        {
            int n = Math.Min(chunk, pairs - job.FirstPair);
            pool.Run(n * keySlices, state, &PackTask, flops);
            pool.Run(n * queryBlocks, state, &QueryTask, flops);
        }
    }

    private byte* Head(byte* origin, Layout layout, int pair) =>
        origin + (pair / heads * layout.Strides[0] + pair % heads * layout.Strides[1]) * layout.Type.Size();

    private static void PackTask(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        job.Owner.PackSlice(ref job, task / job.Owner.keySlices, task % job.Owner.keySlices * KeyBlock);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackSlice(ref Job job, int index, int first)
    {
        float* scratch = stackalloc float[PanelPacking.ColumnScratch];
        int end = Math.Min(first + KeyBlock, keys), n = end - first;
        Layout k = spec.K, v = spec.V;
        byte* source = Head(job.K, k, job.FirstPair + index);
        float* target = job.Keys + index * keyFloats + (long)first * paddedDepth;
        for (int key = first; key < end; key += Width, target += Width * paddedDepth)
        {
            PanelPacking.PackColumns(
                k.Type, source + key * k.Strides[2] * k.Type.Size(), k.Strides[3], k.Strides[2], depth, Math.Min(Width, end - key), target, scratch);
            new Span<float>(target + depth * Width, (paddedDepth - depth) * Width).Clear();
            // The scale goes to the keys: there are rarely more of them than of queries.
            OnlineSoftmax.Scale(target, (float)(spec.Scale * LogTwoOfE), target, Width * depth);
        }
        int bytes = v.Type.Size();
        source = Head(job.V, v, job.FirstPair + index) + first * v.Strides[2] * bytes;
        target = job.Values + index * valueFloats;
        for (int p = 0; p < narrow; p++)
        {
            PanelPacking.PackColumns(
                v.Type, source + p * Width * v.Strides[3] * bytes, v.Strides[2], v.Strides[3], n, Math.Min(Width, size - p * Width),
                target + ((long)p * keys + first) * Width, scratch);
        }
        if (!wide)
            return;
        int column = narrow * Width, columns = size - column;
        target += (long)column * keys + (long)first * Wide;
        source += column * v.Strides[3] * bytes;
        for (int i = 0; i < n; i++, target += Wide, source += v.Strides[2] * bytes)
        {
            CpuConvert.Load(v.Type, source, v.Strides[3], target, columns);
            for (int j = columns; j < Wide; j++)
                target[j] = 0;
        }
    }

    private static void QueryTask(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var owner = job.Owner;
        owner.Attend(ref job, task / owner.queryBlocks, task % owner.queryBlocks * owner.queryBlock, job.Scratch + thread * owner.threadFloats);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Attend(ref Job job, int index, int first, float* scores)
    {
        int count = Math.Min(queryBlock, queries - first), pair = job.FirstPair + index;
        float* results = scores + queryBlock * KeyBlock, packed = results + queryBlock * paddedSize;
        float* largest = packed + queryBlock * paddedDepth, totals = largest + queryBlock, strip = totals + queryBlock;
        new Span<float>(results, queryBlock * paddedSize).Clear();
        new Span<float>(largest, count).Fill(float.NegativeInfinity);
        new Span<float>(totals, count).Clear();
        PackQueries(Head(job.Q, spec.Q, pair) + first * spec.Q.Strides[2] * spec.Q.Type.Size(), count, packed, strip);
        // With a causal mask no query of the block sees keys after its last one.
        int seen = spec.Causal ? Math.Min(keys, first + count) : keys;
        for (int key = 0; key < seen; key += KeyBlock)
        {
            int n = Math.Min(KeyBlock, seen - key);
            float* k = job.Keys + index * keyFloats + (long)key * paddedDepth;
            for (int p = 0; p * Width < n; p++)
                PanelProduct.MultiplyColumn(packed, (long)Unit * paddedDepth, k + p * Width * paddedDepth, paddedDepth, count, scores + p * Width, KeyBlock, null, 0, null);
            for (int i = 0; i < count; i++)
            {
                float* row = scores + i * KeyBlock;
                int visible = spec.Causal ? Math.Clamp(first + i + 1 - key, 0, n) : n;
                if (job.Mask != null)
                    AddMask(ref job, pair, first + i, key, visible, row, strip);
                float factor = OnlineSoftmax.Update(row, visible, ref largest[i], ref totals[i]);
                if (visible < n)
                    new Span<float>(row + visible, n - visible).Clear();
                if (factor != 1)
                    OnlineSoftmax.Scale(results + i * paddedSize, factor, results + i * paddedSize, paddedSize);
            }
            AddValues(scores, job.Values + index * valueFloats, key, n, count, results);
        }
        byte* target = Head(job.O, spec.O, pair) + first * spec.O.Strides[2] * spec.O.Type.Size();
        for (int i = 0; i < count; i++, target += spec.O.Strides[2] * spec.O.Type.Size())
        {
            float* row = results + i * paddedSize;
            OnlineSoftmax.Scale(row, totals[i] == 0 ? 0 : 1 / totals[i], row, paddedSize);
            CpuConvert.Store(spec.O.Type, row, target, size == 1 ? 1 : spec.O.Strides[3], size);
        }
    }

    /// <summary>Queries as tiles of six.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackQueries(byte* source, int count, float* packed, float* strip)
    {
        var q = spec.Q;
        bool dense = q.Type == ElementType.Float32 && (depth == 1 || q.Strides[3] == 1);
        long step = q.Strides[2] * q.Type.Size();
        float** rows = stackalloc float*[Unit];
        for (int first = 0; first < count; first += Unit, packed += Unit * paddedDepth)
        {
            for (int i = 0; i < Unit; i++)
            {
                byte* query = source + Math.Min(first + i, count - 1) * step;
                rows[i] = dense ? (float*)query : strip + i * paddedDepth;
                if (!dense)
                    CpuConvert.Load(q.Type, query, depth == 1 ? 1 : q.Strides[3], rows[i], depth);
            }
            PanelPacking.PackRows(rows, depth, packed);
            PanelPacking.ClearDepth(packed, depth, paddedDepth);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddMask(ref Job job, int pair, int query, int key, int count, float* scores, float* strip)
    {
        var mask = spec.Mask[0];
        byte* source = Head(job.Mask, mask, pair) + (query * mask.Strides[2] + key * mask.Strides[3]) * mask.Type.Size();
        CpuConvert.Load(mask.Type, source, keys == 1 ? 1 : mask.Strides[3], strip, count);
        OnlineSoftmax.AddMask(scores, strip, count, LogTwoOfE);
    }

    /// <summary>results += weights · values of one block of keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddValues(float* weights, float* values, int key, int depth, int count, float* results)
    {
        for (int p = 0; p < narrow; p++)
        {
            float* panel = values + ((long)p * keys + key) * Width;
            for (int i = 0; i < count; i += Unit)
                MicroKernel.Strided(weights + i * KeyBlock, KeyBlock, panel, depth, results + i * paddedSize + p * Width, paddedSize);
        }
        if (!wide)
            return;
        float* last = values + (long)narrow * Width * keys + (long)key * Wide;
        for (int i = 0; i < count; i += 4)
            MicroKernel.Strided24(weights + i * KeyBlock, KeyBlock, last, depth, results + i * paddedSize + narrow * Width, paddedSize);
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
        public int FirstPair;
    }
}
