using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Softmax by rows: maximum, exponentials with their sum, scaling.</summary>
internal sealed unsafe class CpuSoftmax
{
    private readonly CpuContext context;
    private readonly SoftmaxSpec spec;
    private readonly CpuRows x;
    private readonly long rows, yColumnStride;
    private readonly int columns, padded, tasks;

    private CpuSoftmax(CpuContext context, SoftmaxSpec spec)
    {
        this.context = context;
        this.spec = spec;
        x = CpuRows.Create(spec.X);
        (rows, columns) = (spec.X.Shape[0], spec.X.Shape[1]);
        yColumnStride = columns == 1 ? 1 : spec.Y.Strides[1];
        padded = (columns + 15) & ~15;
        tasks = CpuSplit.Tasks(context, rows, 8L * columns);
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, SoftmaxSpec spec) => spec.X.Count == 0
        ? new PreparedKernel(spec, "empty", 0, [], static (in _) => { })
        : new CpuSoftmax(context, spec).Kernel();

    private PreparedKernel Kernel() => new(spec, "rows", sizeof(float) * 2L * padded * context.Threads, [], Launch);

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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var k = job.Kernel;
        var y = k.spec.Y;
        float* scratch = job.Scratch + 2 * (nint)thread * k.padded;
        bool direct = y.Type == ElementType.Float32 && k.yColumnStride == 1;
        long last = CpuSplit.Start(k.rows, k.tasks, task + 1);
        for (long row = CpuSplit.Start(k.rows, k.tasks, task); row < last; row++)
        {
            float* source = k.x.Load(job.Source, row, 1, scratch, k.padded, out _);
            byte* target = job.Target + row * y.Strides[0] * y.Type.Size();
            float* values = direct ? (float*)target : scratch + k.padded;
            double sum = CpuSums.ExpSum(source, CpuSums.Maximum(source, k.columns), values, k.columns);
            CpuSums.Scale(values, (float)(1 / sum), values, k.columns);
            if (!direct)
                CpuConvert.Store(y.Type, values, target, k.yColumnStride, k.columns);
        }
    }

    private struct Job
    {
        public CpuSoftmax Kernel;
        public byte* Source, Target;
        public float* Scratch;
    }
}
