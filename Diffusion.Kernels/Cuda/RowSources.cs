namespace Diffusion.Kernels.Cuda;

/// <summary>16 bytes to copy: where they are, and how many are really there (the rest is zero).</summary>
internal readonly struct Chunk(long address, int valid)
{
    /// <summary>Device address.</summary>
    public long Address { get; } = address;

    /// <summary>0 … 16.</summary>
    public int Valid { get; } = valid;
}

/// <summary>
/// Gives a kernel the rows of a matrix along their depth: really in memory, or the patches of a picture under a convolution's window.
/// </summary>
/// <typeparam name="TCursor">A place in one row.</typeparam>
internal interface IRowSource<TCursor>
    where TCursor : struct
{
    /// <summary>What all addresses are a multiple of: 16, 4 or 1.</summary>
    int Alignment { get; }

    /// <summary>The start of a row (past the last one: a row of zeros).</summary>
    /// <param name="batch">Which matrix.</param>
    /// <param name="row">Which row.</param>
    /// <param name="depth">First byte along the depth.</param>
    TCursor Open(int batch, int row, int depth);

    /// <summary>The 16 bytes at a place.</summary>
    Chunk At(TCursor cursor);

    /// <summary>The place one slab (<see cref="MmaTile.SlabBytes"/>) further.</summary>
    TCursor Next(TCursor cursor);
}

/// <summary>A place in a row of a <see cref="MatrixRows"/>.</summary>
internal struct MatrixCursor
{
    /// <summary>Device address.</summary>
    public long Address;

    /// <summary>Bytes from here to the row's end; may be negative.</summary>
    public int Remaining;
}

/// <summary>Rows of a matrix in memory, dense along the depth.</summary>
internal struct MatrixRows : IRowSource<MatrixCursor>
{
    /// <summary>Device address of the first row of the first matrix.</summary>
    public long Address;

    /// <summary>Bytes from matrix to matrix.</summary>
    public long BatchBytes;

    /// <summary>Bytes from row to row.</summary>
    public long RowBytes;

    /// <summary>Number of rows.</summary>
    public int Rows;

    /// <summary>Bytes of a row that count.</summary>
    public int Depth;

    /// <summary>Gets or sets what address and steps are a multiple of.</summary>
    public int Alignment { get; set; }

    /// <inheritdoc/>
    public readonly MatrixCursor Open(int batch, int row, int depth) => new()
    {
        Address = Address + batch * BatchBytes + row * RowBytes + depth,
        Remaining = row < Rows ? Depth - depth : 0,
    };

    /// <inheritdoc/>
    public readonly Chunk At(MatrixCursor cursor) => new(cursor.Address, Math.Min(Math.Max(cursor.Remaining, 0), MmaTile.ChunkBytes));

    /// <inheritdoc/>
    public readonly MatrixCursor Next(MatrixCursor cursor) => new()
    {
        Address = cursor.Address + MmaTile.SlabBytes,
        Remaining = cursor.Remaining - MmaTile.SlabBytes,
    };
}
