using Diffusion.Kernels.Cuda;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Diffusion.Kernels.Attention;

/// <summary>Rows of one head: queries, keys or values.</summary>
internal struct HeadRows
{
    /// <summary>Device address of the first element.</summary>
    public long Address;

    /// <summary>Bytes from sample to sample, head to head, token to token.</summary>
    public long SampleBytes, HeadBytes, RowBytes;

    /// <summary>Bytes of a row.</summary>
    public int Depth;

    /// <summary>What all addresses are a multiple of: 16, 4 or 1.</summary>
    public int Alignment;
}

/// <summary>A float32 mask; strides of 0 repeat.</summary>
internal struct MaskRows
{
    /// <summary>Device address of the first element, or 0 for none.</summary>
    public long Address;

    /// <summary>Bytes from sample to sample, head to head, query to query, key to key.</summary>
    public long SampleBytes, HeadBytes, QueryBytes, KeyBytes;
}

/// <summary>What the attention kernel is given.</summary>
/// <typeparam name="TStore">What becomes of the results.</typeparam>
internal struct CudaAttentionParameters<TStore>
    where TStore : struct, IResultStore
{
    /// <summary>The operands.</summary>
    public HeadRows Q, K, V;

    /// <summary>Added to the scores.</summary>
    public MaskRows Mask;

    /// <summary>Takes the results; its matrices are the heads, sample by sample.</summary>
    public TStore Store;

    /// <summary>Heads of a sample.</summary>
    public int Heads;

    /// <summary>Queries of a head.</summary>
    public int Queries;

    /// <summary>Keys of a head.</summary>
    public int Keys;

    /// <summary>Columns of values.</summary>
    public int Columns;

    /// <summary>1: query i sees keys 0 … i only.</summary>
    public int Causal;

    /// <summary>Factor on the scores, times log2(e).</summary>
    public float Scale;
}

/// <summary>
/// Attention on tensor cores that never writes the scores to memory (FlashAttention-2's division of work: Dao 2023). A block keeps its
/// queries in shared memory and goes through the keys; while scores are made the values arrive, and while values are added up the next keys.
/// </summary>
internal static class CudaAttentionKernels
{
    private const int ChunkBytes = MmaTile.ChunkBytes;

    /// <summary>
    /// One block for <see cref="IHeadTile.Queries"/> queries of one head and 16·<see cref="IHeadTile.ValuePairs"/> columns of values; the
    /// columns are the fastest in the grid, then the queries, then the heads.
    /// </summary>
    /// <typeparam name="TMma">Element type.</typeparam>
    /// <typeparam name="THead">Shape of a block's part.</typeparam>
    /// <typeparam name="TStore">What becomes of the results.</typeparam>
    public static void Attend<TMma, THead, TStore>(CudaAttentionParameters<TStore> attention)
        where TMma : struct, IAttentionMma
        where THead : struct, IHeadTile
        where TStore : struct, IResultStore
    {
        CudaAsm.Emit(AttentionRegisters.Declare);
        var results = SharedMemory.GetDynamic<float>();
        CudaAsm.Emit("mov.u32 sb, __dyn_shared_alloca;");
        AttentionRegisters.Clear();

        int columnBlocks = (attention.Columns + 16 * THead.ValuePairs - 1) / (16 * THead.ValuePairs);
        int queryBlocks = (attention.Queries + THead.Queries - 1) / THead.Queries;
        int firstColumn = Grid.IdxX % columnBlocks * 16 * THead.ValuePairs;
        int firstQuery = Grid.IdxX / columnBlocks % queryBlocks * THead.Queries;
        int matrix = Grid.IdxX / columnBlocks / queryBlocks, sample = matrix / attention.Heads, head = matrix - sample * attention.Heads;
        int lane = Group.IdxX & 31, warpQuery = Group.IdxX / 32 * 16;
        // A query that sees fewer keys than there are: no query of this block sees those behind the last one's.
        int keys = attention.Causal != 0 ? Math.Min(attention.Keys, firstQuery + THead.Queries) : attention.Keys;

        int keyPlace = THead.Queries * THead.Pitch, valuePlace = keyPlace + THead.Keys * THead.Pitch;
        Copy<THead>(attention.Q, sample, head, firstQuery, attention.Queries, 0, 0, THead.Queries, THead.Pitch);
        Copy<THead>(attention.K, sample, head, 0, keys, 0, keyPlace, THead.Keys, THead.Pitch);
        AsyncCopy.Commit();
        AsyncCopy.WaitForAll();
        Group.Barrier();
        Copy<THead>(attention.V, sample, head, 0, keys, firstColumn, valuePlace, THead.Keys, THead.ValuePitch);
        AsyncCopy.Commit();
        for (int first = 0; first < keys; first += THead.Keys)
        {
            Scores<TMma, THead>(warpQuery, lane, keyPlace, attention.Q.Depth);
            AsyncCopy.WaitForAll();
            Group.Barrier();
            Copy<THead>(attention.K, sample, head, first + THead.Keys, keys, 0, keyPlace, THead.Keys, THead.Pitch);
            AsyncCopy.Commit();

            AttentionRegisters.ScaleScores(attention.Scale);
            int query = firstQuery + warpQuery + (lane >> 2), key = first + (lane & 3) * 2;
            if (attention.Mask.Address != 0)
                AddMask(attention.Mask, sample, head, query, key, attention.Queries, attention.Keys);
            if (first + THead.Keys > keys || attention.Causal != 0)
            {
                int last = attention.Keys - 1 - key;
                AttentionRegisters.HideAfter(
                    attention.Causal != 0 ? Math.Min(last, query - key) : last,
                    attention.Causal != 0 ? Math.Min(last, query + 8 - key) : last);
            }
            if (THead.Keys == 32)
                AttentionRegisters.HideUpperHalf();
            AttentionRegisters.Weigh();
            AttentionRegisters.CorrectLower();
            if (THead.ValuePairs > 4)
                AttentionRegisters.CorrectUpper();
            Values<TMma, THead>(lane, valuePlace);
            AsyncCopy.WaitForAll();
            Group.Barrier();
            Copy<THead>(attention.V, sample, head, first + THead.Keys, keys, firstColumn, valuePlace, THead.Keys, THead.ValuePitch);
            AsyncCopy.Commit();
        }
        AsyncCopy.WaitForAll();
        Group.Barrier();

        // Through shared memory, so that neighbouring threads store neighbouring columns.
        int columns = 16 * THead.ValuePairs, pitch = DrainPitch<THead>(), place = ((warpQuery + (lane >> 2)) * pitch + (lane & 3) * 2) * sizeof(float);
        AttentionRegisters.Normalize();
        AttentionRegisters.DrainLower(place, place + 8 * pitch * sizeof(float));
        if (THead.ValuePairs > 4)
            AttentionRegisters.DrainUpper(place, place + 8 * pitch * sizeof(float));
        Group.Barrier();
        // A warp takes a row at a time.
        for (int row = Group.IdxX / 32; row < THead.Queries; row += THead.Queries / 16)
        {
            if (firstQuery + row >= attention.Queries)
                continue;
            var at = attention.Store.Open(matrix, firstQuery + row);
            for (int column = lane; column < columns; column += 32)
            {
                if (firstColumn + column < attention.Columns)
                    attention.Store.Store(at, firstColumn + column, results[row * pitch + column]);
            }
        }
    }

    /// <summary>Threads of a block.</summary>
    public static int Threads<THead>()
        where THead : struct, IHeadTile => THead.Queries * 2;

    /// <summary>Shared memory that the kernel asks for; below the 48 KB that need no opt-in.</summary>
    public static int SharedBytes<THead>()
        where THead : struct, IHeadTile => Math.Max(
        (THead.Queries + THead.Keys) * THead.Pitch + THead.Keys * THead.ValuePitch, THead.Queries * DrainPitch<THead>() * sizeof(float));

    // The registers are drained by halves of 64 columns; the rows of drained results start in different banks.
    private static int DrainPitch<THead>()
        where THead : struct, IHeadTile => (THead.ValuePairs > 4 ? 128 : 64) + MmaTile.Padding;

    /// <summary>Where a chunk of a row lies: chunks are exchanged in eights, so that the same chunk of 8 rows lies in different banks.</summary>
    private static int Place(int row, int chunk, int pitch) => row * pitch + ((chunk ^ (row & 7)) * ChunkBytes);

    /// <summary>Starts copying rows into shared memory; rows and columns that aren't there become zero.</summary>
    private static void Copy<THead>(HeadRows from, int sample, int head, int firstRow, int rows, int firstColumn, int place, int tileRows, int pitch)
        where THead : struct, IHeadTile
    {
        // All operands of an attention have elements of two bytes.
        int skipped = firstColumn * 2, chunksPerRow = pitch / ChunkBytes;
        long start = from.Address + sample * from.SampleBytes + head * from.HeadBytes + skipped;
        for (int i = Group.IdxX; i < tileRows * chunksPerRow; i += THead.Queries * 2)
        {
            int row = i / chunksPerRow, chunk = i - row * chunksPerRow, at = firstRow + row;
            int valid = Math.Min(Math.Max(from.Depth - skipped - chunk * ChunkBytes, 0), ChunkBytes);
            AsyncCopy.One(place + Place(row, chunk, pitch), new Chunk(start + at * from.RowBytes + chunk * ChunkBytes, at < rows ? valid : 0), from.Alignment);
        }
    }

    /// <summary>Queries times keys.</summary>
    private static void Scores<TMma, THead>(int warpQuery, int lane, int keyPlace, int depth)
        where TMma : struct, IAttentionMma
        where THead : struct, IHeadTile
    {
        AttentionRegisters.ClearScores();
        int query = warpQuery + (lane & 15), key = (lane & 7) + ((lane >> 4) << 3);
        const int stepBytes = 2 * ChunkBytes;
        for (int chunk = 0; chunk * ChunkBytes < depth; chunk += stepBytes / ChunkBytes)
        {
            int at = keyPlace + Place(key, chunk + ((lane >> 3) & 1), THead.Pitch);
            AttentionRegisters.LoadQueries(Place(query, chunk + (lane >> 4), THead.Pitch));
            AttentionRegisters.LoadKeys01(at, at + 16 * THead.Pitch);
            if (THead.Keys == 64)
                AttentionRegisters.LoadKeys23(at + 32 * THead.Pitch, at + 48 * THead.Pitch);
            TMma.Scores0123();
            if (THead.Keys == 64)
                TMma.Scores4567();
        }
    }

    /// <summary>Weights times values.</summary>
    private static void Values<TMma, THead>(int lane, int valuePlace)
        where TMma : struct, IAttentionMma
        where THead : struct, IHeadTile
    {
        TMma.Pack0();
        AddValues<TMma, THead>(0, lane, valuePlace);
        TMma.Pack1();
        AddValues<TMma, THead>(16, lane, valuePlace);
        if (THead.Keys == 64)
        {
            TMma.Pack2();
            AddValues<TMma, THead>(32, lane, valuePlace);
            TMma.Pack3();
            AddValues<TMma, THead>(48, lane, valuePlace);
        }
    }

    /// <summary>The same for 16 keys.</summary>
    private static void AddValues<TMma, THead>(int firstKey, int lane, int valuePlace)
        where TMma : struct, IAttentionMma
        where THead : struct, IHeadTile
    {
        int key = firstKey + (lane & 15), half = lane >> 4;
        AttentionRegisters.LoadValues0(valuePlace + Place(key, half, THead.ValuePitch));
        AttentionRegisters.LoadValues1(valuePlace + Place(key, 2 + half, THead.ValuePitch));
        AttentionRegisters.LoadValues2(valuePlace + Place(key, 4 + half, THead.ValuePitch));
        if (THead.ValuePairs > 3)
            AttentionRegisters.LoadValues3(valuePlace + Place(key, 6 + half, THead.ValuePitch));
        TMma.Values0();
        TMma.Values1();
        TMma.Values2();
        if (THead.ValuePairs > 3)
            TMma.Values3();
        if (THead.ValuePairs > 4)
        {
            AttentionRegisters.LoadValues0(valuePlace + Place(key, 8 + half, THead.ValuePitch));
            TMma.Values4();
        }
        if (THead.ValuePairs > 5)
        {
            AttentionRegisters.LoadValues1(valuePlace + Place(key, 10 + half, THead.ValuePitch));
            AttentionRegisters.LoadValues2(valuePlace + Place(key, 12 + half, THead.ValuePitch));
            AttentionRegisters.LoadValues3(valuePlace + Place(key, 14 + half, THead.ValuePitch));
            TMma.Values5();
            TMma.Values6();
            TMma.Values7();
        }
    }

    /// <summary>Adds the mask's values; where a query or key does not exist, those of the last one, which nobody will see.</summary>
    private static void AddMask(MaskRows mask, int sample, int head, int query, int key, int queries, int keys)
    {
        long start = mask.Address + sample * mask.SampleBytes + head * mask.HeadBytes;
        long row0 = start + Math.Min(query, queries - 1) * mask.QueryBytes, row1 = start + Math.Min(query + 8, queries - 1) * mask.QueryBytes;
        long at0 = Math.Min(key + 0, keys - 1) * mask.KeyBytes, at1 = Math.Min(key + 1, keys - 1) * mask.KeyBytes;
        AttentionRegisters.AddMask0(row0 + at0, row0 + at1, row1 + at0, row1 + at1);
        long at8 = Math.Min(key + 8, keys - 1) * mask.KeyBytes, at9 = Math.Min(key + 9, keys - 1) * mask.KeyBytes;
        AttentionRegisters.AddMask1(row0 + at8, row0 + at9, row1 + at8, row1 + at9);
        long at16 = Math.Min(key + 16, keys - 1) * mask.KeyBytes, at17 = Math.Min(key + 17, keys - 1) * mask.KeyBytes;
        AttentionRegisters.AddMask2(row0 + at16, row0 + at17, row1 + at16, row1 + at17);
        long at24 = Math.Min(key + 24, keys - 1) * mask.KeyBytes, at25 = Math.Min(key + 25, keys - 1) * mask.KeyBytes;
        AttentionRegisters.AddMask3(row0 + at24, row0 + at25, row1 + at24, row1 + at25);
        long at32 = Math.Min(key + 32, keys - 1) * mask.KeyBytes, at33 = Math.Min(key + 33, keys - 1) * mask.KeyBytes;
        AttentionRegisters.AddMask4(row0 + at32, row0 + at33, row1 + at32, row1 + at33);
        long at40 = Math.Min(key + 40, keys - 1) * mask.KeyBytes, at41 = Math.Min(key + 41, keys - 1) * mask.KeyBytes;
        AttentionRegisters.AddMask5(row0 + at40, row0 + at41, row1 + at40, row1 + at41);
        long at48 = Math.Min(key + 48, keys - 1) * mask.KeyBytes, at49 = Math.Min(key + 49, keys - 1) * mask.KeyBytes;
        AttentionRegisters.AddMask6(row0 + at48, row0 + at49, row1 + at48, row1 + at49);
        long at56 = Math.Min(key + 56, keys - 1) * mask.KeyBytes, at57 = Math.Min(key + 57, keys - 1) * mask.KeyBytes;
        AttentionRegisters.AddMask7(row0 + at56, row0 + at57, row1 + at56, row1 + at57);
    }
}
