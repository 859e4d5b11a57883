namespace Diffusion.Kernels.Cpu;

/// <summary>What <see cref="CpuQuantizedGemm"/> multiplies: tiles of six rows with panels of sixteen output channels.</summary>
internal unsafe interface IQuantizedPanels
{
    /// <summary>Bytes of a packed tile, its row scales included; a multiple of 64.</summary>
    static abstract long TileBytes(int depth);

    /// <summary>How much depth a panel covers: sums over several are of partial sums.</summary>
    static abstract int DepthStep(int depth);

    /// <summary>Bytes of an expanded panel, its column scales included; a multiple of 64.</summary>
    static abstract long PanelBytes(int depthStep);

    /// <summary>Bytes of scratch for either.</summary>
    static abstract long ScratchBytes(int depth);

    /// <summary>Packs up to six rows; those that aren't there repeat the last.</summary>
    static abstract void PackTile(QuantizedRows rows, byte* a, long row, int count, byte* tile, byte* scratch);

    /// <summary>Expands some depth of up to sixteen output channels; those that aren't there are 0.</summary>
    static abstract void ExpandPanel(QuantizedWeights weights, byte* w, byte* scales, int column, int k, int depth, byte* panel, byte* scratch);

    /// <summary>C[6,16] = tile·panel + start + bias, both optional, over the panel's depth; the tile's part of it starts at k.</summary>
    static abstract void Multiply(byte* tile, int k, byte* panel, int depth, float* c, nint stride, float* start, nint startStride, float* bias);
}

/// <summary>Integers on both sides, in 16 bits: the sums of their products are exact.</summary>
internal readonly unsafe struct IntegerPanels : IQuantizedPanels
{
    private const int Strip = 128;
    private const int ScaleBytes = 64;

    public static long TileBytes(int depth) => Align(IntegerDot.PadDepth(depth) * (long)MicroKernel.Rows * sizeof(short)) + ScaleBytes;

    public static int DepthStep(int depth) => depth;

    public static long PanelBytes(int depth) => Align(IntegerDot.PadDepth(depth) * (long)MicroKernel.Width * sizeof(short)) + ScaleBytes;

    public static long ScratchBytes(int depth) =>
        Align(Math.Max(depth * (long)sizeof(float) + MicroKernel.Rows * (long)IntegerDot.PadDepth(depth) * sizeof(short), MicroKernel.Width * Strip * sizeof(short)));

    public static void PackTile(QuantizedRows rows, byte* a, long row, int count, byte* tile, byte* scratch)
    {
        int padded = IntegerDot.PadDepth(rows.Depth);
        float* scales = (float*)tile;
        short* rounded = (short*)scratch;
        float* values = (float*)(rounded + MicroKernel.Rows * (long)padded);
        float** pairs = stackalloc float*[MicroKernel.Rows];
        for (int i = 0; i < MicroKernel.Rows; i++)
        {
            short* target = rounded + Math.Min(i, count - 1) * (long)padded;
            scales[i] = i < count ? rows.Round(a, row + i, target, padded, values) : scales[i - 1];
            pairs[i] = (float*)target;
        }
        // Pairs of integers move as float32 do.
        PanelPacking.PackRows(pairs, padded / 2, (float*)(tile + ScaleBytes));
    }

    public static void ExpandPanel(QuantizedWeights weights, byte* w, byte* scales, int column, int k, int depth, byte* panel, byte* scratch)
    {
        float* factors = (float*)panel;
        float* target = (float*)(panel + ScaleBytes);
        short* strip = (short*)scratch;
        int columns = Math.Min(MicroKernel.Width, weights.Columns - column);
        for (int j = 0; j < MicroKernel.Width; j++)
            factors[j] = j < columns ? weights.Scale(scales, column + j) : 0;
        if (columns < MicroKernel.Width)
            new Span<short>(strip, MicroKernel.Width * Strip).Clear();
        for (int done = 0; done < depth; done += Strip)
        {
            int n = Math.Min(Strip, depth - done), room = IntegerDot.PadDepth(n);
            for (int j = 0; j < columns; j++)
                weights.Integers(w, column + j, k + done, n, strip + j * Strip, room);
            PanelPacking.PackColumns(
                ElementType.Float32, scratch, 1, Strip / 2, room / 2, MicroKernel.Width, target + (long)done / 2 * MicroKernel.Width, null);
        }
    }

    public static void Multiply(byte* tile, int k, byte* panel, int depth, float* c, nint stride, float* start, nint startStride, float* bias) => IntegerDot.Packed(
        (short*)(tile + ScaleBytes) + k * MicroKernel.Rows, (short*)(panel + ScaleBytes), IntegerDot.PadDepth(depth), c, stride, (float*)tile, (float*)panel,
        start, startStride, bias);

    private static long Align(long bytes) => (bytes + 63) & ~63L;
}

/// <summary>Activations as they are, weights expanded to float32.</summary>
internal readonly unsafe struct FloatPanels : IQuantizedPanels
{
    private const int Strip = 64;
    private const int MaxDepthStep = 640;

    public static long TileBytes(int depth) => Align(MicroKernel.PadDepth(depth) * (long)MicroKernel.Rows * sizeof(float));

    public static int DepthStep(int depth)
    {
        int rounds = Math.Max(1, (depth + MaxDepthStep - 1) / MaxDepthStep);
        return MicroKernel.RoundDepth(depth, rounds);
    }

    public static long PanelBytes(int depth) => Align(MicroKernel.PadDepth(depth) * (long)MicroKernel.Width * sizeof(float));

    public static long ScratchBytes(int depth) =>
        Align(Math.Max(MicroKernel.Rows * (long)depth * sizeof(float), MicroKernel.Width * Strip * sizeof(float) + Strip * sizeof(short)));

    public static void PackTile(QuantizedRows rows, byte* a, long row, int count, byte* tile, byte* scratch)
    {
        float** sources = stackalloc float*[MicroKernel.Rows];
        for (int i = 0; i < MicroKernel.Rows; i++)
            sources[i] = i < count ? rows.Row(a, row + i, (float*)scratch + i * (long)rows.Depth) : sources[i - 1];
        PanelPacking.PackRows(sources, rows.Depth, (float*)tile);
        PanelPacking.ClearDepth((float*)tile, rows.Depth, MicroKernel.PadDepth(rows.Depth));
    }

    public static void ExpandPanel(QuantizedWeights weights, byte* w, byte* scales, int column, int k, int depth, byte* panel, byte* scratch)
    {
        float* target = (float*)panel;
        float* strip = (float*)scratch;
        short* integers = (short*)(strip + MicroKernel.Width * Strip);
        int columns = Math.Min(MicroKernel.Width, weights.Columns - column);
        if (columns < MicroKernel.Width)
            new Span<float>(strip, MicroKernel.Width * Strip).Clear();
        for (int done = 0; done < depth; done += Strip)
        {
            int n = Math.Min(Strip, depth - done);
            for (int j = 0; j < columns; j++)
                weights.Floats(w, scales, column + j, k + done, n, strip + j * Strip, integers);
            PanelPacking.PackColumns(ElementType.Float32, scratch, 1, Strip, n, MicroKernel.Width, target + (long)done * MicroKernel.Width, null);
        }
        int padded = MicroKernel.PadDepth(depth);
        new Span<float>(target + (long)depth * MicroKernel.Width, (padded - depth) * MicroKernel.Width).Clear();
    }

    public static void Multiply(byte* tile, int k, byte* panel, int depth, float* c, nint stride, float* start, nint startStride, float* bias) =>
        MicroKernel.Tile((float*)tile + k * MicroKernel.Rows, (float*)panel, MicroKernel.PadDepth(depth), c, stride, start, startStride, bias);

    private static long Align(long bytes) => (bytes + 63) & ~63L;
}
