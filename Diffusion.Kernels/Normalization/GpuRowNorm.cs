using ILGPU;
using ILGPU.Algorithms;

namespace Diffusion.Kernels.Gpu;

/// <summary>Layer and root-mean-square normalisation, and softmax, on a GPU: a group of threads a row.</summary>
internal static class GpuRowNorm
{
    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, RowNormSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        if (!GpuEpilogue.Fits(spec.After))
            return GpuComposite.Prepare(context, spec, 1);
        var parameters = new RowParameters
        {
            Length = spec.X.Shape[1],
            Centered = spec.Kind == RowNormKind.Layer ? 1 : 0,
            Weighted = spec.Weight.Length,
            Biased = spec.Bias.Length,
            Epsilon = (float)spec.Epsilon,
            X = GpuContext.Operand(spec.X),
            Weight = GpuContext.Operand(spec.Weight.IsEmpty ? spec.X : spec.Weight[0]),
            Bias = GpuContext.Operand(spec.Bias.IsEmpty ? spec.X : spec.Bias[0]),
        };
        var epilogue = GpuEpilogue.Create(context, spec.After, spec.Y)!;
        int threads = context.RowThreads(parameters.Length), rows = spec.X.Shape[0];
        var kernel = context.Kernels.Get<RowParameters>(Normalize);
        return new PreparedKernel(spec, "row", 0, [], (in arguments) =>
        {
            var p = parameters;
            GpuContext.Bind(ref p.X, arguments.Operands[0]);
            GpuContext.Bind(ref p.Weight, arguments.Operands[p.Weighted]);
            GpuContext.Bind(ref p.Bias, arguments.Operands[p.Biased > 0 ? p.Weighted + 1 : 0]);
            p.Machine = epilogue.Bind(arguments.Operands, arguments.Scalars);
            kernel.Launch(rows, threads, in p);
        });
    }

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, SoftmaxSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        var parameters = new RowParameters { Length = spec.X.Shape[1], X = GpuContext.Operand(spec.X) };
        var epilogue = GpuEpilogue.Create(context, Epilogue.None, spec.Y)!;
        int threads = context.RowThreads(parameters.Length), rows = spec.X.Shape[0];
        var kernel = context.Kernels.Get<RowParameters>(Softmax);
        return new PreparedKernel(spec, "row", 0, [], (in arguments) =>
        {
            var p = parameters;
            GpuContext.Bind(ref p.X, arguments.Operands[0]);
            p.Weight.Words = p.X.Words;
            p.Bias.Words = p.X.Words;
            p.Machine = epilogue.Bind(arguments.Operands, arguments.Scalars);
            kernel.Launch(rows, threads, in p);
        });
    }

    /// <summary>One row a group.</summary>
    internal static void Normalize(RowParameters p)
    {
        var shared = SharedMemory.Allocate<float>(2 * GroupSums.MaxThreads);
        int row = Grid.IdxX;
        long origin = row * p.X.S2;
        var sum = default(CarefulSum);
        for (int i = Group.IdxX; i < p.Length; i += Group.DimX)
            sum = sum.Plus(p.X.Load(origin + i * p.X.S3));
        // Not in a branch, which would be one more way past the barriers.
        float total = GroupSums.Sum(shared, 0, sum.Value);
        float mean = p.Centered != 0 ? total / p.Length : 0f;
        var squares = default(CarefulSum);
        for (int i = Group.IdxX; i < p.Length; i += Group.DimX)
        {
            float deviation = p.X.Load(origin + i * p.X.S3) - mean;
            squares = squares.Plus(deviation * deviation);
        }
        float scale = 1f / XMath.Sqrt(GroupSums.Sum(shared, 1, squares.Value) / p.Length + p.Epsilon);
        for (int i = Group.IdxX; i < p.Length; i += Group.DimX)
        {
            float value = (p.X.Load(origin + i * p.X.S3) - mean) * scale;
            if (p.Weighted != 0)
                value *= p.Weight.Load(i * p.Weight.S3);
            if (p.Biased != 0)
                value += p.Bias.Load(i * p.Bias.S3);
            p.Machine.Finish(value, 0, 0, row, i);
        }
    }

    /// <summary>One row a group.</summary>
    internal static void Softmax(RowParameters p)
    {
        var shared = SharedMemory.Allocate<float>(2 * GroupSums.MaxThreads);
        int row = Grid.IdxX;
        long origin = row * p.X.S2;
        float most = float.NegativeInfinity;
        for (int i = Group.IdxX; i < p.Length; i += Group.DimX)
            most = DeviceMath.Maximum(most, p.X.Load(origin + i * p.X.S3));
        most = GroupSums.Maximum(shared, 0, most);
        var sum = default(CarefulSum);
        for (int i = Group.IdxX; i < p.Length; i += Group.DimX)
            sum = sum.Plus(DeviceMath.Exp(p.X.Load(origin + i * p.X.S3) - most));
        float total = GroupSums.Sum(shared, 1, sum.Value);
        for (int i = Group.IdxX; i < p.Length; i += Group.DimX)
            p.Machine.Finish(DeviceMath.Exp(p.X.Load(origin + i * p.X.S3) - most) / total, 0, 0, row, i);
    }
}

/// <summary>A launch over rows.</summary>
internal struct RowParameters
{
    public int Length, Centered, Weighted, Biased;
    public float Epsilon;
    public GpuOperand X, Weight, Bias;
    public GpuMachine Machine;
}
