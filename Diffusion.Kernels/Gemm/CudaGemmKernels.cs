using Diffusion.Kernels.Cuda;
using ILGPU;
using ILGPU.Runtime.Cuda;
using static Diffusion.Kernels.Cuda.MmaTile;

namespace Diffusion.Kernels.Gemm;

/// <summary>What the product kernel is given.</summary>
/// <typeparam name="TRows">A's rows.</typeparam>
/// <typeparam name="TStore">What becomes of the results.</typeparam>
internal struct CudaProductParameters<TRows, TStore>
    where TRows : struct
    where TStore : struct, IResultStore
{
    /// <summary>Rows of A.</summary>
    public TRows A;

    /// <summary>Columns of B, each dense along the depth: a weight as checkpoints have it.</summary>
    public MatrixRows B;

    /// <summary>M, rows of the result.</summary>
    public int Rows;

    /// <summary>N, columns of the result.</summary>
    public int Columns;

    /// <summary>Slabs along the depth.</summary>
    public int Slabs;

    /// <summary>Takes the results.</summary>
    public TStore Store;
}

/// <summary>
/// Matrix products on tensor cores. A block of threads makes one tile of the result: slabs of A's and B's rows arrive in shared memory while
/// earlier ones are multiplied, sums stay in registers, and at the end pass through shared memory to an ordinary C# epilogue.
/// </summary>
internal static class CudaGemmKernels
{
    // Tiles that share B's columns run close together in time, so that the level-2 cache serves both operands.
    private const int TileRowsTogether = 8;

    // Sums pass through shared memory so many rows at a time.
    private const int DrainedRows = 64;

    /// <summary>
    /// C[b, m, n] = store(Σ_k A[b, m, k]·B[b, n, k]): both operands by rows along the depth. The grid has one block a tile of every matrix.
    /// </summary>
    /// <typeparam name="TMma">Element type.</typeparam>
    /// <typeparam name="TTile">Shape of a block's part.</typeparam>
    /// <typeparam name="TRows">A's rows.</typeparam>
    /// <typeparam name="TCursor">A's cursor.</typeparam>
    /// <typeparam name="TStore">What becomes of the results.</typeparam>
    /// <param name="product">What to multiply.</param>
    public static void Multiply<TMma, TTile, TRows, TCursor, TStore>(CudaProductParameters<TRows, TStore> product)
        where TMma : struct, IMma
        where TTile : struct, IMmaTile
        where TRows : struct, IRowSource<TCursor>
        where TCursor : struct
        where TStore : struct, IResultStore
    {
        CudaAsm.Emit(MmaRegisters.Declare);
        var results = SharedMemory.GetDynamic<float>();
        CudaAsm.Emit("mov.u32 sb, __dyn_shared_alloca;");
        CudaAsm.Emit(MmaRegisters.Zero);

        var a = product.A;
        var b = product.B;
        int rows = product.Rows, columns = product.Columns, slabs = product.Slabs;

        // Which tile of which matrix.
        int tileRows = (rows + TTile.Rows - 1) / TTile.Rows, tileColumns = (columns + TTile.Columns - 1) / TTile.Columns;
        int batch = Grid.IdxX / (tileRows * tileColumns), tile = Grid.IdxX - batch * tileRows * tileColumns;
        int group = tile / (TileRowsTogether * tileColumns), inGroup = tile - group * TileRowsTogether * tileColumns;
        int groupRows = Math.Min(tileRows - group * TileRowsTogether, TileRowsTogether);
        int firstRow = (group * TileRowsTogether + inGroup % groupRows) * TTile.Rows, firstColumn = inGroup / groupRows * TTile.Columns;

        // What this thread copies: the same chunk of two rows of A and two of B.
        int thread = Group.IdxX, lane = thread & 31, warp = thread >> 5;
        int row = thread >> 2, chunk = thread & 3, halfRows = TTile.Threads / 4;
        int bSlab = TTile.Rows * SlabBytes, stage = (TTile.Rows + TTile.Columns) * SlabBytes, half = halfRows * SlabBytes;
        int target = Place(row, chunk);
        var a0 = a.Open(batch, firstRow + row, chunk * ChunkBytes);
        var a1 = a.Open(batch, firstRow + row + halfRows, chunk * ChunkBytes);
        var b0 = b.Open(batch, firstColumn + row, chunk * ChunkBytes);
        var b1 = b.Open(batch, firstColumn + row + halfRows, chunk * ChunkBytes);

        // What this warp multiplies, and where ldmatrix finds it.
        int warpColumn = warp % (TTile.Columns / WarpColumns) * WarpColumns, warpRow = warp / (TTile.Columns / WarpColumns) * TTile.WarpRows;
        int aPlace = Place(warpRow + (lane & 15), lane >> 4);
        int bPlace = bSlab + Place(warpColumn + (lane & 7) + ((lane >> 4) << 3), (lane >> 3) & 1);

        int arriving = 0, present = 0;
        for (int slab = 0; slab < slabs + Stages - 1; slab++)
        {
            // The slab that arrives in this round is multiplied Stages − 1 rounds later; the barrier keeps it off the one just read.
            if (slab >= Stages - 1)
            {
                AsyncCopy.WaitForAllButOne();
                Group.Barrier();
            }
            if (slab < slabs)
            {
                int place = arriving + target;
                AsyncCopy.Pair(place, half, a.At(a0), a.At(a1), a.Alignment);
                AsyncCopy.Pair(place + bSlab, half, b.At(b0), b.At(b1), b.Alignment);
                a0 = a.Next(a0);
                a1 = a.Next(a1);
                b0 = b.Next(b0);
                b1 = b.Next(b1);
                arriving = arriving == (Stages - 1) * stage ? 0 : arriving + stage;
            }
            AsyncCopy.Commit();
            if (slab >= Stages - 1)
            {
                TTile.Load(present + aPlace, present + bPlace);
                TMma.Convert();
                TTile.Multiply<TMma>();
                // The second half of the slab: chunks 2 and 3, which the exchange keeps two apart.
                TTile.Load(present + (aPlace ^ (2 * ChunkBytes)), present + (bPlace ^ (2 * ChunkBytes)));
                TMma.Convert();
                TTile.Multiply<TMma>();
                present = present == (Stages - 1) * stage ? 0 : present + stage;
            }
        }
        AsyncCopy.WaitForAll();
        TMma.Finish();

        // Through shared memory, so that neighbouring threads store neighbouring columns.
        int pitch = TTile.Columns + Padding;
        for (int first = 0; first < TTile.Rows; first += DrainedRows)
        {
            Group.Barrier();
            if (warpRow >= first && warpRow < first + DrainedRows)
                TTile.Drain(((warpRow - first + (lane >> 2)) * pitch + warpColumn + (lane & 3) * 2) * sizeof(float));
            Group.Barrier();
            // A warp takes a row at a time.
            for (int r = warp; r < DrainedRows; r += TTile.Threads / 32)
            {
                if (firstRow + first + r >= rows)
                    continue;
                var at = product.Store.Open(batch, firstRow + first + r);
                for (int column = lane; column < TTile.Columns; column += 32)
                {
                    if (firstColumn + column < columns)
                        product.Store.Store(at, firstColumn + column, results[r * pitch + column]);
                }
            }
        }
    }
}
