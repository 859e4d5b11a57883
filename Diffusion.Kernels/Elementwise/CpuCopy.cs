using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Copies that change only where elements lie, or the width of integers.</summary>
internal static unsafe class CpuCopy
{
    /// <summary>Elements read one after the other, several cache lines, while axes are exchanged.</summary>
    private const int Band = 64;

    /// <summary>Elements of an output row that are written before the next: its line stays in the first-level cache meanwhile.</summary>
    private const int Strip = 16;

    /// <summary>A copy within one type.</summary>
    public static PreparedKernel Prepare(CpuContext context, ElementwiseSpec spec, int operand, CollapsedAxes axes)
    {
        int size = spec.Output.Type.Size(), last = axes.Shape.Length - 1;
        var (from, to) = (axes.Strides[0], axes.Strides[1]);
        if (to[last] == 1 && from[last] == 1)
            return new Copy(context, spec, operand, axes, size, axes.Shape.Length == 1 ? "memcpy" : "rows", &CopyRow).Kernel();
        // The axis along which the input is dense, exchanged with the output's last.
        int dense = from.IndexOf(1);
        if (dense >= 0 && dense != last && to[last] == 1 && size is 1 or 2 or 4 && axes.Shape[dense] >= 4 && axes.Shape[last] >= 4)
            return new Transposition(context, spec, operand, axes, size, dense).Kernel();
        return new Copy(context, spec, operand, axes, size, "strided", &CopyStrided).Kernel();
    }

    /// <summary>A copy between integer types, exact where the target holds the value, saturating elsewhere.</summary>
    public static PreparedKernel PrepareIntegers(CpuContext context, ElementwiseSpec spec, int operand, CollapsedAxes axes) =>
        new Copy(context, spec, operand, axes, spec.Output.Type.Size(), "integers", &CopyIntegers).Kernel();

    private static void CopyRow(Copy copy, byte* source, byte* target, long column, long n)
    {
        long offset = column * copy.Size;
        Buffer.MemoryCopy(source + offset, target + offset, n * copy.Size, n * copy.Size);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyStrided(Copy copy, byte* source, byte* target, long column, long n)
    {
        nint from = (nint)copy.FromStride, to = (nint)copy.ToStride, first = (nint)column, end = (nint)(column + n);
        switch (copy.Size)
        {
            case 1:
                for (nint i = first; i < end; i++)
                    target[i * to] = source[i * from];
                break;
            case 2:
                for (nint i = first; i < end; i++)
                    ((ushort*)target)[i * to] = ((ushort*)source)[i * from];
                break;
            case 4:
                for (nint i = first; i < end; i++)
                    ((uint*)target)[i * to] = ((uint*)source)[i * from];
                break;
            default:
                for (nint i = first; i < end; i++)
                    ((ulong*)target)[i * to] = ((ulong*)source)[i * from];
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyIntegers(Copy copy, byte* source, byte* target, long column, long n)
    {
        var (fromType, toType) = (copy.FromType, copy.ToType);
        int fromSize = fromType.Size();
        for (long i = column; i < column + n; i++)
        {
            byte* at = source + i * copy.FromStride * fromSize;
            long value = fromType switch { ElementType.Int8 => *(sbyte*)at, ElementType.UInt8 => *at, ElementType.Int32 => *(int*)at, _ => *(long*)at };
            byte* place = target + i * copy.ToStride * copy.Size;
            switch (toType)
            {
                case ElementType.Int8: *(sbyte*)place = (sbyte)Math.Clamp(value, sbyte.MinValue, sbyte.MaxValue); break;
                case ElementType.UInt8: *place = (byte)Math.Clamp(value, byte.MinValue, byte.MaxValue); break;
                case ElementType.Int32: *(int*)place = (int)Math.Clamp(value, int.MinValue, int.MaxValue); break;
                default: *(long*)place = value; break;
            }
        }
    }

    /// <summary>A copy row by row, where a row is the output's last axis.</summary>
    private sealed class Copy
    {
        private readonly CpuContext context;
        private readonly ElementwiseSpec spec;
        private readonly delegate*<Copy, byte*, byte*, long, long, void> body;
        private readonly RowMap fromRows, toRows;
        private readonly long rows, columns;
        private readonly int operand, rowTasks, columnTasks;
        private readonly string name;

        public Copy(
            CpuContext context, ElementwiseSpec spec, int operand, CollapsedAxes axes, int size, string name, delegate*<Copy, byte*, byte*, long, long, void> body)
        {
            this.context = context;
            this.spec = spec;
            this.operand = operand;
            this.body = body;
            this.name = name;
            Size = size;
            (FromType, ToType) = (spec.Inputs[operand].Type, spec.Output.Type);
            int last = axes.Shape.Length - 1;
            (FromStride, ToStride) = (axes.Strides[0][last], axes.Strides[1][last]);
            fromRows = RowMap.Create(axes.Shape, axes.Strides[0], last);
            toRows = RowMap.Create(axes.Shape, axes.Strides[1], last);
            columns = axes.Shape[last];
            rows = spec.Output.Count / columns;
            int tasks = CpuSplit.Tasks(context, rows * columns, 1);
            rowTasks = (int)Math.Min(tasks, rows);
            columnTasks = (int)Math.Clamp(tasks / rowTasks, 1, Math.Max(columns / 4096, 1));
        }

        public int Size { get; }

        public ElementType FromType { get; }

        public ElementType ToType { get; }

        public long FromStride { get; }

        public long ToStride { get; }

        public PreparedKernel Kernel() => new(spec, name, 0, [], Launch);

        private void Launch(in KernelArguments arguments)
        {
            var job = new Job { Copy = this, Source = (byte*)arguments.Operands[operand].Address, Target = (byte*)arguments.Operands[^1].Address };
            // An operation in place that moves nothing.
            if (job.Source == job.Target && FromType == ToType)
                return;
            context.Pool.Run(rowTasks * columnTasks, Unsafe.AsPointer(ref job), &Run);
        }

        private static void Run(void* state, int task, int thread)
        {
            ref var job = ref Unsafe.AsRef<Job>(state);
            var copy = job.Copy;
            var (rowTask, columnTask) = Math.DivRem(task, copy.columnTasks);
            long last = CpuSplit.Start(copy.rows, copy.rowTasks, rowTask + 1);
            long column = CpuSplit.Start(copy.columns, copy.columnTasks, columnTask), n = CpuSplit.Start(copy.columns, copy.columnTasks, columnTask + 1) - column;
            int fromSize = copy.FromType.Size();
            for (long row = CpuSplit.Start(copy.rows, copy.rowTasks, rowTask); row < last; row++)
                copy.body(copy, job.Source + copy.fromRows.Offset(row) * fromSize, job.Target + copy.toRows.Offset(row) * copy.Size, column, n);
        }

        private struct Job
        {
            public Copy Copy;
            public byte* Source, Target;
        }
    }

    /// <summary>Two axes exchanged, in blocks; the other axes are looped over.</summary>
    private sealed class Transposition
    {
        private readonly CpuContext context;
        private readonly ElementwiseSpec spec;
        private readonly RowMap fromRows, toRows;
        private readonly long outer, fromStride, toStride;
        private readonly int operand, size, height, width, bands, tasks;

        public Transposition(CpuContext context, ElementwiseSpec spec, int operand, CollapsedAxes axes, int size, int dense)
        {
            this.context = context;
            this.spec = spec;
            this.operand = operand;
            this.size = size;
            int last = axes.Shape.Length - 1;
            // Rows of the block: the axis dense in the input; columns: the axis dense in the output.
            (height, width) = (axes.Shape[dense], axes.Shape[last]);
            (fromStride, toStride) = (axes.Strides[0][last], axes.Strides[1][dense]);
            var shape = axes.Shape.RemoveAt(last).RemoveAt(dense);
            fromRows = RowMap.Create(shape, axes.Strides[0].RemoveAt(last).RemoveAt(dense), shape.Length);
            toRows = RowMap.Create(shape, axes.Strides[1].RemoveAt(last).RemoveAt(dense), shape.Length);
            outer = spec.Output.Count / ((long)height * width);
            bands = (height + Band - 1) / Band;
            tasks = CpuSplit.Tasks(context, outer * bands, (long)Band * width);
        }

        public PreparedKernel Kernel() => new(spec, "transposition", 0, [], Launch);

        private void Launch(in KernelArguments arguments)
        {
            var job = new Job { Kernel = this, Source = (byte*)arguments.Operands[operand].Address, Target = (byte*)arguments.Operands[^1].Address };
            context.Pool.Run(tasks, Unsafe.AsPointer(ref job), &Run);
        }

        private static void Run(void* state, int task, int thread)
        {
            ref var job = ref Unsafe.AsRef<Job>(state);
            var k = job.Kernel;
            long units = k.outer * k.bands, end = CpuSplit.Start(units, k.tasks, task + 1);
            for (long unit = CpuSplit.Start(units, k.tasks, task); unit < end; unit++)
            {
                var (row, band) = Math.DivRem(unit, k.bands);
                byte* source = job.Source + k.fromRows.Offset(row) * k.size;
                byte* target = job.Target + k.toRows.Offset(row) * k.size;
                int top = (int)band * Band, rows = Math.Min(Band, k.height - top);
                for (int left = 0; left < k.width; left += Strip)
                {
                    byte* from = source + (top + left * k.fromStride) * k.size;
                    byte* to = target + (top * k.toStride + left) * k.size;
                    int columns = Math.Min(Strip, k.width - left);
                    if (k.size == 4)
                        Exchange((uint*)from, (nint)k.fromStride, (uint*)to, (nint)k.toStride, rows, columns);
                    else if (k.size == 2)
                        Exchange((ushort*)from, (nint)k.fromStride, (ushort*)to, (nint)k.toStride, rows, columns);
                    else
                        Exchange(from, (nint)k.fromStride, to, (nint)k.toStride, rows, columns);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Exchange<T>(T* from, nint fromStride, T* to, nint toStride, int rows, int columns)
            where T : unmanaged
        {
            // Whole lines of the input at once: its neighbours along the output may all compete for the same cache set.
            for (nint column = 0; column < columns; column++, from += fromStride, to++)
            {
                T* place = to;
                int row = 0;
                for (; row <= rows - 4; row += 4, place += 4 * toStride)
                {
                    place[0] = from[row];
                    place[toStride] = from[row + 1];
                    place[2 * toStride] = from[row + 2];
                    place[3 * toStride] = from[row + 3];
                }
                for (; row < rows; row++, place += toStride)
                    *place = from[row];
            }
        }

        private struct Job
        {
            public Transposition Kernel;
            public byte* Source, Target;
        }
    }
}
