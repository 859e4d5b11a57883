using Diffusion.Kernels.Attention;

namespace Diffusion.Kernels.Gpu;

/// <summary>Attention on a GPU without tensor cores: blocks of keys pass by, with an online softmax; the scores are never stored.</summary>
internal static class GpuAttention
{
    /// <summary>Prepares a validated spec without Float64 operands.</summary>
    public static PreparedKernel Prepare(GpuContext context, AttentionSpec spec)
    {
        if (spec.O.Count == 0)
            return new PreparedKernel(spec, "empty", 0, [], static (in _) => { });
        if (CudaAttention.Supports(context, spec))
            return CudaAttention.Prepare(context, spec);
        var (q, k, v, o) = (spec.Q, spec.K, spec.V, spec.O);
        var parameters = new AttentionParameters
        {
            Heads = q.Shape[1],
            Queries = q.Shape[2],
            Keys = k.Shape[2],
            Size = q.Shape[3],
            ValueSize = v.Shape[3],
            Scale = (float)spec.Scale,
            Causal = spec.Causal ? 1 : 0,
            Masked = spec.Mask.IsEmpty ? 0 : 1,
            Q = GpuContext.Operand(q),
            K = GpuContext.Operand(k),
            V = GpuContext.Operand(v),
            O = GpuContext.Operand(o),
            Mask = spec.Mask.IsEmpty ? GpuContext.Operand(o) : GpuContext.Operand(spec.Mask[0]),
        };
        return context.IsProcessor ? Alone(context, spec, parameters) : Tiled(context, spec, parameters);
    }

    private static PreparedKernel Tiled(GpuContext context, AttentionSpec spec, AttentionParameters parameters)
    {
        var kernel = context.Kernels.Get<AttentionParameters>(GpuAttentionTile.Run, GpuAttentionTile.Threads);
        parameters.Blocks = (parameters.Queries + GpuAttentionTile.Queries - 1) / GpuAttentionTile.Queries;
        parameters.Chunks = (parameters.ValueSize + GpuAttentionTile.Columns - 1) / GpuAttentionTile.Columns;
        long groups = (long)spec.Q.Shape[0] * parameters.Heads * parameters.Blocks * parameters.Chunks;
        return new PreparedKernel(spec, "flash-32x64", 0, [], (in arguments) =>
        {
            var p = Bind(parameters, arguments.Operands);
            kernel.Launch(groups, GpuAttentionTile.Threads, in p);
        });
    }

    private static PreparedKernel Alone(GpuContext context, AttentionSpec spec, AttentionParameters parameters)
    {
        var kernel = context.Kernels.Get<AttentionParameters>(ProcessorAttention.Run);
        var (k, v) = (spec.K, spec.V);
        int heads = parameters.Heads, all = spec.Q.Shape[0] * heads;
        var keys = new GpuPanels(context, k.Type, all, k.Shape[2], k.Shape[3], (1, 1), (k.Strides[1], k.Strides[2], k.Strides[3], 0, 0), (heads, k.Strides[0]));
        var values = new GpuPanels(context, v.Type, all, v.Shape[3], v.Shape[2], (1, 1), (v.Strides[1], v.Strides[3], v.Strides[2], 0, 0), (heads, v.Strides[0]));
        var dense = Layout.Contiguous(ElementType.Float32, spec.Q.Shape);
        var queries = GpuElementwise.Prepare(context, new ElementwiseSpec(ElementwiseProgram.Identity, [spec.Q], dense));
        parameters.Q = GpuContext.Operand(dense);
        parameters.K = keys.Operand;
        parameters.V = values.Operand;
        parameters.Blocks = (parameters.Queries + ProcessorAttention.Queries - 1) / ProcessorAttention.Queries;
        parameters.Chunks = (parameters.ValueSize + ProcessorAttention.Columns - 1) / ProcessorAttention.Columns;
        long groups = (long)all * parameters.Blocks * parameters.Chunks;
        long keyBytes = GpuProduct.Aligned(keys.Bytes), valueBytes = GpuProduct.Aligned(values.Bytes);
        var staged = new BufferSlice[2];
        return new PreparedKernel(spec, "flash-4x16", keyBytes + valueBytes + dense.Count * sizeof(float), [], (in arguments) =>
        {
            var place = arguments.Workspace;
            var valuePlace = place with { ByteOffset = place.ByteOffset + keyBytes };
            var queryPlace = valuePlace with { ByteOffset = valuePlace.ByteOffset + valueBytes };
            keys.Pack(arguments.Operands[1], place);
            values.Pack(arguments.Operands[2], valuePlace);
            (staged[0], staged[1]) = (arguments.Operands[0], queryPlace);
            queries.Launch(new KernelArguments { Operands = staged });
            var p = Bind(parameters, arguments.Operands);
            GpuContext.Bind(ref p.Q, queryPlace);
            GpuContext.Bind(ref p.K, place);
            GpuContext.Bind(ref p.V, valuePlace);
            kernel.Launch(groups, 1, in p);
        });
    }

    private static AttentionParameters Bind(AttentionParameters p, ReadOnlySpan<BufferSlice> operands)
    {
        GpuContext.Bind(ref p.Q, operands[0]);
        GpuContext.Bind(ref p.K, operands[1]);
        GpuContext.Bind(ref p.V, operands[2]);
        GpuContext.Bind(ref p.Mask, operands[p.Masked != 0 ? 3 : ^1]);
        GpuContext.Bind(ref p.O, operands[^1]);
        return p;
    }
}
