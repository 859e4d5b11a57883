using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>
/// Group normalisation over channels-last memory in two passes. The first sums x − s and (x − s)² by channel, where s is the
/// sample's first element of that channel: near the mean, so nothing cancels when |mean| ≫ deviation. Short float32 sums are
/// collected in float64.
/// </summary>
internal sealed unsafe class CpuGroupNorm
{
    /// <summary>Positions summed in float32 before going to float64.</summary>
    private const int Run = 64;

    /// <summary>Positions that are read side by side.</summary>
    private const int Side = 8;

    private readonly CpuContext context;
    private readonly GroupNormSpec spec;
    private readonly CpuEpilogue epilogue;
    private readonly CpuRows x;
    private readonly int samples, positions, channels, padded, chunks, applyTasks, block, epilogueScratch;

    private CpuGroupNorm(CpuContext context, GroupNormSpec spec)
    {
        this.context = context;
        this.spec = spec;
        epilogue = CpuEpilogue.Create(spec.After, spec.Y);
        (samples, positions, channels) = (spec.X.Shape[0], spec.X.Shape[1], spec.X.Shape[2]);
        x = CpuRows.Create(spec.X);
        padded = (channels + 15) & ~15;
        chunks = Math.Max(CpuSplit.Tasks(context, Math.Max(positions / Run, 1), (long)Run * channels), 1);
        applyTasks = CpuSplit.Tasks(context, (long)samples * positions, channels);
        block = Math.Clamp(2048 / padded, 1, Run);
        epilogueScratch = (epilogue.ScratchFloats(channels) + 15) & ~15;
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(CpuContext context, GroupNormSpec spec) => spec.X.Count == 0
        ? new PreparedKernel(spec, "empty", 0, [], static (in _) => { })
        : new CpuGroupNorm(context, spec).Kernel();

    // Workspace: a chunk's sums (float64: sum and square by channel), each sample's shift, mean, scale, bias by channel, each thread's rows.
    private long SumsFloats => 4L * padded * chunks * samples;

    private long TableFloats => 4L * padded * samples;

    private long ThreadFloats => (long)Math.Max(block + Run, Run + 3) * padded + epilogueScratch;

    private PreparedKernel Kernel() =>
        new(spec, "shifted-sums", sizeof(float) * (SumsFloats + TableFloats + ThreadFloats * context.Threads), [], Launch);

    private void Launch(in KernelArguments arguments)
    {
        var job = new Job
        {
            Kernel = this,
            Launch = new EpilogueLaunch(in arguments, 1 + spec.Affine.Length),
            Source = (byte*)arguments.Operands[0].Address,
            Weight = spec.Affine.IsEmpty ? null : (byte*)arguments.Operands[1].Address,
            Bias = spec.Affine.IsEmpty ? null : (byte*)arguments.Operands[2].Address,
            Sums = (double*)arguments.Workspace.Address,
        };
        job.Tables = (float*)job.Sums + SumsFloats;
        job.Scratch = job.Tables + TableFloats;
        void* state = Unsafe.AsPointer(ref job);
        context.Pool.Run(samples * chunks, state, &SumChunk);
        for (int n = 0; n < samples; n++)
            MakeTable(ref job, n);
        context.Pool.Run(applyTasks, state, &ApplyRows);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumChunk(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var k = job.Kernel;
        var (n, chunk) = Math.DivRem(task, k.chunks);
        float* scratch = job.Scratch + thread * (nint)k.ThreadFloats;
        double* sums = job.Sums + (nint)task * 2 * k.padded;
        new Span<double>(sums, 2 * k.padded).Clear();
        int first = (int)CpuSplit.Start(k.positions, k.chunks, chunk), last = (int)CpuSplit.Start(k.positions, k.chunks, chunk + 1);
        float* shift = job.Tables + (nint)n * 4 * k.padded;
        if (chunk > 0)
            shift = scratch + (nint)Run * k.padded;
        k.x.Copy(job.Source, (long)n * k.positions, shift);
        for (int p = first; p < last; p += Run)
        {
            int rows = Math.Min(Run, last - p);
            float* block = k.x.Load(job.Source, (long)n * k.positions + p, rows, scratch, k.padded, out nint stride);
            AddRun(block, stride, rows, k.channels, shift, sums, sums + k.padded, scratch + (nint)(Run + 1) * k.padded);
        }
    }

    /// <summary>
    /// Adds a run's sums by channel. Rows go side by side in eights, so that memory is read in order; a channel's sums of the run
    /// stay in the first-level cache.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRun(float* block, nint stride, int rows, int channels, float* shift, double* sums, double* squares, float* partial)
    {
        int width = Vector<float>.Count, whole = channels / width * width;
        for (int first = 0; first < rows; first += Side)
        {
            int n = Math.Min(Side, rows - first);
            float* row = block + first * stride;
            if (n == Side)
                AddSide(row, stride, whole, shift, partial, first == 0);
            else
                AddRows(row, stride, n, whole, shift, partial, first == 0);
        }
        for (int c = 0; c < whole; c += width)
        {
            AddTo(sums + c, Vector.Load(partial + 2 * c));
            AddTo(squares + c, Vector.Load(partial + 2 * c + width));
        }
        for (int c = whole; c < channels; c++)
        {
            float sum = 0, square = 0;
            for (int r = 0; r < rows; r++)
            {
                float d = block[r * stride + c] - shift[c];
                sum += d;
                square += d * d;
            }
            sums[c] += sum;
            squares[c] += square;
        }
    }

    /// <summary>Eight rows to the partial sums, which hold [channels/width][sums, squares][width].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddSide(float* row, nint stride, int channels, float* shift, float* partial, bool begins)
    {
        int width = Vector<float>.Count;
        float* fifth = row + 4 * stride;
        for (int c = 0; c < channels; c += width, row += width, fifth += width, partial += 2 * width)
        {
            var s = Vector.Load(shift + c);
            var d0 = Vector.Load(row) - s;
            var d1 = Vector.Load(row + stride) - s;
            var d2 = Vector.Load(row + 2 * stride) - s;
            var d3 = Vector.Load(row + 3 * stride) - s;
            var a0 = d0 + d1;
            var a1 = d2 + d3;
            var q0 = VectorMath.Fma(d1, d1, d0 * d0);
            var q1 = VectorMath.Fma(d3, d3, d2 * d2);
            d0 = Vector.Load(fifth) - s;
            d1 = Vector.Load(fifth + stride) - s;
            d2 = Vector.Load(fifth + 2 * stride) - s;
            d3 = Vector.Load(fifth + 3 * stride) - s;
            a0 += d0 + d1;
            a1 += d2 + d3;
            q0 = VectorMath.Fma(d1, d1, VectorMath.Fma(d0, d0, q0));
            q1 = VectorMath.Fma(d3, d3, VectorMath.Fma(d2, d2, q1));
            a0 += a1;
            q0 += q1;
            if (!begins)
            {
                a0 += Vector.Load(partial);
                q0 += Vector.Load(partial + width);
            }
            Vector.Store(a0, partial);
            Vector.Store(q0, partial + width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRows(float* row, nint stride, int rows, int channels, float* shift, float* partial, bool begins)
    {
        int width = Vector<float>.Count;
        for (int c = 0; c < channels; c += width, partial += 2 * width)
        {
            Vector<float> sum = begins ? default : Vector.Load(partial), square = begins ? default : Vector.Load(partial + width);
            for (int r = 0; r < rows; r++)
            {
                var d = Vector.Load(row + r * stride + c) - Vector.Load(shift + c);
                sum += d;
                square = VectorMath.Fma(d, d, square);
            }
            Vector.Store(sum, partial);
            Vector.Store(square, partial + width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo(double* target, Vector<float> value)
    {
        Vector.Widen(value, out var low, out var high);
        Vector.Store(Vector.Load(target) + low, target);
        Vector.Store(Vector.Load(target + Vector<double>.Count) + high, target + Vector<double>.Count);
    }

    /// <summary>From the sums to mean, scale and bias by channel: y = (x − mean)·scale + bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MakeTable(ref Job job, int n)
    {
        var k = job.Kernel;
        int width = k.channels / k.spec.Groups;
        double count = (double)k.positions * width;
        float* table = job.Tables + (nint)n * 4 * k.padded;
        float* mean = table + k.padded, scale = mean + k.padded, bias = scale + k.padded;
        double* sums = job.Sums + (nint)n * k.chunks * 2 * k.padded;
        for (int chunk = 1; chunk < k.chunks; chunk++)
        {
            for (int i = 0; i < 2 * k.padded; i++)
                sums[i] += sums[(nint)chunk * 2 * k.padded + i];
        }
        for (int g = 0; g < k.spec.Groups; g++)
        {
            int first = g * width;
            double total = 0, squares = 0;
            for (int c = first; c < first + width; c++)
                total += sums[c] + (double)table[c] * k.positions;
            double average = total / count;
            for (int c = first; c < first + width; c++)
            {
                // Around its own mean, then around the group's.
                double own = sums[c] / k.positions, apart = own + table[c] - average;
                squares += sums[k.padded + c] - own * sums[c] + k.positions * apart * apart;
            }
            double inverse = 1 / Math.Sqrt(Math.Max(squares / count, 0) + k.spec.Epsilon);
            float rounded = (float)average;
            for (int c = first; c < first + width; c++)
            {
                double weight = inverse;
                double offset = 0;
                if (job.Weight != null)
                {
                    weight *= ReadAffine(job.Weight, k.spec.Affine[0], c);
                    offset = ReadAffine(job.Bias, k.spec.Affine[1], c);
                }
                mean[c] = rounded;
                scale[c] = (float)weight;
                // What rounding the mean has left out.
                bias[c] = (float)(offset - (average - rounded) * weight);
            }
        }
    }

    private static float ReadAffine(byte* origin, Layout layout, int c) => CpuConvert.LoadOne(layout.Type, origin + c * layout.Strides[0] * layout.Type.Size());

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ApplyRows(void* state, int task, int thread)
    {
        ref var job = ref Unsafe.AsRef<Job>(state);
        var k = job.Kernel;
        float* scratch = job.Scratch + thread * (nint)k.ThreadFloats;
        float* results = scratch + (nint)Run * k.padded;
        float* program = results + (nint)k.block * k.padded;
        long total = (long)k.samples * k.positions, row = CpuSplit.Start(total, k.applyTasks, task), last = CpuSplit.Start(total, k.applyTasks, task + 1);
        while (row < last)
        {
            var (n, p) = Math.DivRem(row, k.positions);
            int rows = (int)Math.Min(Math.Min(k.block, last - row), k.positions - p);
            float* source = k.x.Load(job.Source, row, rows, scratch, k.padded, out nint stride);
            float* table = job.Tables + (nint)n * 4 * k.padded;
            for (int r = 0; r < rows; r++)
                Normalize(source + r * stride, table + k.padded, k.padded, results + (nint)r * k.padded, k.channels);
            k.epilogue.Apply(in job.Launch, row, rows, 0, k.channels, results, k.padded, null, program);
            row += rows;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Normalize(float* source, float* mean, nint padded, float* target, int channels)
    {
        float* scale = mean + padded, bias = scale + padded;
        int c = 0;
        for (; c <= channels - Vector<float>.Count; c += Vector<float>.Count)
            Vector.Store(VectorMath.Fma(Vector.Load(source + c) - Vector.Load(mean + c), Vector.Load(scale + c), Vector.Load(bias + c)), target + c);
        for (; c < channels; c++)
            target[c] = (source[c] - mean[c]) * scale[c] + bias[c];
    }

    private struct Job
    {
        public CpuGroupNorm Kernel;
        public EpilogueLaunch Launch;
        public byte* Source, Weight, Bias;
        public double* Sums;
        public float* Tables, Scratch;
    }
}
