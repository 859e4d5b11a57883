using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Pooling, a vector of channels at a time.</summary>
internal sealed unsafe class CpuPooling
{
    private readonly CpuContext context;
    private readonly PoolingSpec spec;
    private readonly int channels, padded, tasks;
    private readonly bool direct;

    private CpuPooling(CpuContext context, PoolingSpec spec)
    {
        this.context = context;
        this.spec = spec;
        channels = spec.X.Shape[3];
        padded = (channels + 15) & ~15;
        direct = spec.X.Type == ElementType.Float32 && (channels == 1 || spec.X.Strides[3] == 1);
        tasks = CpuSplit.Tasks(context, spec.Y.Shape[0] * (long)spec.Y.Shape[1], (long)spec.Y.Shape[2] * channels * spec.Window.Y * spec.Window.X);
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, PoolingSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        var kernel = new CpuPooling(context, spec);
        return new PreparedKernel(spec, "windows", sizeof(float) * 2L * kernel.padded * context.Threads, [], kernel.Launch);
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
        float* sum = job.Scratch + 2 * (nint)thread * k.padded, pixel = sum + k.padded;
        long units = (long)y.Shape[0] * y.Shape[1], last = CpuSplit.Start(units, k.tasks, task + 1);
        for (long unit = CpuSplit.Start(units, k.tasks, task); unit < last; unit++)
        {
            var (n, row) = Math.DivRem(unit, y.Shape[1]);
            for (int column = 0; column < y.Shape[2]; column++)
            {
                k.Window(job.Source, n, (int)row, column, sum, pixel);
                byte* target = job.Target + (n * y.Strides[0] + row * y.Strides[1] + column * y.Strides[2]) * y.Type.Size();
                CpuConvert.Store(y.Type, sum, target, k.channels == 1 ? 1 : y.Strides[3], k.channels);
            }
        }
    }

    private void Window(byte* origin, long n, int row, int column, float* sum, float* pixel)
    {
        var x = spec.X;
        bool maximum = spec.Kind == PoolingKind.Maximum;
        new Span<float>(sum, channels).Fill(maximum ? float.NegativeInfinity : 0);
        int top = row * spec.Stride.Y - spec.Padding.Y, left = column * spec.Stride.X - spec.Padding.X;
        int bottom = Math.Min(top + spec.Window.Y, x.Shape[1]), right = Math.Min(left + spec.Window.X, x.Shape[2]);
        for (int i = Math.Max(top, 0); i < bottom; i++)
        {
            for (int j = Math.Max(left, 0); j < right; j++)
            {
                byte* source = origin + (n * x.Strides[0] + i * x.Strides[1] + j * x.Strides[2]) * x.Type.Size();
                float* values = (float*)source;
                if (!direct)
                {
                    CpuConvert.Load(x.Type, source, x.Strides[3], pixel, channels);
                    values = pixel;
                }
                Combine(sum, values, channels, maximum);
            }
        }
        if (!maximum)
            CpuSums.Scale(sum, 1f / (spec.Window.Y * spec.Window.X), sum, channels);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Combine(float* target, float* values, int n, bool maximum)
    {
        int i = 0;
        for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
        {
            var (a, b) = (Vector.Load(target + i), Vector.Load(values + i));
            Vector.Store(maximum ? Vector.Max(a, b) : a + b, target + i);
        }
        for (; i < n; i++)
            target[i] = maximum ? MathF.Max(target[i], values[i]) : target[i] + values[i];
    }

    private struct Job
    {
        public CpuPooling Kernel;
        public byte* Source, Target;
        public float* Scratch;
    }
}
