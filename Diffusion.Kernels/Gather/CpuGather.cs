using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Row lookups: whole rows at once where they are dense.</summary>
internal sealed unsafe class CpuGather
{
    private const int Tile = 512;

    private readonly CpuContext context;
    private readonly GatherSpec spec;
    private readonly int outer, count, inner, tasks, size;
    private readonly bool dense, sameType;

    private CpuGather(CpuContext context, GatherSpec spec)
    {
        this.context = context;
        this.spec = spec;
        (outer, count, inner) = (spec.Y.Shape[0], spec.Y.Shape[1], spec.Y.Shape[2]);
        sameType = spec.X.Type == spec.Y.Type;
        dense = sameType && (inner == 1 || (spec.X.Strides[2] == 1 && spec.Y.Strides[2] == 1));
        size = spec.X.Type.Size();
        tasks = CpuSplit.Tasks(context, (long)outer * count, inner);
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, GatherSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        // Between integer types exactly: too rare for a kernel of its own.
        if (spec.X.Type != spec.Y.Type && !spec.X.Type.IsFloat() && !spec.Y.Type.IsFloat())
            return Reference.ReferenceKernels.Prepare(spec);
        var kernel = new CpuGather(context, spec);
        return new PreparedKernel(spec, kernel.dense ? "rows" : "tiles", 0, [], kernel.Launch);
    }

    private void Launch(in KernelArguments arguments)
    {
        var job = new Job
        {
            Kernel = this,
            Source = (byte*)arguments.Operands[0].Address,
            Index = (byte*)arguments.Operands[1].Address,
            Target = (byte*)arguments.Operands[2].Address,
        };
        // All indices first, so that nothing is written when one is wrong.
        for (int i = 0; i < count; i++)
        {
            long row = Row(in job, i);
            if ((ulong)row >= (ulong)spec.X.Shape[1])
                throw GatherSpec.OutOfRange(row, i, spec.X.Shape[1]);
        }
        context.Pool.Run(tasks, Unsafe.AsPointer(ref job), &Run);
    }

    private long Row(in Job job, int i)
    {
        long at = i * spec.Index.Strides[0];
        return spec.Index.Type == ElementType.Int32 ? ((int*)job.Index)[at] : ((long*)job.Index)[at];
    }

    private static void Run(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var k = job.Kernel;
        var (x, y) = (k.spec.X, k.spec.Y);
        float* tile = stackalloc float[Tile];
        long units = (long)k.outer * k.count, last = CpuSplit.Start(units, k.tasks, task + 1);
        int ySize = y.Type.Size();
        for (long unit = CpuSplit.Start(units, k.tasks, task); unit < last; unit++)
        {
            var (o, i) = Math.DivRem(unit, k.count);
            byte* source = job.Source + (o * x.Strides[0] + k.Row(in job, (int)i) * x.Strides[1]) * k.size;
            byte* target = job.Target + (o * y.Strides[0] + i * y.Strides[1]) * ySize;
            if (k.dense)
            {
                Buffer.MemoryCopy(source, target, (long)k.inner * k.size, (long)k.inner * k.size);
            }
            else if (k.sameType)
            {
                for (long r = 0; r < k.inner; r++)
                    Buffer.MemoryCopy(source + r * x.Strides[2] * k.size, target + r * y.Strides[2] * k.size, k.size, k.size);
            }
            else
            {
                for (int start = 0; start < k.inner; start += Tile)
                {
                    int n = Math.Min(Tile, k.inner - start);
                    CpuConvert.Load(x.Type, source + start * x.Strides[2] * k.size, x.Strides[2], tile, n);
                    CpuConvert.Store(y.Type, tile, target + start * y.Strides[2] * ySize, y.Strides[2], n);
                }
            }
        }
    }

    private struct Job
    {
        public CpuGather Kernel;
        public byte* Source, Index, Target;
    }
}
