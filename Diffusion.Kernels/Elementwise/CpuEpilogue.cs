using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Runs an epilogue on rows of float32 results and stores them in the output's layout. The output's axes except the last are
/// flattened into <c>row</c>, the last is <c>column</c>. Threads may share one instance, each with its own scratch.
/// </summary>
internal sealed unsafe class CpuEpilogue
{
    private readonly CpuTileProgram program;
    private readonly Operand[] inputs;
    private readonly Operand output;
    private readonly int results;

    private CpuEpilogue(CpuTileProgram program, Operand[] inputs, Operand output, int results, bool plain)
    {
        this.program = program;
        this.inputs = inputs;
        this.output = output;
        this.results = results;
        StoresPlainFloat = plain;
    }

    /// <summary>Whether rows are stored unchanged, as float32 with a stride of 1: then a kernel may write its result in place.</summary>
    public bool StoresPlainFloat { get; }

    /// <summary>Compiles an epilogue. Float64 operands aren't supported here; they run in the reference.</summary>
    /// <param name="epilogue">The epilogue; its program starts with <paramref name="results"/> results of the kernel.</param>
    /// <param name="output">The output's layout.</param>
    /// <param name="results">1 or 2.</param>
    public static CpuEpilogue Create(Epilogue epilogue, Layout output, int results = 1)
    {
        var target = Operand.Create(output);
        return new CpuEpilogue(
            CpuTileProgram.Compile(epilogue.Program),
            [.. epilogue.Inputs.Select(Operand.Create)],
            target,
            results,
            epilogue.IsNone && target.Direct);
    }

    /// <summary>
    /// An elementwise program seen as an epilogue of no kernel: all its inputs are operands.
    /// </summary>
    public static CpuEpilogue Create(ElementwiseSpec spec) => Create(new Epilogue(spec.Program, spec.Inputs), spec.Output, 0);

    /// <summary>Floats of scratch that one thread needs for rows of up to <paramref name="columns"/> columns (at least 1).</summary>
    public int ScratchFloats(int columns) => (program.SlotCount - results + 1) * SlotLength(columns);

    /// <summary>Where a row of the output begins; meaningful where <see cref="StoresPlainFloat"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Target(in EpilogueLaunch launch, long row) => (float*)launch.Output + output.Offset(row, 0);

    /// <summary>Runs over a block of rows and columns.</summary>
    /// <param name="launch">The launch.</param>
    /// <param name="row">First flattened row.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="column">First column.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="values">The kernel's results; may be the output itself.</param>
    /// <param name="stride">Floats between the results' rows.</param>
    /// <param name="values2">The second results, where there are two; same stride.</param>
    /// <param name="scratch"><see cref="ScratchFloats"/> floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Apply(
        in EpilogueLaunch launch, long row, int rows, int column, int columns, float* values, nint stride, float* values2, float* scratch)
    {
        if (rows <= 0 || columns <= 0)
            return;
        if (StoresPlainFloat)
        {
            for (int r = 0; r < rows; r++)
            {
                float* target = (float*)launch.Output + output.Offset(row + r, column);
                float* source = values + r * stride;
                if (target != source)
                    Buffer.MemoryCopy(source, target, (long)columns * sizeof(float), (long)columns * sizeof(float));
            }
            return;
        }
        int length = SlotLength(columns);
        float** slots = stackalloc float*[program.SlotCount];
        long* loaded = stackalloc long[inputs.Length + 1];
        for (int i = results; i < program.SlotCount; i++)
            slots[i] = scratch + (nint)(i - results) * length;
        float* temporary = scratch + (nint)(program.SlotCount - results) * length;
        float* scalars = stackalloc float[launch.ScalarCount + 1];
        for (int i = 0; i < launch.ScalarCount; i++)
            scalars[i] = launch.Scalar(i);
        int tile = Math.Min(columns, program.TileColumns);
        program.RunUniform(slots, scalars, tile);
        for (int start = 0; start < columns; start += tile)
        {
            int n = Math.Min(tile, columns - start);
            for (int i = 0; i < inputs.Length; i++)
                loaded[i] = -1;
            for (int r = 0; r < rows; r++)
            {
                if (results > 0)
                    slots[0] = values + r * stride + start;
                if (results > 1)
                    slots[1] = values2 + r * stride + start;
                for (int i = 0; i < inputs.Length; i++)
                    LoadInput(launch.Input(i), inputs[i], row + r, column + start, n, ref slots[results + i], ref loaded[i], scratch + (nint)i * length);
                StoreTile(launch.Output, slots, temporary, output.Offset(row + r, column + start), n);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void StoreTile(byte* origin, float** slots, float* temporary, long offset, int n)
    {
        float* target = output.Direct ? (float*)origin + offset : temporary;
        program.Run(slots, target, n);
        float* result = program.WritesTarget ? target : slots[program.ResultSlot];
        if (output.Direct)
        {
            if (result != target)
                Buffer.MemoryCopy(result, target, (long)n * sizeof(float), (long)n * sizeof(float));
        }
        else
        {
            CpuConvert.Store(output.Type, result, origin + offset * output.Size, output.ColumnStride, n);
        }
    }

    /// <summary>Points a slot at an input's tile, converting it into scratch unless that was done for the same place before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadInput(byte* origin, Operand input, long row, int column, int n, ref float* slot, ref long loaded, float* scratch)
    {
        long offset = input.Offset(row, column);
        if (input.Direct)
        {
            slot = (float*)origin + offset;
        }
        else if (offset != loaded)
        {
            CpuConvert.Load(input.Type, origin + offset * input.Size, input.ColumnStride, scratch, n);
            slot = scratch;
            loaded = offset;
        }
    }

    private int SlotLength(int columns) => (Math.Min(Math.Max(columns, 1), program.TileColumns) + 15) & ~15;

    private sealed record Operand(ElementType Type, int Size, long ColumnStride, RowMap Rows)
    {
        public bool Direct { get; } = Type == ElementType.Float32 && ColumnStride == 1;

        public static Operand Create(Layout layout) => new(
            layout.Type,
            layout.Type.Size(),
            layout.Rank == 0 || layout.Shape[^1] == 1 ? 1 : layout.Strides[^1],
            RowMap.Create(layout.Shape, layout.Strides, layout.Rank - 1));

        public long Offset(long row, long column) => Rows.Offset(row) + column * ColumnStride;
    }
}
