using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>The first largest element's index: the largest of a tile by vectors, then its place only when it is a new record.</summary>
internal sealed unsafe class CpuArgMax
{
    private const int Tile = 1024;

    private readonly CpuContext context;
    private readonly ReductionSpec spec;
    private readonly RowMap xRows, yRows;
    private readonly long kept;
    private readonly int tasks;

    private CpuArgMax(CpuContext context, ReductionSpec spec)
    {
        this.context = context;
        this.spec = spec;
        xRows = RowMap.Create(spec.X.Shape, spec.X.Strides, spec.Y.Rank);
        yRows = RowMap.Create(spec.Y.Shape, spec.Y.Strides, spec.Y.Rank);
        kept = spec.Y.Count;
        tasks = CpuSplit.Tasks(context, kept, spec.X.Shape[^1]);
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, ReductionSpec spec) => new(spec, "rows", 0, [], new CpuArgMax(context, spec).Launch);

    private void Launch(in KernelArguments arguments)
    {
        var job = new Job { Kernel = this, Source = (byte*)arguments.Operands[0].Address, Target = (byte*)arguments.Operands[1].Address };
        context.Pool.Run(tasks, Unsafe.AsPointer(ref job), &Run);
    }

    private static void Run(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var k = job.Kernel;
        float* tile = stackalloc float[Tile];
        int size = k.spec.X.Type.Size();
        long last = CpuSplit.Start(k.kept, k.tasks, task + 1);
        for (long row = CpuSplit.Start(k.kept, k.tasks, task); row < last; row++)
        {
            long best = k.Find(job.Source + k.xRows.Offset(row) * size, tile);
            long at = k.yRows.Offset(row);
            if (k.spec.Y.Type == ElementType.Int32)
                ((int*)job.Target)[at] = (int)best;
            else
                ((long*)job.Target)[at] = best;
        }
    }

    private long Find(byte* source, float* tile)
    {
        int length = spec.X.Shape[^1], size = spec.X.Type.Size();
        long stride = spec.X.Strides[^1], best = 0;
        float record = float.NegativeInfinity;
        for (int start = 0; start < length; start += Tile)
        {
            int n = Math.Min(Tile, length - start);
            CpuConvert.Load(spec.X.Type, source + start * stride * size, stride, tile, n);
            float largest = CpuSums.Maximum(tile, n);
            bool nan = float.IsNaN(largest);
            if (largest <= record)
                continue;
            int i = 0;
            while (nan ? !float.IsNaN(tile[i]) : tile[i] != largest)
                i++;
            best = start + i;
            record = largest;
            if (nan)
                break;
        }
        return best;
    }

    private struct Job
    {
        public CpuArgMax Kernel;
        public byte* Source, Target;
    }
}
