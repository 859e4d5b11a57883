using ILGPU.Runtime.Cuda;

namespace Diffusion.Kernels.Cuda;

/// <summary>A row of results: what its columns have in common.</summary>
internal struct ResultRow
{
    /// <summary>Elements before the row's first one.</summary>
    public long Offset;

    /// <summary>The row's place along the outer axes of the output.</summary>
    public int I0, I1, I2;
}

/// <summary>What becomes of a result: an epilogue and the way it is stored.</summary>
internal interface IResultStore
{
    /// <summary>Finds a row.</summary>
    /// <param name="batch">Which matrix.</param>
    /// <param name="row">Row of the result.</param>
    ResultRow Open(int batch, int row);

    /// <summary>Takes one result.</summary>
    /// <param name="row">The row.</param>
    /// <param name="column">Its column.</param>
    /// <param name="value">The sum.</param>
    void Store(ResultRow row, int column, float value);
}

/// <summary>Stores results as they are, dense along the columns.</summary>
internal struct PlainStore : IResultStore
{
    /// <summary>Device address of the first result.</summary>
    public long Address;

    /// <summary>Elements from matrix to matrix.</summary>
    public long BatchStep;

    /// <summary>Elements from row to row.</summary>
    public long RowStep;

    /// <summary>0: float32, 1: float16, 2: bfloat16.</summary>
    public int Type;

    /// <inheritdoc/>
    public readonly ResultRow Open(int batch, int row) => new() { Offset = batch * BatchStep + row * RowStep };

    /// <inheritdoc/>
    public readonly void Store(ResultRow row, int column, float value)
    {
        long index = row.Offset + column;
        if (Type == 0)
            CudaAsm.Emit("st.global.f32 [%0], %1;", Address + index * 4, value);
        else if (Type == 1)
            CudaAsm.Emit("{ .reg .b16 h; cvt.rn.f16.f32 h, %1; st.global.b16 [%0], h; }", Address + index * 2, value);
        else
            CudaAsm.Emit("{ .reg .b16 h; cvt.rn.bf16.f32 h, %1; st.global.b16 [%0], h; }", Address + index * 2, value);
    }
}
