using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Elementwise programs: memory copies and transpositions where it is one, else tiles.</summary>
internal static unsafe class CpuElementwise
{
    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, ElementwiseSpec spec)
    {
        if (spec.Output.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        if (spec.Program.Code.IsEmpty)
        {
            // Without code the result is the last input.
            var source = spec.Inputs[^1];
            int operand = spec.Inputs.Length - 1;
            var pair = CollapsedAxes.Create([source, spec.Output]);
            if (source.Type == spec.Output.Type)
                return CpuCopy.Prepare(context, spec, operand, pair);
            if (!source.Type.IsFloat() && !spec.Output.Type.IsFloat())
                return CpuCopy.PrepareIntegers(context, spec, operand, pair);
        }
        var axes = CollapsedAxes.Create(spec.Operands);
        var collapsed = new ElementwiseSpec(
            spec.Program, [.. spec.Inputs.Select((input, i) => axes.Layout(i, input.Type))], axes.Layout(spec.Inputs.Length, spec.Output.Type));
        return new Tiles(context, collapsed).Prepare(spec);
    }

    /// <summary>A program run over tiles of rows.</summary>
    private sealed class Tiles
    {
        private readonly CpuContext context;
        private readonly CpuEpilogue program;
        private readonly long rows;
        private readonly int columns, scratch, rowTasks, columnTasks;

        public Tiles(CpuContext context, ElementwiseSpec collapsed)
        {
            this.context = context;
            program = CpuEpilogue.Create(collapsed);
            columns = collapsed.Output.Shape[^1];
            rows = collapsed.Output.Count / columns;
            scratch = program.ScratchFloats(columns);
            int cost = collapsed.Program.Code.Length + collapsed.Inputs.Length;
            int tasks = CpuSplit.Tasks(context, rows * columns, cost);
            rowTasks = (int)Math.Min(tasks, rows);
            columnTasks = Math.Clamp(tasks / rowTasks, 1, Math.Max(columns / 1024, 1));
        }

        public PreparedKernel Prepare(ElementwiseSpec spec) => new(spec, "tiles", (long)scratch * sizeof(float) * context.Threads, [], Launch);

        private void Launch(in KernelArguments arguments)
        {
            var job = new Job { Kernel = this, Launch = new EpilogueLaunch(in arguments, 0), Scratch = (float*)arguments.Workspace.Address };
            context.Pool.Run(rowTasks * columnTasks, Unsafe.AsPointer(ref job), &Run);
        }

        private static void Run(void* state, int task, int thread)
        {
            ref var job = ref Unsafe.AsRef<Job>(state);
            var kernel = job.Kernel;
            float* scratch = job.Scratch + (nint)thread * kernel.scratch;
            var (rowTask, columnTask) = Math.DivRem(task, kernel.columnTasks);
            long row = CpuSplit.Start(kernel.rows, kernel.rowTasks, rowTask), lastRow = CpuSplit.Start(kernel.rows, kernel.rowTasks, rowTask + 1);
            int column = (int)CpuSplit.Start(kernel.columns, kernel.columnTasks, columnTask);
            int lastColumn = (int)CpuSplit.Start(kernel.columns, kernel.columnTasks, columnTask + 1);
            while (row < lastRow)
            {
                int n = (int)Math.Min(lastRow - row, int.MaxValue);
                kernel.program.Apply(in job.Launch, row, n, column, lastColumn - column, null, 0, null, scratch);
                row += n;
            }
        }

        private struct Job
        {
            public Tiles Kernel;
            public EpilogueLaunch Launch;
            public float* Scratch;
        }
    }
}
