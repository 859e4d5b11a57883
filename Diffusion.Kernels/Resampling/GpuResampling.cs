using System.Collections.Immutable;
using Diffusion.Kernels.Reference;
using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>Resizing and pooling on a GPU: one element of the output a thread; which samples it mixes stands in tables.</summary>
internal static class GpuResampling
{
    private const int Threads = 256;

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, ResamplingSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        var (x, y) = (spec.X, spec.Y);
        var parameters = new ResamplingParameters
        {
            Count = y.Count,
            Rows = y.Shape[1],
            Columns = y.Shape[2],
            Channels = y.Shape[3],
            RowTable = context.Table(Table(spec, x.Shape[1], y.Shape[1], spec.ScaleFactor.Y)),
            ColumnTable = context.Table(Table(spec, x.Shape[2], y.Shape[2], spec.ScaleFactor.X)),
            X = GpuContext.Operand(x),
            Y = GpuContext.Operand(y),
        };
        var kernel = context.Kernels.Get<ResamplingParameters>(Resize);
        return new PreparedKernel(spec, "taps", 0, [], (in arguments) =>
        {
            var p = parameters;
            GpuContext.Bind(ref p.X, arguments.Operands[0]);
            GpuContext.Bind(ref p.Y, arguments.Operands[1]);
            kernel.Launch((p.Count + Threads - 1) / Threads, Threads, in p);
        });
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, PoolingSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        var (x, y) = (spec.X, spec.Y);
        var parameters = new PoolingParameters
        {
            Count = y.Count,
            Rows = y.Shape[1],
            Columns = y.Shape[2],
            Channels = y.Shape[3],
            Height = x.Shape[1],
            Width = x.Shape[2],
            WindowY = spec.Window.Y,
            WindowX = spec.Window.X,
            StrideY = spec.Stride.Y,
            StrideX = spec.Stride.X,
            Top = spec.Padding.Y,
            Left = spec.Padding.X,
            Largest = spec.Kind == PoolingKind.Maximum ? 1 : 0,
            X = GpuContext.Operand(x),
            Y = GpuContext.Operand(y),
        };
        var kernel = context.Kernels.Get<PoolingParameters>(Pool);
        return new PreparedKernel(spec, "window", 0, [], (in arguments) =>
        {
            var p = parameters;
            GpuContext.Bind(ref p.X, arguments.Operands[0]);
            GpuContext.Bind(ref p.Y, arguments.Operands[1]);
            kernel.Launch((p.Count + Threads - 1) / Threads, Threads, in p);
        });
    }

    // Where each position's taps begin (and the last ones end), then sources and weights by turns.
    private static ImmutableArray<int> Table(ResamplingSpec spec, int from, int to, double factor)
    {
        var taps = Enumerable.Range(0, to).Select(i => ReferenceResampling.Taps(spec, i, from, to, factor)).ToArray();
        var table = ImmutableArray.CreateBuilder<int>();
        int at = to + 1;
        foreach (var position in taps)
        {
            table.Add(at);
            at += 2 * position.Length;
        }
        table.Add(at);
        foreach (var (source, weight) in taps.SelectMany(t => t))
        {
            table.Add(source);
            table.Add(BitConverter.SingleToInt32Bits((float)weight));
        }
        return table.ToImmutable();
    }

    /// <summary>One element a thread.</summary>
    internal static void Resize(ResamplingParameters p)
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= p.Count)
            return;
        int c = (int)(i % p.Channels);
        long rest = i / p.Channels;
        int column = (int)(rest % p.Columns);
        rest /= p.Columns;
        int row = (int)(rest % p.Rows), n = (int)(rest / p.Rows);
        float sum = 0f;
        for (int r = p.RowTable[row]; r < p.RowTable[row + 1]; r += 2)
        {
            float line = 0f;
            for (int k = p.ColumnTable[column]; k < p.ColumnTable[column + 1]; k += 2)
                line += Interop.IntAsFloat((uint)p.ColumnTable[k + 1]) * p.X.Load(p.X.Offset(n, p.RowTable[r], p.ColumnTable[k], c));
            sum += Interop.IntAsFloat((uint)p.RowTable[r + 1]) * line;
        }
        p.Y.Store(p.Y.Offset(n, row, column, c), sum);
    }

    /// <summary>One element a thread.</summary>
    internal static void Pool(PoolingParameters p)
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= p.Count)
            return;
        int c = (int)(i % p.Channels);
        long rest = i / p.Channels;
        int column = (int)(rest % p.Columns);
        rest /= p.Columns;
        int row = (int)(rest % p.Rows), n = (int)(rest / p.Rows);
        int top = row * p.StrideY - p.Top, left = column * p.StrideX - p.Left;
        float sum = 0f, largest = float.NegativeInfinity;
        for (int y = Math.Max(top, 0); y < Math.Min(top + p.WindowY, p.Height); y++)
        {
            for (int x = Math.Max(left, 0); x < Math.Min(left + p.WindowX, p.Width); x++)
            {
                float value = p.X.Load(p.X.Offset(n, y, x, c));
                sum += value;
                largest = DeviceMath.Maximum(largest, value);
            }
        }
        p.Y.Store(p.Y.Offset(n, row, column, c), p.Largest != 0 ? largest : sum / (p.WindowY * p.WindowX));
    }
}

/// <summary>A resize's launch.</summary>
internal struct ResamplingParameters
{
    public long Count;
    public int Rows, Columns, Channels;
    public ArrayView<int> RowTable, ColumnTable;
    public GpuOperand X, Y;
}

/// <summary>A pooling's launch.</summary>
internal struct PoolingParameters
{
    public long Count;
    public int Rows, Columns, Channels, Height, Width, WindowY, WindowX, StrideY, StrideX, Top, Left, Largest;
    public GpuOperand X, Y;
}
