using ILGPU;
using ILGPU.Algorithms;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// Group normalisation on a GPU: each group of channels in chunks of positions, every chunk with its own mean and squares about it,
/// combined without loss (Chan et al. 1979); then one thread an element.
/// </summary>
internal static class GpuGroupNorm
{
    private const int Threads = 256, ChunkElements = 4096, MaxChunks = 256;

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, GroupNormSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        if (!GpuEpilogue.Fits(spec.After))
            return GpuComposite.Prepare(context, spec, 1);
        var (x, y) = (spec.X, spec.Y);
        int width = x.Shape[2] / spec.Groups;
        long elements = (long)x.Shape[1] * width;
        int chunks = (int)Math.Clamp(elements / ChunkElements, 1, Math.Min(MaxChunks, x.Shape[1]));
        var parameters = new GroupNormParameters
        {
            Positions = x.Shape[1],
            Channels = x.Shape[2],
            Groups = spec.Groups,
            Width = width,
            Chunks = chunks,
            ChunkPositions = (x.Shape[1] + chunks - 1) / chunks,
            All = x.Shape[0] * spec.Groups,
            Epsilon = (float)spec.Epsilon,
            Affine = spec.Affine.Length,
            Count = y.Count,
            X = GpuContext.Operand(x),
            Weight = GpuContext.Operand(spec.Affine.IsEmpty ? x : spec.Affine[0]),
            Bias = GpuContext.Operand(spec.Affine.IsEmpty ? x : spec.Affine[1]),
        };
        var epilogue = GpuEpilogue.Create(context, spec.After, y)!;
        int threads = context.RowThreads(elements);
        var measure = context.Kernels.Get<GroupNormParameters>(Measure);
        var combine = context.Kernels.Get<GroupNormParameters>(Combine);
        var apply = context.Kernels.Get<GroupNormParameters>(Apply);
        long groups = (long)parameters.All * chunks;
        return new PreparedKernel(spec, "chunks", (groups + parameters.All) * 2 * sizeof(float), [], (in arguments) =>
        {
            var p = parameters;
            GpuContext.Bind(ref p.X, arguments.Operands[0]);
            GpuContext.Bind(ref p.Weight, arguments.Operands[p.Affine > 0 ? 1 : 0]);
            GpuContext.Bind(ref p.Bias, arguments.Operands[p.Affine > 0 ? 2 : 0]);
            p.Partial = GpuContext.Words(arguments.Workspace).Cast<float>();
            p.Machine = epilogue.Bind(arguments.Operands, arguments.Scalars);
            measure.Launch(groups, threads, in p);
            combine.Launch((p.All + Threads - 1) / Threads, Threads, in p);
            apply.Launch((p.Count + Threads - 1) / Threads, Threads, in p);
        });
    }

    /// <summary>Mean, and sum of squares about it, of one chunk.</summary>
    internal static void Measure(GroupNormParameters p)
    {
        var shared = SharedMemory.Allocate<float>(2 * GroupSums.MaxThreads);
        int chunk = Grid.IdxX % p.Chunks, z = Grid.IdxX / p.Chunks, group = z % p.Groups, sample = z / p.Groups;
        int first = chunk * p.ChunkPositions, last = Math.Min(first + p.ChunkPositions, p.Positions);
        int count = Math.Max(0, last - first) * p.Width;
        long origin = sample * p.X.S1 + first * p.X.S2 + (long)group * p.Width * p.X.S3;
        var sum = default(CarefulSum);
        for (int i = Group.IdxX; i < count; i += Group.DimX)
            sum = sum.Plus(p.X.Load(origin + i / p.Width * p.X.S2 + i % p.Width * p.X.S3));
        float mean = GroupSums.Sum(shared, 0, sum.Value) / Math.Max(count, 1);
        var squares = default(CarefulSum);
        for (int i = Group.IdxX; i < count; i += Group.DimX)
        {
            float deviation = p.X.Load(origin + i / p.Width * p.X.S2 + i % p.Width * p.X.S3) - mean;
            squares = squares.Plus(deviation * deviation);
        }
        float total = GroupSums.Sum(shared, 1, squares.Value);
        if (Group.IdxX == 0)
        {
            p.Partial[2 * Grid.IdxX] = mean;
            p.Partial[2 * Grid.IdxX + 1] = total;
        }
    }

    /// <summary>Mean and reciprocal deviation of one group from its chunks.</summary>
    internal static void Combine(GroupNormParameters p)
    {
        int z = Grid.IdxX * Group.DimX + Group.IdxX;
        if (z >= p.All)
            return;
        float mean = 0f, squares = 0f, seen = 0f;
        for (int chunk = 0; chunk < p.Chunks; chunk++)
        {
            int first = chunk * p.ChunkPositions;
            float count = (float)Math.Max(0, Math.Min(first + p.ChunkPositions, p.Positions) - first) * p.Width;
            if (count == 0f)
                continue;
            int at = 2 * (z * p.Chunks + chunk);
            float delta = p.Partial[at] - mean, all = seen + count;
            mean += delta * (count / all);
            squares += p.Partial[at + 1] + delta * delta * (seen * (count / all));
            seen = all;
        }
        int to = 2 * (p.All * p.Chunks + z);
        p.Partial[to] = mean;
        p.Partial[to + 1] = 1f / XMath.Sqrt(squares / seen + p.Epsilon);
    }

    /// <summary>One element a thread.</summary>
    internal static void Apply(GroupNormParameters p)
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= p.Count)
            return;
        int c = (int)(i % p.Channels);
        long rest = i / p.Channels;
        int position = (int)(rest % p.Positions), sample = (int)(rest / p.Positions);
        int at = 2 * (p.All * p.Chunks + sample * p.Groups + c / p.Width);
        float value = (p.X.Load(p.X.Offset(0, sample, position, c)) - p.Partial[at]) * p.Partial[at + 1];
        if (p.Affine > 0)
            value = value * p.Weight.Load(c * p.Weight.S3) + p.Bias.Load(c * p.Bias.S3);
        p.Machine.Finish(value, 0, sample, position, c);
    }
}

/// <summary>A group normalisation's launches.</summary>
internal struct GroupNormParameters
{
    public int Positions, Channels, Groups, Width, Chunks, ChunkPositions, All, Affine;
    public float Epsilon;
    public long Count;

    /// <summary>Mean and squares of every chunk, then mean and reciprocal deviation of every group.</summary>
    public ArrayView<float> Partial;

    public GpuOperand X, Weight, Bias;
    public GpuMachine Machine;
}
