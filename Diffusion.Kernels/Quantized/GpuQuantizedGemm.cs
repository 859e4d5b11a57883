using ILGPU;
using ILGPU.Algorithms;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// Products with small-integer weights on a GPU without tensor cores. Weights stay as they are stored and become numbers on their way
/// into shared memory; rounded activations are made by a launch of their own.
/// </summary>
internal static class GpuQuantizedGemm
{
    private const int Tile = GpuMatrix.Tile, DepthTile = 16;

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, QuantizedGemmSpec spec)
    {
        if (spec.C.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        if (!GpuEpilogue.Fits(spec.After))
            return GpuComposite.Prepare(context, spec, 1);
        int batches = spec.C.Shape[0], rows = spec.C.Shape[1], depth = spec.A.Shape[2];
        var parameters = new QuantizedParameters
        {
            Rows = rows,
            Columns = spec.C.Shape[2],
            Depth = depth,
            RowTiles = (rows + Tile - 1) / Tile,
            ColumnTiles = (spec.C.Shape[2] + Tile - 1) / Tile,
            Stride = spec.W.Shape[1],
            FourBits = spec.IsInt4 ? 1 : 0,
            GroupSize = spec.GroupSize == 0 ? Math.Max(1, depth) : spec.GroupSize,
            Groups = spec.Groups,
            A = GpuContext.Operand(spec.A),
            W = GpuContext.Operand(spec.W),
            Scales = GpuContext.Operand(spec.Scales),
        };
        var epilogue = GpuEpilogue.Create(context, spec.After, spec.C)!;
        long tiles = (long)batches * parameters.RowTiles * parameters.ColumnTiles, all = (long)batches * rows;
        long scaleBytes = GpuProduct.Aligned(all * sizeof(float));
        int threads = context.RowThreads(depth);
        var round = spec.DynamicActivations ? context.Kernels.Get<QuantizedParameters>(Round) : null;
        var multiply = spec.DynamicActivations
            ? context.Kernels.Get<QuantizedParameters>(RunDynamic, Tile)
            : context.Kernels.Get<QuantizedParameters>(RunWeightOnly, Tile);
        return new PreparedKernel(spec, round is null ? "dequantise-64x64" : "int8-64x64", round is null ? 0 : scaleBytes + all * depth, [], (in arguments) =>
        {
            var p = parameters;
            GpuContext.Bind(ref p.A, arguments.Operands[0]);
            GpuContext.Bind(ref p.W, arguments.Operands[1]);
            GpuContext.Bind(ref p.Scales, arguments.Operands[2]);
            p.RowScales = p.A.Words.Cast<float>();
            p.Rounded = p.A.Words.Cast<sbyte>();
            p.Machine = epilogue.Bind(arguments.Operands, arguments.Scalars);
            if (round is not null)
            {
                var place = arguments.Workspace;
                p.RowScales = GpuContext.Words(place).Cast<float>();
                p.Rounded = GpuContext.Words(place with { ByteOffset = place.ByteOffset + scaleBytes }).Cast<sbyte>();
                round.Launch(all, threads, in p);
            }
            multiply.Launch(tiles, Tile, in p);
        });
    }

    /// <summary>Weights as float32, accumulated in float32.</summary>
    internal static void RunWeightOnly(QuantizedParameters p)
    {
        var a = SharedMemory.Allocate<float>(DepthTile * Tile);
        var b = SharedMemory.Allocate<float>(DepthTile * Tile);
        var sums = SharedMemory.Allocate<float>(Tile * Tile);
        int t = Group.IdxX, tx = t % 8, ty = t / 8;
        p.Find(out int batch, out int firstRow, out int firstColumn);
        int row = firstRow + t, column = firstColumn + t;
        Row8 r0 = default, r1 = default, r2 = default, r3 = default, r4 = default, r5 = default, r6 = default, r7 = default;
        for (int k = 0; k < p.Depth; k += DepthTile)
        {
            for (int i = 0; i < DepthTile; i++)
            {
                bool inside = k + i < p.Depth;
                a[i * Tile + t] = inside && row < p.Rows ? p.A.Load(p.A.Offset(0, batch, row, k + i)) : 0f;
                b[i * Tile + t] = inside && column < p.Columns ? p.Weight(column, k + i) * p.Scales.Load((long)column * p.Groups + (k + i) / p.GroupSize) : 0f;
            }
            Group.Barrier();
            for (int i = 0; i < DepthTile; i++)
            {
                var columns = Row8.Load(b, i * Tile + tx, 8);
                int at = i * Tile + ty;
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
        int place = ty * Tile + tx;
        r0.Store(sums, place, 8);
        r1.Store(sums, place + 8 * Tile, 8);
        r2.Store(sums, place + 16 * Tile, 8);
        r3.Store(sums, place + 24 * Tile, 8);
        r4.Store(sums, place + 32 * Tile, 8);
        r5.Store(sums, place + 40 * Tile, 8);
        r6.Store(sums, place + 48 * Tile, 8);
        r7.Store(sums, place + 56 * Tile, 8);
        Group.Barrier();
        for (int i = 0; i < Tile; i++)
        {
            if (firstRow + i < p.Rows && column < p.Columns)
                p.Machine.Finish(sums[i * Tile + t], 0, batch, firstRow + i, column);
        }
    }

    /// <summary>Rounded rows by int8 weights. Sums of <see cref="ExactDepth"/> products are exact in float32; int32 holds the rest.</summary>
    internal static void RunDynamic(QuantizedParameters p)
    {
        var a = SharedMemory.Allocate<float>(DepthTile * Tile);
        var b = SharedMemory.Allocate<float>(DepthTile * Tile);
        var sums = SharedMemory.Allocate<int>(Tile * Tile);
        var part = SharedMemory.Allocate<float>(Tile * 8);
        int t = Group.IdxX, tx = t % 8, ty = t / 8;
        p.Find(out int batch, out int firstRow, out int firstColumn);
        int row = firstRow + t, column = firstColumn + t;
        long from = ((long)batch * p.Rows + row) * p.Depth;
        for (int i = 0; i < Tile; i++)
            sums[i * Tile + t] = 0;
        for (int start = 0; start < p.Depth; start += ExactDepth)
        {
            Row8 r0 = default, r1 = default, r2 = default, r3 = default, r4 = default, r5 = default, r6 = default, r7 = default;
            int last = Math.Min(start + ExactDepth, p.Depth);
            for (int k = start; k < last; k += DepthTile)
            {
                Group.Barrier();
                for (int i = 0; i < DepthTile; i++)
                {
                    bool inside = k + i < last;
                    a[i * Tile + t] = inside && row < p.Rows ? p.Rounded[from + k + i] : 0f;
                    b[i * Tile + t] = inside && column < p.Columns ? p.Weight(column, k + i) : 0f;
                }
                Group.Barrier();
                for (int i = 0; i < DepthTile; i++)
                {
                    var columns = Row8.Load(b, i * Tile + tx, 8);
                    int at = i * Tile + ty;
                    r0 = r0.Plus(a[at], columns);
                    r1 = r1.Plus(a[at + 8], columns);
                    r2 = r2.Plus(a[at + 16], columns);
                    r3 = r3.Plus(a[at + 24], columns);
                    r4 = r4.Plus(a[at + 32], columns);
                    r5 = r5.Plus(a[at + 40], columns);
                    r6 = r6.Plus(a[at + 48], columns);
                    r7 = r7.Plus(a[at + 56], columns);
                }
            }
            // Every thread adds to its own 64 sums only.
            for (int i = 0; i < 8; i++)
            {
                var line = i == 0 ? r0 : i == 1 ? r1 : i == 2 ? r2 : i == 3 ? r3 : i == 4 ? r4 : i == 5 ? r5 : i == 6 ? r6 : r7;
                line.Store(part, t * 8, 1);
                for (int j = 0; j < 8; j++)
                {
                    int at = (ty + 8 * i) * Tile + tx + 8 * j;
                    sums[at] = sums[at] + (int)part[t * 8 + j];
                }
            }
        }
        Group.Barrier();
        for (int i = 0; i < Tile; i++)
        {
            if (firstRow + i < p.Rows && column < p.Columns)
            {
                float scaled = sums[i * Tile + t] * p.Scales.Load(column) * p.RowScales[(long)batch * p.Rows + firstRow + i];
                p.Machine.Finish(scaled, 0, batch, firstRow + i, column);
            }
        }
    }

    // 1024 · 128 · 127 is below 2²⁴.
    private const int ExactDepth = 1024;

    /// <summary>A row as int8 with its scale; a group a row.</summary>
    internal static void Round(QuantizedParameters p)
    {
        var shared = SharedMemory.Allocate<float>(GroupSums.MaxThreads);
        int row = Grid.IdxX % p.Rows, batch = Grid.IdxX / p.Rows;
        float largest = 0f;
        for (int k = Group.IdxX; k < p.Depth; k += Group.DimX)
            largest = DeviceMath.Maximum(largest, XMath.Abs(p.A.Load(p.A.Offset(0, batch, row, k))));
        largest = GroupSums.Maximum(shared, 0, largest);
        // The bounds of RowScale: too small counts as nothing, and what isn't finite stays so.
        bool zero = largest < RowScale.Smallest, wild = DeviceMath.IsNaN(largest) || largest == float.PositiveInfinity;
        float inverse = zero || wild ? 0f : 127f / largest;
        for (int k = Group.IdxX; k < p.Depth; k += Group.DimX)
            p.Rounded[(long)Grid.IdxX * p.Depth + k] = (sbyte)(int)DeviceMath.RoundToEven((zero || wild ? 0f : p.A.Load(p.A.Offset(0, batch, row, k))) * inverse);
        if (Group.IdxX == 0)
            p.RowScales[Grid.IdxX] = zero ? 0f : wild ? float.NaN : largest / 127f;
    }
}

/// <summary>A launch of a product with integer weights.</summary>
internal struct QuantizedParameters
{
    public int Rows, Columns, Depth, RowTiles, ColumnTiles, Stride, FourBits, GroupSize, Groups;
    public GpuOperand A, W, Scales;

    /// <summary>Scales and integers of rounded rows.</summary>
    public ArrayView<float> RowScales;
    public ArrayView<sbyte> Rounded;
    public GpuMachine Machine;

    /// <summary>This group's batch and the first row and column of its tile.</summary>
    public readonly void Find(out int batch, out int row, out int column)
    {
        int rest = Grid.IdxX / ColumnTiles;
        column = Grid.IdxX % ColumnTiles * GpuMatrix.Tile;
        row = rest % RowTiles * GpuMatrix.Tile;
        batch = rest / RowTiles;
    }

    /// <summary>An integer weight.</summary>
    public readonly float Weight(int column, int k)
    {
        long at = W.Start + (long)column * Stride;
        if (FourBits == 0)
            return W.Words.Cast<sbyte>()[at + k];
        int bits = W.Words.Cast<byte>()[at + k / 2] & 0xff;
        return (((bits >> (4 * (k & 1))) & 15) ^ 8) - 8;
    }
}
