using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// A product of a gathered matrix by a packed one, for linear layers and convolutions alike. Rows of A are output pixels
/// (a plain matrix is an image of width 1), its columns are taps × channels. B is packed in panels of some columns.
/// </summary>
internal struct MatrixParameters
{
    /// <summary>Rows of a batch, columns of a group, channels of a tap.</summary>
    public int Rows, Columns, Depth;

    /// <summary>Groups of channels; the kernel's grid runs over batches × groups × tiles of rows × tiles of columns.</summary>
    public int Groups, RowTiles, ColumnTiles;

    /// <summary>Taps along height and width.</summary>
    public int TapsY, TapsX;

    /// <summary>Pixels in a row of the output.</summary>
    public int OutWidth;

    /// <summary>The input image.</summary>
    public int Height, Width;

    /// <summary>How an output pixel and a tap name an input pixel; see <see cref="ConvolutionSpec"/>.</summary>
    public int StrideY, StrideX, Top, Left, DilationY, DilationX, SpreadY, SpreadX, Upsample;

    /// <summary>1 if every batch has a B of its own, else 0 (one B a group).</summary>
    public int BatchedB;

    /// <summary>[batch, y, x, channel].</summary>
    public GpuOperand A;

    /// <summary>On a processor [batch or group][panel][tap][channel][column of the panel]; else where the strides below say.</summary>
    public GpuOperand B;

    /// <summary>Elements of B from one batch or group, tap, channel and column to the next (a GPU's tile).</summary>
    public long OuterB, TapB, DepthB, ColumnB;

    /// <summary>What happens to a sum.</summary>
    public GpuMachine Machine;

    /// <summary>Elements from A's start to the pixel that an output pixel's tap reads (first channel of the group); −1 for a zero.</summary>
    public readonly long Pixel(int batch, int y, int x, int tapY, int tapX)
    {
        int py = y * StrideY - Top + tapY * DilationY, px = x * StrideX - Left + tapX * DilationX;
        bool hit = py >= 0 && px >= 0;
        if (SpreadY > 1)
        {
            hit &= py % SpreadY == 0;
            py /= SpreadY;
        }
        if (SpreadX > 1)
        {
            hit &= px % SpreadX == 0;
            px /= SpreadX;
        }
        if (Upsample > 1)
        {
            py /= Upsample;
            px /= Upsample;
        }
        return hit && py < Height && px < Width ? batch * A.S0 + py * A.S1 + px * A.S2 : -1;
    }
}

/// <summary>The product's two shapes of tile.</summary>
internal static class GpuMatrix
{
    /// <summary>Rows and columns of a GPU's tile, whose group has as many threads.</summary>
    public const int Tile = 64;

    private const int DepthTile = 16;

    /// <summary>Rows and columns of a processor's tile: one thread each, B's columns side by side for its vectors.</summary>
    public const int ProcessorRows = 4, ProcessorColumns = 16;

    /// <summary>A tile of 64×64 for 64 threads, 8×8 each; A and B pass through shared memory.</summary>
    internal static void RunTiled(MatrixParameters p)
    {
        var a = SharedMemory.Allocate<float>(DepthTile * Tile);
        var b = SharedMemory.Allocate<float>(DepthTile * Tile);
        var sums = SharedMemory.Allocate<float>(Tile * Tile);
        int t = Group.IdxX, tile = Grid.IdxX;
        int columnTile = tile % p.ColumnTiles, rest = tile / p.ColumnTiles;
        int rowTile = rest % p.RowTiles, z = rest / p.RowTiles;
        int group = z % p.Groups, batch = z / p.Groups;
        int row = rowTile * Tile + t, y = row / p.OutWidth, x = row % p.OutWidth;
        long taps = p.TapsY * p.TapsX;
        int column = columnTile * Tile + t;
        long place = (p.BatchedB != 0 ? batch : group) * p.OuterB + column * p.ColumnB;
        int tx = t % 8, ty = t / 8;
        Row8 r0 = default, r1 = default, r2 = default, r3 = default, r4 = default, r5 = default, r6 = default, r7 = default;
        for (int tap = 0; tap < taps; tap++)
        {
            long pixel = row < p.Rows ? p.Pixel(batch, y, x, tap / p.TapsX, tap % p.TapsX) : -1;
            long from = pixel + (long)group * p.Depth * p.A.S3;
            for (int c = 0; c < p.Depth; c += DepthTile)
            {
                for (int k = 0; k < DepthTile; k++)
                {
                    bool inside = c + k < p.Depth;
                    a[k * Tile + t] = inside && pixel >= 0 ? p.A.Load(from + (c + k) * p.A.S3) : 0f;
                    b[k * Tile + t] = inside && column < p.Columns ? p.B.Load(place + tap * p.TapB + (c + k) * p.DepthB) : 0f;
                }
                Group.Barrier();
                for (int k = 0; k < DepthTile; k++)
                {
                    var columns = Row8.Load(b, k * Tile + tx, 8);
                    int at = k * Tile + ty;
                    r0 = r0.Plus(a[at], columns);
                    r1 = r1.Plus(a[at + 8], columns);
                    r2 = r2.Plus(a[at + 16], columns);
                    r3 = r3.Plus(a[at + 24], columns);
                    r4 = r4.Plus(a[at + 32], columns);
                    r5 = r5.Plus(a[at + 40], columns);
                    r6 = r6.Plus(a[at + 48], columns);
                    r7 = r7.Plus(a[at + 56], columns);
                }
                Group.Barrier();
            }
        }
        int first = ty * Tile + tx;
        r0.Store(sums, first, 8);
        r1.Store(sums, first + 8 * Tile, 8);
        r2.Store(sums, first + 16 * Tile, 8);
        r3.Store(sums, first + 24 * Tile, 8);
        r4.Store(sums, first + 32 * Tile, 8);
        r5.Store(sums, first + 40 * Tile, 8);
        r6.Store(sums, first + 48 * Tile, 8);
        r7.Store(sums, first + 56 * Tile, 8);
        Group.Barrier();
        for (int i = 0; i < Tile; i++)
        {
            int m = rowTile * Tile + i;
            if (m < p.Rows && column < p.Columns)
                p.Machine.Finish(sums[i * Tile + t], batch, m / p.OutWidth, m % p.OutWidth, group * p.Columns + column);
        }
    }

    /// <summary>A tile of 4×16 for one thread. A and B are float32; tiles that share a panel of B follow each other.</summary>
    internal static void RunAlone(MatrixParameters p)
    {
        var sums = SharedMemory.Allocate<float>(ProcessorRows * ProcessorColumns);
        int tile = Grid.IdxX;
        int rowTile = tile % p.RowTiles, rest = tile / p.RowTiles;
        int columnTile = rest % p.ColumnTiles, z = rest / p.ColumnTiles;
        int group = z % p.Groups, batch = z / p.Groups;
        var a = p.A.Words.Cast<float>();
        var b = p.B.Words.Cast<float>();
        int m0 = rowTile * ProcessorRows, last = p.Rows - 1;
        int m1 = Math.Min(m0 + 1, last), m2 = Math.Min(m0 + 2, last), m3 = Math.Min(m0 + 3, last);
        int taps = p.TapsY * p.TapsX;
        long step = p.A.S3, channel = (long)group * p.Depth * step;
        long at = ((p.BatchedB != 0 ? batch : group) * (long)p.ColumnTiles + columnTile) * taps * p.Depth * ProcessorColumns;
        Row16 r0 = default, r1 = default, r2 = default, r3 = default;
        for (int tap = 0; tap < taps; tap++)
        {
            int tapY = tap / p.TapsX, tapX = tap % p.TapsX;
            long p0 = p.Pixel(batch, m0 / p.OutWidth, m0 % p.OutWidth, tapY, tapX), p1 = p.Pixel(batch, m1 / p.OutWidth, m1 % p.OutWidth, tapY, tapX);
            long p2 = p.Pixel(batch, m2 / p.OutWidth, m2 % p.OutWidth, tapY, tapX), p3 = p.Pixel(batch, m3 / p.OutWidth, m3 % p.OutWidth, tapY, tapX);
            long a0 = p0 + channel, a1 = p1 + channel, a2 = p2 + channel, a3 = p3 + channel;
            if (p0 >= 0 && p1 >= 0 && p2 >= 0 && p3 >= 0)
            {
                for (int c = 0; c < p.Depth; c++)
                {
                    var columns = Row16.Load(b, at);
                    r0 = r0.Plus(a[a0], columns);
                    r1 = r1.Plus(a[a1], columns);
                    r2 = r2.Plus(a[a2], columns);
                    r3 = r3.Plus(a[a3], columns);
                    a0 += step;
                    a1 += step;
                    a2 += step;
                    a3 += step;
                    at += ProcessorColumns;
                }
            }
            else
            {
                for (int c = 0; c < p.Depth; c++)
                {
                    var columns = Row16.Load(b, at);
                    r0 = r0.Plus(p0 >= 0 ? a[a0 + c * step] : 0f, columns);
                    r1 = r1.Plus(p1 >= 0 ? a[a1 + c * step] : 0f, columns);
                    r2 = r2.Plus(p2 >= 0 ? a[a2 + c * step] : 0f, columns);
                    r3 = r3.Plus(p3 >= 0 ? a[a3 + c * step] : 0f, columns);
                    at += ProcessorColumns;
                }
            }
        }
        r0.Store(sums, 0);
        r1.Store(sums, ProcessorColumns);
        r2.Store(sums, 2 * ProcessorColumns);
        r3.Store(sums, 3 * ProcessorColumns);
        int first = columnTile * ProcessorColumns;
        for (int i = 0; i < ProcessorRows; i++)
        {
            int m = m0 + i;
            for (int j = 0; j < ProcessorColumns; j++)
            {
                if (m < p.Rows && first + j < p.Columns)
                    p.Machine.Finish(sums[i * ProcessorColumns + j], batch, m / p.OutWidth, m % p.OutWidth, group * p.Columns + first + j);
            }
        }
    }

    /// <summary>Rewrites B into panels, one element a thread; what lies beyond the last column becomes 0.</summary>
    internal static void Pack(PackParameters p)
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= p.Count)
            return;
        int j = (int)(i % p.Width);
        long rest = i / p.Width;
        int c = (int)(rest % p.Depth);
        rest /= p.Depth;
        int tap = (int)(rest % (p.TapsY * p.TapsX));
        rest /= p.TapsY * p.TapsX;
        int column = (int)(rest % p.Panels) * p.Width + j, z = (int)(rest / p.Panels);
        long from = z / p.InnerZ * p.SourceOuterZ + z % p.InnerZ * p.SourceZ + column * p.SourceColumn + c * p.SourceDepth + tap / p.TapsX * p.SourceTapY + tap % p.TapsX * p.SourceTapX;
        p.Target.Store(i, column < p.Columns ? p.Source.Load(from) : 0f);
    }
}

/// <summary>A matrix or filter to be packed: its lengths and strides.</summary>
internal struct PackParameters
{
    public long Count;
    public int Width, Panels, Columns, Depth, TapsY, TapsX, InnerZ;
    public long SourceOuterZ, SourceZ, SourceColumn, SourceDepth, SourceTapY, SourceTapX;
    public GpuOperand Source, Target;
}
