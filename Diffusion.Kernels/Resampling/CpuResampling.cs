using System.Numerics;
using System.Runtime.CompilerServices;
using Diffusion.Kernels.Reference;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Resizing along rows and columns separately: the input rows that make an output row are mixed into one, then its pixels are
/// mixed along the row. Nearest without a change of type copies pixels.
/// </summary>
internal sealed unsafe class CpuResampling
{
    private readonly CpuContext context;
    private readonly ResamplingSpec spec;
    private readonly Taps rows, columns;
    private readonly int width, outWidth, channels, size, tasks;
    private readonly bool copies, directRows, directOut;

    private CpuResampling(CpuContext context, ResamplingSpec spec)
    {
        this.context = context;
        this.spec = spec;
        var (x, y) = (spec.X, spec.Y);
        rows = Taps.Create(spec, x.Shape[1], y.Shape[1], spec.ScaleFactor.Y);
        columns = Taps.Create(spec, x.Shape[2], y.Shape[2], spec.ScaleFactor.X);
        (width, outWidth, channels) = (x.Shape[2], y.Shape[2], x.Shape[3]);
        size = x.Type.Size();
        bool denseX = channels == 1 || x.Strides[3] == 1, denseY = channels == 1 || y.Strides[3] == 1;
        copies = spec.Mode == ResamplingMode.Nearest && x.Type == y.Type && denseX && denseY;
        directRows = x.Type == ElementType.Float32 && denseX && (width == 1 || x.Strides[2] == channels);
        directOut = y.Type == ElementType.Float32 && denseY && (outWidth == 1 || y.Strides[2] == channels);
        tasks = CpuSplit.Tasks(context, (long)y.Shape[0] * y.Shape[1], (long)outWidth * channels * (copies ? 1 : 4));
    }

    // A thread's row as float32, the mixed row, and the output row.
    private long ThreadFloats => copies ? 0 : ((2L * width + outWidth) * channels + 15) & ~15L;

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, ResamplingSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        var kernel = new CpuResampling(context, spec);
        return new PreparedKernel(spec, kernel.copies ? "copy" : "separable", sizeof(float) * kernel.ThreadFloats * context.Threads, [], kernel.Launch);
    }

    private void Launch(in KernelArguments arguments)
    {
        var job = new Job
        {
            Kernel = this,
            Source = (byte*)arguments.Operands[0].Address,
            Target = (byte*)arguments.Operands[1].Address,
            Scratch = copies ? null : (float*)arguments.Workspace.Address,
        };
        context.Pool.Run(tasks, Unsafe.AsPointer(ref job), &Run);
    }

    private static void Run(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var k = job.Kernel;
        var (x, y) = (k.spec.X, k.spec.Y);
        long units = (long)y.Shape[0] * y.Shape[1], last = CpuSplit.Start(units, k.tasks, task + 1);
        for (long unit = CpuSplit.Start(units, k.tasks, task); unit < last; unit++)
        {
            var (n, row) = Math.DivRem(unit, y.Shape[1]);
            byte* source = job.Source + n * x.Strides[0] * k.size;
            byte* target = job.Target + (n * y.Strides[0] + row * y.Strides[1]) * y.Type.Size();
            if (k.copies)
                k.CopyRow(source + k.rows.Source[k.rows.First[row]] * x.Strides[1] * k.size, target);
            else
                k.MixRow(source, (int)row, target, job.Scratch + thread * (nint)k.ThreadFloats);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CopyRow(byte* source, byte* target)
    {
        long fromStep = spec.X.Strides[2] * size, toStep = spec.Y.Strides[2] * size, bytes = (long)channels * size;
        var sources = columns.Source;
        for (int j = 0; j < outWidth; j++, target += toStep)
            Buffer.MemoryCopy(source + sources[j] * fromStep, target, bytes, bytes);
    }

    private void MixRow(byte* source, int row, byte* target, float* scratch)
    {
        float* loaded = scratch, mixed = loaded + (nint)width * channels, made = mixed + (nint)width * channels;
        int first = rows.First[row], count = rows.First[row + 1] - first;
        float* line = mixed;
        for (int t = 0; t < count; t++)
        {
            float* values = LoadRow(source, rows.Source[first + t], loaded);
            float weight = rows.Weight[first + t];
            if (count == 1 && weight == 1)
                line = values;
            else
                CpuMix.Add(mixed, values, weight, (long)width * channels, t == 0);
        }
        float* output = directOut ? (float*)target : made;
        if (channels < Vector<float>.Count)
            MixNarrow(line, output);
        for (int j = 0; j < outWidth && channels >= Vector<float>.Count; j++)
        {
            float* pixel = output + (nint)j * channels;
            for (int t = columns.First[j]; t < columns.First[j + 1]; t++)
                CpuMix.Add(pixel, line + (nint)columns.Source[t] * channels, columns.Weight[t], channels, t == columns.First[j]);
        }
        if (directOut)
            return;
        var y = spec.Y;
        for (int j = 0; j < outWidth; j++)
            CpuConvert.Store(y.Type, made + (nint)j * channels, target + j * y.Strides[2] * y.Type.Size(), channels == 1 ? 1 : y.Strides[3], channels);
    }

    /// <summary>Pixels of few channels, where a call for each would cost more than its arithmetic.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MixNarrow(float* line, float* output)
    {
        int[] first = columns.First, source = columns.Source;
        float[] weight = columns.Weight;
        nint width = channels;
        for (int j = 0; j < outWidth; j++, output += width)
        {
            for (nint c = 0; c < width; c++)
            {
                float sum = 0;
                for (int t = first[j]; t < first[j + 1]; t++)
                    sum += weight[t] * line[source[t] * width + c];
                output[c] = sum;
            }
        }
    }

    private float* LoadRow(byte* source, int row, float* target)
    {
        var x = spec.X;
        source += row * x.Strides[1] * size;
        if (directRows)
            return (float*)source;
        for (int j = 0; j < width; j++)
            CpuConvert.Load(x.Type, source + j * x.Strides[2] * size, channels == 1 ? 1 : x.Strides[3], target + (nint)j * channels, channels);
        return target;
    }

    private struct Job
    {
        public CpuResampling Kernel;
        public byte* Source, Target;
        public float* Scratch;
    }

    /// <summary>Which samples make each output sample of an axis: entries First[i] … First[i+1].</summary>
    private sealed record Taps(int[] First, int[] Source, float[] Weight)
    {
        public static Taps Create(ResamplingSpec spec, int from, int to, double factor)
        {
            var all = Enumerable.Range(0, to).Select(i => ReferenceResampling.Taps(spec, i, from, to, factor)).ToArray();
            var first = new int[to + 1];
            for (int i = 0; i < to; i++)
                first[i + 1] = first[i] + all[i].Length;
            return new Taps(first, [.. all.SelectMany(t => t.Select(tap => tap.Source))], [.. all.SelectMany(t => t.Select(tap => (float)tap.Weight))]);
        }
    }
}

/// <summary>Weighted sums of rows.</summary>
internal static unsafe class CpuMix
{
    /// <summary>target = x·weight, or target += x·weight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* target, float* x, float weight, long n, bool first)
    {
        var w = new Vector<float>(weight);
        long i = 0;
        for (; i <= n - Vector<float>.Count; i += Vector<float>.Count)
            Vector.Store(first ? Vector.Load(x + i) * w : VectorMath.Fma(Vector.Load(x + i), w, Vector.Load(target + i)), target + i);
        for (; i < n; i++)
            target[i] = first ? x[i] * weight : target[i] + x[i] * weight;
    }
}
