using System.Collections.Immutable;
using System.Numerics;
using Diffusion.Kernels.Cuda;
using Diffusion.Kernels.Gemm;
using Diffusion.Kernels.Gpu;

namespace Diffusion.Kernels.Convolution;

/// <summary>Convolutions on the tensor cores of an NVIDIA GPU: a product whose rows are the patches under the window.</summary>
internal static class CudaConvolution
{
    /// <summary>
    /// Whether the device has tensor cores for these types and the shape is one that the kernel takes: no groups, no spread input, channels
    /// side by side, upsampling by a power of two. The epilogue must be one that the machine runs.
    /// </summary>
    public static bool Supports(GpuContext context, ConvolutionSpec spec) =>
        Choose(context, spec) is not (MmaType.None or MmaType.Int8) && spec.Groups == 1 && spec.InputDilation == (1, 1) && spec.X.Shape[3] > 0
        && (spec.X.Strides[3] == 1 || spec.X.Shape[3] == 1) && BitOperations.IsPow2(spec.Upsample) && (long)spec.Y.Shape[0] * spec.Y.Shape[1] * spec.Y.Shape[2] <= int.MaxValue;

    /// <summary>Prepares a supported spec that is not empty.</summary>
    public static PreparedKernel Prepare(GpuContext context, ConvolutionSpec spec)
    {
        var (x, y) = (spec.X, spec.Y);
        var type = Choose(context, spec);
        int size = x.Type.Size(), rows = y.Shape[0] * y.Shape[1] * y.Shape[2], columns = y.Shape[3];
        var weight = new CudaFilter(context, spec.W, CudaProducts.Storage(type));
        var epilogue = GpuEpilogue.Create(context, spec.After, y)!;
        var launch = CudaProducts.Plan<PatchRows, PatchCursor>(context, type, 1, rows, columns);
        var patches = new PatchRows
        {
            SampleBytes = x.Strides[0] * size,
            RowBytes = x.Strides[1] * size,
            PixelBytes = x.Strides[2] * size,
            Height = x.Shape[1] * spec.Upsample,
            Width = x.Shape[2] * spec.Upsample,
            UpsampleShift = BitOperations.Log2((uint)spec.Upsample),
            ChannelBytes = x.Shape[3] * size,
            PaddedChannelBytes = weight.TapBytes,
            KernelHeight = spec.W.Shape[2],
            KernelWidth = spec.W.Shape[3],
            StrideY = spec.Stride.Y,
            StrideX = spec.Stride.X,
            PadTop = spec.Padding.Top,
            PadLeft = spec.Padding.Left,
            DilationY = spec.Dilation.Y,
            DilationX = spec.Dilation.X,
            OutputHeight = y.Shape[1],
            OutputWidth = y.Shape[2],
            Rows = rows,
        };
        long steps = CudaAddress.Step(x, 0) | CudaAddress.Step(x, 1) | CudaAddress.Step(x, 2);
        bool packs = spec.ConstantW && weight.SameType;
        ImmutableArray<OperandPacking> packings = packs ? [new OperandPacking(1, weight.Key, weight.Bytes, weight.Pack)] : [];
        return new PreparedKernel(spec, launch.Name, packs ? 0 : weight.Bytes, packings, (in arguments) =>
        {
            var filter = arguments.Operands[1];
            if (!packs)
            {
                weight.Pack(filter, arguments.Workspace);
                filter = arguments.Workspace;
            }
            var a = patches;
            a.Address = CudaAddress.Of(arguments.Operands[0]);
            a.Alignment = CudaAddress.Alignment(a.Address | steps);
            launch.Run(new CudaProductParameters<PatchRows, ImageStore>
            {
                A = a,
                B = weight.At(filter),
                Rows = rows,
                Columns = columns,
                Slabs = MmaTile.Slabs(weight.RowBytes),
                Store = new ImageStore
                {
                    Machine = epilogue.Bind(arguments.Operands, arguments.Scalars),
                    Pixels = a.OutputHeight * a.OutputWidth,
                    Width = a.OutputWidth,
                },
            });
        });
    }

    private static MmaType Choose(GpuContext context, ConvolutionSpec spec) => CudaProducts.Choose(context, spec.X.Type, spec.W.Type, spec.Exact);
}

/// <summary>
/// A filter as the kernel reads it: [output][tap][channel], each tap's channels padded with zeros to whole chunks.
/// </summary>
internal sealed class CudaFilter
{
    private readonly PreparedKernel? clear;
    private readonly PreparedKernel copy;
    private readonly BufferSlice[] staged = new BufferSlice[2];
    private readonly int outputs;

    /// <summary>Plans the packing.</summary>
    /// <param name="context">The device.</param>
    /// <param name="filter">[O, C, KH, KW], any strides.</param>
    /// <param name="type">What the kernel multiplies.</param>
    public CudaFilter(GpuContext context, Layout filter, ElementType type)
    {
        int size = type.Size(), channels = filter.Shape[1], height = filter.Shape[2], width = filter.Shape[3];
        outputs = filter.Shape[0];
        TapBytes = (channels * size + MmaTile.ChunkBytes - 1) / MmaTile.ChunkBytes * MmaTile.ChunkBytes;
        RowBytes = checked(TapBytes * height * width);
        SameType = filter.Type == type;
        Key = $"cuda-filter-{type}-{outputs}x{height}x{width}x{channels}";
        long tap = TapBytes / size;
        var packed = new Layout(type, filter.Shape, [RowBytes / size, 1, width * tap, tap]);
        copy = GpuElementwise.Prepare(context, new ElementwiseSpec(ElementwiseProgram.Identity, [filter], packed));
        if (TapBytes != channels * size)
        {
            var zero = new ElementwiseProgram(0, [new Instruction(ElementwiseOp.Constant)]);
            clear = GpuElementwise.Prepare(context, new ElementwiseSpec(zero, [], Layout.Contiguous(type, outputs, RowBytes / size)));
        }
    }

    /// <summary>Bytes of a tap's channels.</summary>
    public int TapBytes { get; }

    /// <summary>Bytes of an output's taps.</summary>
    public int RowBytes { get; }

    /// <summary>Bytes in all.</summary>
    public long Bytes => (long)outputs * RowBytes;

    /// <summary>Whether packing only moves elements, so that the packed filter may replace the weight.</summary>
    public bool SameType { get; }

    /// <summary>Names the format.</summary>
    public string Key { get; }

    /// <summary>Packs.</summary>
    public void Pack(BufferSlice source, BufferSlice target)
    {
        (staged[0], staged[1]) = (source, target);
        clear?.Launch(new KernelArguments { Operands = staged.AsSpan(1) });
        copy.Launch(new KernelArguments { Operands = staged });
    }

    /// <summary>The packed rows at a place.</summary>
    public MatrixRows At(BufferSlice place)
    {
        long address = CudaAddress.Of(place);
        return new MatrixRows { Address = address, RowBytes = RowBytes, Rows = outputs, Depth = RowBytes, Alignment = CudaAddress.Alignment(address) };
    }
}
