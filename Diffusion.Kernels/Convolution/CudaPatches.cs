using Diffusion.Kernels.Cuda;

namespace Diffusion.Kernels.Convolution;

/// <summary>A place in a row of <see cref="PatchRows"/>: a tap of the window, and a byte of its channels.</summary>
internal struct PatchCursor
{
    /// <summary>Address of the sample's first pixel.</summary>
    public long Sample;

    /// <summary>Row and column of the window's tap in the upsampled picture; negative or too large outside it.</summary>
    public int Y, X;

    /// <summary>The tap's row and column in the window.</summary>
    public int TapY, TapX;

    /// <summary>Byte of the channels.</summary>
    public int Channel;
}

/// <summary>
/// A picture seen as the matrix that a convolution multiplies (implicit GEMM): a row is an output pixel, its depth the taps of its window,
/// row by row, each with all channels. Nothing is materialised: the chunks of a row are copied from where they lie, and what is outside the
/// picture becomes zero in the copy. Each tap's channels are padded to whole chunks; the packed weight is padded the same.
/// </summary>
internal struct PatchRows : IRowSource<PatchCursor>
{
    /// <summary>Device address of the first element.</summary>
    public long Address;

    /// <summary>Bytes from sample to sample, row to row, and pixel to pixel.</summary>
    public long SampleBytes, RowBytes, PixelBytes;

    /// <summary>The upsampled picture's size.</summary>
    public int Height, Width;

    /// <summary>Each pixel is repeated 2 to this power times.</summary>
    public int UpsampleShift;

    /// <summary>Bytes of a pixel's channels, and the same padded to whole chunks.</summary>
    public int ChannelBytes, PaddedChannelBytes;

    /// <summary>The window's size.</summary>
    public int KernelHeight, KernelWidth;

    /// <summary>The window's steps.</summary>
    public int StrideY, StrideX;

    /// <summary>Zeros above and on the left.</summary>
    public int PadTop, PadLeft;

    /// <summary>Distance between taps.</summary>
    public int DilationY, DilationX;

    /// <summary>The output's size.</summary>
    public int OutputHeight, OutputWidth;

    /// <summary>Output pixels of all samples.</summary>
    public int Rows;

    /// <summary>Gets or sets what addresses of chunks are a multiple of.</summary>
    public int Alignment { get; set; }

    /// <inheritdoc/>
    public readonly PatchCursor Open(int batch, int row, int depth)
    {
        int pixels = OutputHeight * OutputWidth, sample = row / pixels, pixel = row - sample * pixels;
        int y = pixel / OutputWidth, x = pixel - y * OutputWidth;
        return Carry(new PatchCursor
        {
            // Past the last row: a window with no taps left.
            TapY = row < Rows ? 0 : KernelHeight,
            Sample = Address + sample * SampleBytes,
            Y = y * StrideY - PadTop,
            X = x * StrideX - PadLeft,
            Channel = depth,
        });
    }

    /// <inheritdoc/>
    public readonly Chunk At(PatchCursor cursor)
    {
        bool inside = cursor.TapY < KernelHeight && cursor.Y >= 0 && cursor.Y < Height && cursor.X >= 0 && cursor.X < Width;
        long place = cursor.Sample + (cursor.Y >> UpsampleShift) * RowBytes + (cursor.X >> UpsampleShift) * PixelBytes + cursor.Channel;
        return new Chunk(inside ? place : Address, inside ? Math.Min(ChannelBytes - cursor.Channel, MmaTile.ChunkBytes) : 0);
    }

    /// <inheritdoc/>
    public readonly PatchCursor Next(PatchCursor cursor)
    {
        cursor.Channel += MmaTile.SlabBytes;
        return Carry(cursor);
    }

    /// <summary>Goes on to the tap that a byte past the channels belongs to.</summary>
    private readonly PatchCursor Carry(PatchCursor cursor)
    {
        while (cursor.Channel >= PaddedChannelBytes)
        {
            cursor.Channel -= PaddedChannelBytes;
            cursor.TapX++;
            cursor.X += DilationX;
            if (cursor.TapX == KernelWidth)
            {
                cursor.TapX = 0;
                cursor.X -= KernelWidth * DilationX;
                cursor.TapY++;
                cursor.Y += DilationY;
            }
        }
        return cursor;
    }
}
