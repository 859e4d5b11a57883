using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// Quantiles without sorting: the bits of a float32, suitably flipped, are ordered as its value is, so the order statistic is found
/// bit by bit, counting in each of 32 passes how many elements are not above a candidate.
/// </summary>
internal static class GpuQuantile
{
    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, QuantileSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        double position = spec.Q * (spec.X.Shape[1] - 1);
        var parameters = new QuantileParameters
        {
            Length = spec.X.Shape[1],
            Rank = (int)Math.Floor(position),
            Fraction = (float)(position - Math.Floor(position)),
            X = GpuContext.Operand(spec.X),
        };
        var epilogue = GpuEpilogue.Create(context, Epilogue.None, spec.Y)!;
        int threads = context.RowThreads(parameters.Length), rows = spec.X.Shape[0];
        var kernel = context.Kernels.Get<QuantileParameters>(Run);
        return new PreparedKernel(spec, "bisection", 0, [], (in arguments) =>
        {
            var p = parameters;
            GpuContext.Bind(ref p.X, arguments.Operands[0]);
            p.Machine = epilogue.Bind(arguments.Operands, arguments.Scalars);
            kernel.Launch(rows, threads, in p);
        });
    }

    /// <summary>One row a group.</summary>
    internal static void Run(QuantileParameters p)
    {
        var shared = SharedMemory.Allocate<int>(3 * GroupSums.MaxThreads);
        long origin = Grid.IdxX * p.X.S2;
        uint low = p.Select(shared, origin, p.Rank);
        float result = Value(low);
        int nans = p.CountNaN(shared, origin);
        if (p.Fraction > 0f)
        {
            float above = Value(p.Select(shared, origin, p.Rank + 1));
            if (above != result)
                result += (above - result) * p.Fraction;
        }
        if (Group.IdxX == 0)
            p.Machine.Finish(nans > 0 ? float.NaN : result, 0, 0, 0, Grid.IdxX);
    }

    /// <summary>Bits that are ordered as the values are.</summary>
    internal static uint Ordered(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    }

    private static float Value(uint ordered) => Interop.IntAsFloat((ordered & 0x80000000u) != 0 ? ordered & 0x7fffffffu : ~ordered);
}

/// <summary>A quantile's launch.</summary>
internal struct QuantileParameters
{
    public int Length, Rank;
    public float Fraction;
    public GpuOperand X;
    public GpuMachine Machine;

    /// <summary>The element with that many before it, as ordered bits: the largest pattern that no more than <paramref name="rank"/> elements lie below.</summary>
    public readonly uint Select(ArrayView<int> shared, long origin, int rank)
    {
        uint found = 0;
        for (int bit = 31; bit >= 0; bit--)
        {
            uint candidate = found | (1u << bit);
            int below = 0;
            for (int i = Group.IdxX; i < Length; i += Group.DimX)
                below += GpuQuantile.Ordered(X.Load(origin + i * X.S3)) < candidate ? 1 : 0;
            // The last result is compared before the next but one call writes its place.
            if (GroupSums.Sum(shared, bit & 1, below) <= rank)
                found = candidate;
        }
        return found;
    }

    /// <summary>How many elements are NaN.</summary>
    public readonly int CountNaN(ArrayView<int> shared, long origin)
    {
        int count = 0;
        for (int i = Group.IdxX; i < Length; i += Group.DimX)
            count += DeviceMath.IsNaN(X.Load(origin + i * X.S3)) ? 1 : 0;
        return GroupSums.Sum(shared, 2, count);
    }
}
