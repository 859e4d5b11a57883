using Diffusion.Kernels.Gpu;

namespace Diffusion.Kernels.Cuda;

/// <summary>Results that are pixels of images (a matrix's rows are an image of width 1), through an epilogue's machine.</summary>
internal struct ImageStore : IResultStore
{
    /// <summary>The epilogue and the output.</summary>
    public GpuMachine Machine;

    /// <summary>Pixels of an image; further rows belong to the next one.</summary>
    public int Pixels;

    /// <summary>Pixels of an image's row.</summary>
    public int Width;

    /// <inheritdoc/>
    public readonly ResultRow Open(int batch, int row)
    {
        int image = row / Pixels, pixel = row - image * Pixels, y = pixel / Width;
        return new ResultRow { I0 = batch + image, I1 = y, I2 = pixel - y * Width };
    }

    /// <inheritdoc/>
    public readonly void Store(ResultRow row, int column, float value) => Machine.Finish(value, row.I0, row.I1, row.I2, column);
}

/// <summary>Results of attention: the matrices are the heads, sample by sample.</summary>
internal struct HeadStore : IResultStore
{
    /// <summary>[sample, head, query, column].</summary>
    public GpuOperand Output;

    /// <summary>Heads of a sample.</summary>
    public int Heads;

    /// <inheritdoc/>
    public readonly ResultRow Open(int batch, int row) => new() { I0 = batch / Heads, I1 = batch % Heads, I2 = row };

    /// <inheritdoc/>
    public readonly void Store(ResultRow row, int column, float value) =>
        Output.Store(Output.Offset(row.I0, row.I1, row.I2, column), value);
}
