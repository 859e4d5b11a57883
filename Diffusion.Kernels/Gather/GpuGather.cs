using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>Lookups on a GPU: one element a thread. An index that points nowhere reads the nearest row.</summary>
internal static class GpuGather
{
    private const int Threads = 256;

    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, GatherSpec spec)
    {
        if (spec.Y.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        if (spec.X.Shape[1] == 0)
            throw new KernelShapeException($"Gather: {spec.X} has no rows, so no index points to one.");
        var parameters = new GatherParameters
        {
            Elements = spec.Y.Count,
            Length = spec.X.Shape[1],
            Count = spec.Index.Shape[0],
            Inner = spec.X.Shape[2],
            // Integers mustn't pass through float32.
            Integers = spec.X.Type.IsFloat() || spec.Y.Type.IsFloat() ? 0 : 1,
            X = GpuContext.Operand(spec.X),
            Index = GpuContext.Operand(spec.Index),
            Y = GpuContext.Operand(spec.Y),
        };
        var kernel = context.Kernels.Get<GatherParameters>(Run);
        return new PreparedKernel(spec, "gather", 0, [], (in arguments) =>
        {
            var p = parameters;
            GpuContext.Bind(ref p.X, arguments.Operands[0]);
            GpuContext.Bind(ref p.Index, arguments.Operands[1]);
            GpuContext.Bind(ref p.Y, arguments.Operands[2]);
            kernel.Launch((p.Elements + Threads - 1) / Threads, Threads, in p);
        });
    }

    /// <summary>One element a thread.</summary>
    internal static void Run(GatherParameters p)
    {
        long i = (long)Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= p.Elements)
            return;
        int inner = (int)(i % p.Inner);
        long rest = i / p.Inner;
        int at = (int)(rest % p.Count), outer = (int)(rest / p.Count);
        long index = p.Index.LoadInteger(at * p.Index.S3);
        int row = (int)(index < 0 ? 0 : index >= p.Length ? p.Length - 1 : index);
        long from = p.X.Offset(0, outer, row, inner), to = p.Y.Offset(0, outer, at, inner);
        if (p.Integers != 0)
            p.Y.StoreInteger(to, p.X.LoadInteger(from));
        else
            p.Y.Store(to, p.X.Load(from));
    }
}

/// <summary>A lookup's launch.</summary>
internal struct GatherParameters
{
    public long Elements;
    public int Length, Count, Inner, Integers;
    public GpuOperand X, Index, Y;
}
