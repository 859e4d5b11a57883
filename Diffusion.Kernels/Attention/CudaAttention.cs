using Diffusion.Kernels.Cuda;
using Diffusion.Kernels.Gpu;

namespace Diffusion.Kernels.Attention;

/// <summary>Attention on the tensor cores of an NVIDIA GPU.</summary>
internal static class CudaAttention
{
    private const int LargestHead = 256;

    /// <summary>
    /// Whether the device has tensor cores for it: queries, keys and values all float16 or all bfloat16, elements of a head side by side,
    /// at most 256 of them.
    /// </summary>
    public static bool Supports(GpuContext context, AttentionSpec spec) =>
        context.HasTensorCores && spec.Q.Type is ElementType.Float16 or ElementType.BFloat16 && spec.K.Type == spec.Q.Type && spec.V.Type == spec.Q.Type
        && Dense(spec.Q) && Dense(spec.K) && Dense(spec.V) && Math.Max(spec.Q.Shape[3], spec.V.Shape[3]) <= LargestHead;

    /// <summary>Prepares a supported spec that is not empty.</summary>
    public static PreparedKernel Prepare(GpuContext context, AttentionSpec spec) => Math.Max(spec.Q.Shape[3], spec.V.Shape[3]) switch
    {
        <= 48 => Prepare<Head48>(context, spec),
        <= 64 => Prepare<Head64>(context, spec),
        <= 80 => Prepare<Head80>(context, spec),
        <= 128 => Prepare<Head128>(context, spec),
        <= 160 => Prepare<Head160>(context, spec),
        _ => Prepare<Head256>(context, spec),
    };

    private static PreparedKernel Prepare<THead>(GpuContext context, AttentionSpec spec)
        where THead : struct, IHeadTile
    {
        int threads = CudaAttentionKernels.Threads<THead>(), sharedBytes = CudaAttentionKernels.SharedBytes<THead>(), columns = spec.V.Shape[3];
        var kernel = spec.Q.Type == ElementType.Float16
            ? context.Kernels.Get<CudaAttentionParameters<HeadStore>>(CudaAttentionKernels.Attend<Float16Attention, THead, HeadStore>, threads)
            : context.Kernels.Get<CudaAttentionParameters<HeadStore>>(CudaAttentionKernels.Attend<BFloat16Attention, THead, HeadStore>, threads);
        var parameters = new CudaAttentionParameters<HeadStore>
        {
            Q = Rows(spec.Q),
            K = Rows(spec.K),
            V = Rows(spec.V),
            Store = new HeadStore { Output = GpuContext.Operand(spec.O), Heads = spec.Q.Shape[1] },
            Heads = spec.Q.Shape[1],
            Queries = spec.Q.Shape[2],
            Keys = spec.K.Shape[2],
            Columns = columns,
            Causal = spec.Causal ? 1 : 0,
            Scale = (float)(spec.Scale * Math.Log2(Math.E)),
        };
        long columnBlocks = (columns + 16 * THead.ValuePairs - 1) / (16 * THead.ValuePairs);
        long blocks = (long)spec.Q.Shape[0] * spec.Q.Shape[1] * ((spec.Q.Shape[2] + THead.Queries - 1) / THead.Queries) * columnBlocks;
        // Without keys there is nothing to mask.
        bool masked = !spec.Mask.IsEmpty && spec.K.Shape[2] > 0;
        PreparedKernel? convert = null;
        long maskBytes = 0;
        if (masked)
        {
            var mask = spec.Mask[0];
            if (mask.Type != ElementType.Float32)
            {
                var dense = Layout.Contiguous(ElementType.Float32, mask.Shape);
                convert = GpuElementwise.Prepare(context, new ElementwiseSpec(ElementwiseProgram.Identity, [mask], dense));
                mask = dense;
                maskBytes = dense.Count * sizeof(float);
            }
            parameters.Mask = new MaskRows
            {
                SampleBytes = mask.Strides[0] * sizeof(float),
                HeadBytes = mask.Strides[1] * sizeof(float),
                QueryBytes = mask.Strides[2] * sizeof(float),
                KeyBytes = mask.Strides[3] * sizeof(float),
            };
        }
        var staged = new BufferSlice[2];
        return new PreparedKernel(spec, $"mma-flash-{typeof(THead).Name}", maskBytes, [], (in arguments) =>
        {
            var p = parameters;
            Bind(ref p.Q, spec.Q, arguments.Operands[0]);
            Bind(ref p.K, spec.K, arguments.Operands[1]);
            Bind(ref p.V, spec.V, arguments.Operands[2]);
            GpuContext.Bind(ref p.Store.Output, arguments.Operands[^1]);
            if (masked)
            {
                var mask = arguments.Operands[3];
                if (convert is not null)
                {
                    (staged[0], staged[1]) = (mask, arguments.Workspace);
                    convert.Launch(new KernelArguments { Operands = staged });
                    mask = arguments.Workspace;
                }
                p.Mask.Address = CudaAddress.Of(mask);
            }
            kernel.Launch(blocks, threads, in p, sharedBytes);
        });
    }

    private static bool Dense(Layout layout) => layout.Strides[3] == 1 || layout.Shape[3] <= 1;

    private static HeadRows Rows(Layout layout)
    {
        int size = layout.Type.Size();
        return new HeadRows
        {
            SampleBytes = layout.Strides[0] * size,
            HeadBytes = layout.Strides[1] * size,
            RowBytes = layout.Strides[2] * size,
            Depth = layout.Shape[3] * size,
        };
    }

    private static void Bind(ref HeadRows rows, Layout layout, BufferSlice slice)
    {
        rows.Address = CudaAddress.Of(slice);
        rows.Alignment = CudaAddress.Alignment(rows.Address | CudaAddress.Step(layout, 0) | CudaAddress.Step(layout, 1) | CudaAddress.Step(layout, 2));
    }
}
