using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Quantiles by sorting each row.</summary>
internal sealed unsafe class CpuQuantile
{
    private readonly CpuContext context;
    private readonly QuantileSpec spec;
    private readonly CpuRows x;
    private readonly int rows, columns, padded, tasks;

    private CpuQuantile(CpuContext context, QuantileSpec spec)
    {
        this.context = context;
        this.spec = spec;
        x = CpuRows.Create(spec.X);
        (rows, columns) = (spec.X.Shape[0], spec.X.Shape[1]);
        padded = (columns + 15) & ~15;
        tasks = CpuSplit.Tasks(context, rows, 32L * columns);
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, QuantileSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        var kernel = new CpuQuantile(context, spec);
        return new PreparedKernel(spec, "sort", sizeof(float) * (long)kernel.padded * context.Threads, [], kernel.Launch);
    }

    private void Launch(in KernelArguments arguments)
    {
        var job = new Job
        {
            Kernel = this,
            Source = (byte*)arguments.Operands[0].Address,
            Target = (byte*)arguments.Operands[1].Address,
            Scratch = (float*)arguments.Workspace.Address,
        };
        context.Pool.Run(tasks, Unsafe.AsPointer(ref job), &Run);
    }

    private static void Run(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var k = job.Kernel;
        var y = k.spec.Y;
        float* row = job.Scratch + (nint)thread * k.padded;
        var values = new Span<float>(row, k.columns);
        double position = k.spec.Q * (k.columns - 1);
        int low = (int)Math.Floor(position), high = Math.Min(low + 1, k.columns - 1);
        double fraction = position - low;
        int last = (int)CpuSplit.Start(k.rows, k.tasks, task + 1);
        for (int r = (int)CpuSplit.Start(k.rows, k.tasks, task); r < last; r++)
        {
            k.x.Copy(job.Source, r, row);
            values.Sort();
            // NaN sorts first.
            double value = float.IsNaN(row[0]) ? double.NaN
                : fraction == 0 || row[low] == row[high] ? row[low] : row[low] + ((double)row[high] - row[low]) * fraction;
            CpuConvert.StoreOne(y.Type, (float)value, job.Target + r * y.Strides[0] * y.Type.Size());
        }
    }

    private struct Job
    {
        public CpuQuantile Kernel;
        public byte* Source, Target;
        public float* Scratch;
    }
}
