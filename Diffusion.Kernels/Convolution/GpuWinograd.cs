namespace Diffusion.Kernels.Gpu;

/// <summary>
/// 3×3 convolution by Winograd's minimal filtering (Lavin and Gray 2016), F(2×2) or F(4×4): transformed input tiles times
/// transformed filters, one product for each of the 16 or 36 places of a tile, then back. 2.25 or 4 times fewer multiplications.
/// </summary>
internal static class GpuWinograd
{
    private const int Threads = 64;

    /// <summary>Side of the output tiles: 4 or 2, or 0 where the transform doesn't apply or doesn't pay.</summary>
    public static int TileFor(ConvolutionSpec spec)
    {
        var (w, y) = (spec.W, spec.Y);
        bool plain = w.Shape[2] == 3 && w.Shape[3] == 3 && spec.Stride == (1, 1) && spec.Dilation == (1, 1) && spec.InputDilation == (1, 1)
            && spec.Upsample == 1 && spec.Groups == 1 && spec.ConstantW && !spec.Exact;
        // The products' inner length and columns must outweigh the transforms; 16-bit results hide F(4×4)'s lost digits or not, so the smaller one there.
        if (!plain || w.Shape[0] < 32 || w.Shape[1] < 32 || y.Shape[1] < 4 || y.Shape[2] < 4)
            return 0;
        return y.Shape[1] >= 16 && y.Shape[2] >= 16 && spec.X.Type == ElementType.Float32 && w.Type == ElementType.Float32 ? 4 : 2;
    }

    /// <summary>Prepares a spec for which <see cref="TileFor"/> gave a tile, and whose epilogue the machine runs.</summary>
    public static PreparedKernel Prepare(GpuContext context, ConvolutionSpec spec, int tile)
    {
        var (x, w, y) = (spec.X, spec.W, spec.Y);
        int side = tile + 2, places = side * side, channels = w.Shape[1], columns = w.Shape[0];
        int tilesY = (y.Shape[1] + tile - 1) / tile, tilesX = (y.Shape[2] + tile - 1) / tile;
        int tiles = y.Shape[0] * tilesY * tilesX;
        var gathered = Layout.Contiguous(ElementType.Float32, places, tiles, channels);
        var filters = new Layout(ElementType.Float32, [places, channels, columns], [(long)channels * columns, columns, 1]);
        var sums = Layout.Contiguous(ElementType.Float32, places, tiles, columns);
        var product = GpuGemm.Prepare(context, new GemmSpec(gathered, filters, sums, ConstantB: true));
        // A processor's panels; a GPU reads the transformed filters as they are.
        var panels = product.Packings.IsEmpty ? null : product.Packings[0];
        var parameters = new WinogradParameters
        {
            Channels = channels,
            TilesY = tilesY,
            TilesX = tilesX,
            Tiles = tiles,
            Height = x.Shape[1],
            Width = x.Shape[2],
            Top = spec.Padding.Top,
            Left = spec.Padding.Left,
            Input = GpuContext.Operand(x),
        };
        var outputs = parameters with { Channels = columns, Height = y.Shape[1], Width = y.Shape[2] };
        bool large = tile == 4;
        var forward = large ? context.Kernels.Get<WinogradParameters>(Gather4) : context.Kernels.Get<WinogradParameters>(Gather2);
        var back = large ? context.Kernels.Get<WinogradParameters>(Scatter4) : context.Kernels.Get<WinogradParameters>(Scatter2);
        var epilogue = GpuEpilogue.Create(context, spec.After, y)!;
        long gatheredBytes = GpuProduct.Aligned(gathered.Count * sizeof(float)), sumsBytes = GpuProduct.Aligned(sums.Count * sizeof(float));
        var operands = new BufferSlice[3];
        void Launch(in KernelArguments arguments)
        {
            var place = arguments.Workspace;
            var second = place with { ByteOffset = place.ByteOffset + gatheredBytes };
            var p = parameters;
            GpuContext.Bind(ref p.Input, arguments.Operands[0]);
            p.Places = GpuContext.Words(place).Cast<float>();
            p.Machine = epilogue.Bind(arguments.Operands, arguments.Scalars);
            forward.Launch(Groups(tiles, channels), Threads, in p);
            (operands[0], operands[1], operands[2]) = (place, arguments.Operands[1], second);
            product.Launch(new KernelArguments { Operands = operands, Workspace = second with { ByteOffset = second.ByteOffset + sumsBytes } });
            var q = outputs;
            q.Input = p.Input;
            q.Places = GpuContext.Words(second).Cast<float>();
            q.Machine = p.Machine;
            back.Launch(Groups(tiles, columns), Threads, in q);
        }
        var transform = large ? context.Kernels.Get<FilterParameters>(Filter4) : context.Kernels.Get<FilterParameters>(Filter2);
        var filter = new FilterParameters { Channels = channels, Columns = columns, Source = GpuContext.Operand(w) };
        long filterBytes = filters.Count * sizeof(float);
        void Transform(BufferSlice source, BufferSlice target)
        {
            var p = filter;
            GpuContext.Bind(ref p.Source, source);
            p.Places = GpuContext.Words(target).Cast<float>();
            transform.Launch(Groups(channels, columns), Threads, in p);
        }
        void Pack(BufferSlice source, BufferSlice target)
        {
            using var transformed = context.Backend.Allocate(filterBytes);
            Transform(source, new BufferSlice(transformed, 0));
            panels!.Pack(new BufferSlice(transformed, 0), target);
        }
        var packing = panels is null
            ? new OperandPacking(1, $"gpu-winograd-{tile}", filterBytes, Transform)
            : new OperandPacking(1, $"gpu-winograd-{tile}-{panels.Key}", panels.Bytes, Pack);
        return new PreparedKernel(spec, $"winograd-{tile}x{tile}", gatheredBytes + sumsBytes + product.WorkspaceBytes, [packing], Launch);
    }

    private static long Groups(long a, long b) => (a * b + Threads - 1) / Threads;

    /// <summary>Input tiles of 4×4, transformed; a thread takes one channel of one tile.</summary>
    internal static void Gather2(WinogradParameters p)
    {
        if (!p.Find(out int tile, out int c, out int batch, out int top, out int left))
            return;
        top = top * 2 - p.Top;
        left = left * 2 - p.Left;
        var c0 = Forward2(p.Read4(batch, top, left, c));
        var c1 = Forward2(p.Read4(batch, top + 1, left, c));
        var c2 = Forward2(p.Read4(batch, top + 2, left, c));
        var c3 = Forward2(p.Read4(batch, top + 3, left, c));
        p.Write(tile, c, 0, Forward2(new Line6 { A = c0.A, B = c1.A, C = c2.A, D = c3.A }), 4);
        p.Write(tile, c, 1, Forward2(new Line6 { A = c0.B, B = c1.B, C = c2.B, D = c3.B }), 4);
        p.Write(tile, c, 2, Forward2(new Line6 { A = c0.C, B = c1.C, C = c2.C, D = c3.C }), 4);
        p.Write(tile, c, 3, Forward2(new Line6 { A = c0.D, B = c1.D, C = c2.D, D = c3.D }), 4);
    }

    /// <summary>Input tiles of 6×6, transformed.</summary>
    internal static void Gather4(WinogradParameters p)
    {
        if (!p.Find(out int tile, out int c, out int batch, out int top, out int left))
            return;
        top = top * 4 - p.Top;
        left = left * 4 - p.Left;
        var c0 = Forward4(p.Read6(batch, top, left, c));
        var c1 = Forward4(p.Read6(batch, top + 1, left, c));
        var c2 = Forward4(p.Read6(batch, top + 2, left, c));
        var c3 = Forward4(p.Read6(batch, top + 3, left, c));
        var c4 = Forward4(p.Read6(batch, top + 4, left, c));
        var c5 = Forward4(p.Read6(batch, top + 5, left, c));
        p.Write(tile, c, 0, Forward4(new Line6 { A = c0.A, B = c1.A, C = c2.A, D = c3.A, E = c4.A, F = c5.A }), 6);
        p.Write(tile, c, 1, Forward4(new Line6 { A = c0.B, B = c1.B, C = c2.B, D = c3.B, E = c4.B, F = c5.B }), 6);
        p.Write(tile, c, 2, Forward4(new Line6 { A = c0.C, B = c1.C, C = c2.C, D = c3.C, E = c4.C, F = c5.C }), 6);
        p.Write(tile, c, 3, Forward4(new Line6 { A = c0.D, B = c1.D, C = c2.D, D = c3.D, E = c4.D, F = c5.D }), 6);
        p.Write(tile, c, 4, Forward4(new Line6 { A = c0.E, B = c1.E, C = c2.E, D = c3.E, E = c4.E, F = c5.E }), 6);
        p.Write(tile, c, 5, Forward4(new Line6 { A = c0.F, B = c1.F, C = c2.F, D = c3.F, E = c4.F, F = c5.F }), 6);
    }

    /// <summary>Sums of 4×4 places back to 2×2 pixels, through the epilogue.</summary>
    internal static void Scatter2(WinogradParameters p)
    {
        if (!p.Find(out int tile, out int c, out int batch, out int top, out int left))
            return;
        var c0 = Back2(p.Place4(tile, c, 0));
        var c1 = Back2(p.Place4(tile, c, 1));
        var c2 = Back2(p.Place4(tile, c, 2));
        var c3 = Back2(p.Place4(tile, c, 3));
        var left0 = Back2(new Line6 { A = c0.A, B = c1.A, C = c2.A, D = c3.A });
        var left1 = Back2(new Line6 { A = c0.B, B = c1.B, C = c2.B, D = c3.B });
        top *= 2;
        left *= 2;
        // One call in a loop: the machine is long, and would be copied into each.
        for (int i = 0; i < 4; i++)
        {
            float value = i == 0 ? left0.A : i == 1 ? left0.B : i == 2 ? left1.A : left1.B;
            p.Finish(value, batch, top + (i >> 1), left + (i & 1), c);
        }
    }

    /// <summary>Sums of 6×6 places back to 4×4 pixels, through the epilogue.</summary>
    internal static void Scatter4(WinogradParameters p)
    {
        if (!p.Find(out int tile, out int c, out int batch, out int top, out int left))
            return;
        var c0 = Back4(p.Place6(tile, c, 0));
        var c1 = Back4(p.Place6(tile, c, 1));
        var c2 = Back4(p.Place6(tile, c, 2));
        var c3 = Back4(p.Place6(tile, c, 3));
        var c4 = Back4(p.Place6(tile, c, 4));
        var c5 = Back4(p.Place6(tile, c, 5));
        for (int i = 0; i < 4; i++)
        {
            var row = i == 0 ? Line6.Of(c0.A, c1.A, c2.A, c3.A, c4.A, c5.A)
                : i == 1 ? Line6.Of(c0.B, c1.B, c2.B, c3.B, c4.B, c5.B)
                : i == 2 ? Line6.Of(c0.C, c1.C, c2.C, c3.C, c4.C, c5.C)
                : Line6.Of(c0.D, c1.D, c2.D, c3.D, c4.D, c5.D);
            row = Back4(row);
            for (int j = 0; j < 4; j++)
                p.Finish(j == 0 ? row.A : j == 1 ? row.B : j == 2 ? row.C : row.D, batch, top * 4 + i, left * 4 + j, c);
        }
    }

    /// <summary>Filters of 3×3 to 4×4 places; a thread takes one filter.</summary>
    internal static void Filter2(FilterParameters p)
    {
        if (!p.Find(out int c, out int column))
            return;
        var c0 = Weights2(p.Row(column, c, 0));
        var c1 = Weights2(p.Row(column, c, 1));
        var c2 = Weights2(p.Row(column, c, 2));
        p.Write(c, column, 0, Weights2(new Line6 { A = c0.A, B = c1.A, C = c2.A }), 4);
        p.Write(c, column, 1, Weights2(new Line6 { A = c0.B, B = c1.B, C = c2.B }), 4);
        p.Write(c, column, 2, Weights2(new Line6 { A = c0.C, B = c1.C, C = c2.C }), 4);
        p.Write(c, column, 3, Weights2(new Line6 { A = c0.D, B = c1.D, C = c2.D }), 4);
    }

    /// <summary>Filters of 3×3 to 6×6 places.</summary>
    internal static void Filter4(FilterParameters p)
    {
        if (!p.Find(out int c, out int column))
            return;
        var c0 = Weights4(p.Row(column, c, 0));
        var c1 = Weights4(p.Row(column, c, 1));
        var c2 = Weights4(p.Row(column, c, 2));
        p.Write(c, column, 0, Weights4(new Line6 { A = c0.A, B = c1.A, C = c2.A }), 6);
        p.Write(c, column, 1, Weights4(new Line6 { A = c0.B, B = c1.B, C = c2.B }), 6);
        p.Write(c, column, 2, Weights4(new Line6 { A = c0.C, B = c1.C, C = c2.C }), 6);
        p.Write(c, column, 3, Weights4(new Line6 { A = c0.D, B = c1.D, C = c2.D }), 6);
        p.Write(c, column, 4, Weights4(new Line6 { A = c0.E, B = c1.E, C = c2.E }), 6);
        p.Write(c, column, 5, Weights4(new Line6 { A = c0.F, B = c1.F, C = c2.F }), 6);
    }

    // The paper's Bᵀ, Aᵀ and G for interpolation points 0, 1, −1 (and 2, −2), along one line.
    private static Line6 Forward2(Line6 d) => new() { A = d.A - d.C, B = d.B + d.C, C = d.C - d.B, D = d.B - d.D };

    private static Line6 Back2(Line6 m) => new() { A = m.A + m.B + m.C, B = m.B - m.C - m.D };

    private static Line6 Weights2(Line6 g) => new() { A = g.A, B = 0.5f * (g.A + g.B + g.C), C = 0.5f * (g.A - g.B + g.C), D = g.C };

    private static Line6 Forward4(Line6 d) => new()
    {
        A = 4f * d.A - 5f * d.C + d.E,
        B = d.D + d.E - 4f * (d.B + d.C),
        C = d.E - d.D + 4f * (d.B - d.C),
        D = d.E - d.C + 2f * (d.D - d.B),
        E = d.E - d.C - 2f * (d.D - d.B),
        F = 4f * d.B - 5f * d.D + d.F,
    };

    private static Line6 Back4(Line6 m) => new()
    {
        A = m.A + m.B + m.C + m.D + m.E,
        B = m.B - m.C + 2f * (m.D - m.E),
        C = m.B + m.C + 4f * (m.D + m.E),
        D = m.B - m.C + 8f * (m.D - m.E) + m.F,
    };

    private static Line6 Weights4(Line6 g) => new()
    {
        A = 0.25f * g.A,
        B = -(g.A + g.B + g.C) / 6f,
        C = -(g.A - g.B + g.C) / 6f,
        D = g.A / 24f + g.B / 12f + g.C / 6f,
        E = g.A / 24f - g.B / 12f + g.C / 6f,
        F = g.C,
    };
}
