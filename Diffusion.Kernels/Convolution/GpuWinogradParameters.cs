using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>Up to six numbers of a tile's line, in registers.</summary>
internal struct Line6
{
    public float A, B, C, D, E, F;

    public static Line6 Of(float a, float b, float c, float d, float e, float f) => new() { A = a, B = b, C = c, D = d, E = e, F = f };
}

/// <summary>Transforms between an image and the places of its tiles.</summary>
internal struct WinogradParameters
{
    /// <summary>Channels of the image that is read or written.</summary>
    public int Channels;

    /// <summary>Tiles along height and width, and in all images.</summary>
    public int TilesY, TilesX, Tiles;

    /// <summary>The image's size, and its padding above and to the left.</summary>
    public int Height, Width, Top, Left;

    /// <summary>The image that is read.</summary>
    public GpuOperand Input;

    /// <summary>[place][tile][channel].</summary>
    public ArrayView<float> Places;

    /// <summary>The epilogue and the image that is written.</summary>
    public GpuMachine Machine;

    /// <summary>This thread's tile and channel; false beyond the last.</summary>
    public readonly bool Find(out int tile, out int channel, out int batch, out int y, out int x)
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        tile = (int)(i / Channels);
        channel = (int)(i % Channels);
        x = tile % TilesX;
        y = tile / TilesX % TilesY;
        batch = tile / TilesX / TilesY;
        return tile < Tiles;
    }

    public readonly Line6 Read4(int batch, int y, int x, int c) =>
        new() { A = Read(batch, y, x, c), B = Read(batch, y, x + 1, c), C = Read(batch, y, x + 2, c), D = Read(batch, y, x + 3, c) };

    public readonly Line6 Read6(int batch, int y, int x, int c) => new()
    {
        A = Read(batch, y, x, c),
        B = Read(batch, y, x + 1, c),
        C = Read(batch, y, x + 2, c),
        D = Read(batch, y, x + 3, c),
        E = Read(batch, y, x + 4, c),
        F = Read(batch, y, x + 5, c),
    };

    /// <summary>A line of places that starts <paramref name="column"/> into the tile, downwards.</summary>
    public readonly Line6 Place4(int tile, int c, int column)
    {
        long step = (long)Tiles * Channels, at = (long)tile * Channels + c + column * step;
        return new Line6 { A = Places[at], B = Places[at + 4 * step], C = Places[at + 8 * step], D = Places[at + 12 * step] };
    }

    /// <summary>The same of a tile of 6×6.</summary>
    public readonly Line6 Place6(int tile, int c, int column)
    {
        long step = (long)Tiles * Channels, at = (long)tile * Channels + c + column * step;
        return new Line6
        {
            A = Places[at],
            B = Places[at + 6 * step],
            C = Places[at + 12 * step],
            D = Places[at + 18 * step],
            E = Places[at + 24 * step],
            F = Places[at + 30 * step],
        };
    }

    /// <summary>Stores a column of places, downwards.</summary>
    public readonly void Write(int tile, int c, int column, Line6 line, int side)
    {
        long step = (long)Tiles * Channels, at = (long)tile * Channels + c + column * step;
        Line(at, step * side, line, side);
    }

    /// <summary>Runs the epilogue for a pixel if the image has it.</summary>
    public readonly void Finish(float value, int batch, int y, int x, int c)
    {
        if (y < Height && x < Width)
            Machine.Finish(value, batch, y, x, c);
    }

    private readonly void Line(long at, long step, Line6 line, int side)
    {
        Places[at] = line.A;
        Places[at + step] = line.B;
        Places[at + 2 * step] = line.C;
        Places[at + 3 * step] = line.D;
        if (side == 6)
        {
            Places[at + 4 * step] = line.E;
            Places[at + 5 * step] = line.F;
        }
    }

    private readonly float Read(int batch, int y, int x, int c) =>
        y >= 0 && x >= 0 && y < Height && x < Width ? Input.Load(Input.Offset(batch, y, x, c)) : 0f;
}

/// <summary>Transforms of filters.</summary>
internal struct FilterParameters
{
    /// <summary>Input channels and output channels.</summary>
    public int Channels, Columns;

    /// <summary>[column, channel, 3, 3].</summary>
    public GpuOperand Source;

    /// <summary>[place][channel][column].</summary>
    public ArrayView<float> Places;

    public readonly bool Find(out int channel, out int column)
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        channel = (int)(i / Columns);
        column = (int)(i % Columns);
        return channel < Channels;
    }

    public readonly Line6 Row(int column, int channel, int row) => new()
    {
        A = Source.Load(Source.Offset(column, channel, row, 0)),
        B = Source.Load(Source.Offset(column, channel, row, 1)),
        C = Source.Load(Source.Offset(column, channel, row, 2)),
    };

    public readonly void Write(int channel, int column, int place, Line6 line, int side)
    {
        long step = (long)Channels * Columns, at = (long)channel * Columns + column + place * step;
        Places[at] = line.A;
        Places[at + side * step] = line.B;
        Places[at + 2 * side * step] = line.C;
        Places[at + 3 * side * step] = line.D;
        if (side == 6)
        {
            Places[at + 4 * side * step] = line.E;
            Places[at + 5 * side * step] = line.F;
        }
    }
}
