using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace Diffusion.Kernels.Gpu;

/// <summary>What kernels of one device share while they are prepared and launched.</summary>
internal sealed class GpuContext(GpuBackend backend, Accelerator accelerator, GpuArena arena, KernelCache kernels)
{
    private readonly Dictionary<ImmutableArray<int>, DeviceBuffer> tables = new(TableComparer.Instance);

    /// <summary>The backend whose memory launches use.</summary>
    public GpuBackend Backend { get; } = backend;

    /// <summary>The device.</summary>
    public Accelerator Accelerator { get; } = accelerator;

    /// <summary>Its memory.</summary>
    public GpuArena Arena { get; } = arena;

    /// <summary>Compiled kernels.</summary>
    public KernelCache Kernels { get; } = kernels;

    /// <summary>Whether one thread at a time runs a group (an OpenCL device on the processor): tiles are then shaped for its caches and vectors.</summary>
    public bool IsProcessor { get; init; }

    /// <summary>Whether the device runs the kernels of <see cref="Cuda.CudaProducts"/>: NVIDIA's, of compute capability 8.0 or higher.</summary>
    public bool HasTensorCores { get; init; }

    /// <summary>Whether float32 products may lose accuracy for speed; see <see cref="GpuBackend.Open"/>.</summary>
    public bool FastFloat32 { get; init; }

    /// <summary>Threads of a group for kernels that share work over a row: one on a processor, where threads of a group take turns.</summary>
    public int RowThreads(long length) => IsProcessor ? 1 : length <= 64 ? 64 : 256;

    /// <summary>Constants in device memory (a program's code, a table), shared by all kernels with the same.</summary>
    public ArrayView<int> Table(ImmutableArray<int> content)
    {
        lock (tables)
        {
            if (!tables.TryGetValue(content, out var buffer))
            {
                buffer = Backend.Allocate(Math.Max(1, content.Length) * sizeof(int));
                Backend.Upload(MemoryMarshal.AsBytes(content.AsSpan()), new BufferSlice(buffer, 0));
                tables.Add(content, buffer);
            }
            return Words(new BufferSlice(buffer, 0)).Cast<int>();
        }
    }

    /// <summary>The words from the one that holds a place.</summary>
    public static ArrayView<uint> Words(BufferSlice slice)
    {
        var block = (GpuBlock)slice.Buffer.Native!;
        long first = (block.ByteOffset + slice.ByteOffset) / sizeof(uint);
        return block.Slab.SubView(first, block.Slab.Length - first);
    }

    /// <summary>An operand's strides and type, to be bound to memory at launch. Missing axes are outer ones.</summary>
    public static GpuOperand Operand(Layout layout)
    {
        if (layout.Rank > 4)
            throw new KernelShapeException($"GpuOperand: {layout} has more than 4 axes.");
        long Stride(int axis) => axis + layout.Rank - 4 is >= 0 and var i ? layout.Strides[i] : 0;
        return new GpuOperand { Type = (int)layout.Type, S0 = Stride(0), S1 = Stride(1), S2 = Stride(2), S3 = Stride(3) };
    }

    /// <summary>Points an operand at memory.</summary>
    public static void Bind(ref GpuOperand operand, BufferSlice slice)
    {
        var block = (GpuBlock)slice.Buffer.Native!;
        long at = block.ByteOffset + slice.ByteOffset;
        operand.Words = block.Slab.SubView(at / sizeof(uint), block.Slab.Length - at / sizeof(uint));
        operand.Start = (int)(at % sizeof(uint)) / Math.Min(sizeof(uint), ((ElementType)operand.Type).Size());
    }

    private sealed class TableComparer : IEqualityComparer<ImmutableArray<int>>
    {
        public static TableComparer Instance { get; } = new();

        public bool Equals(ImmutableArray<int> x, ImmutableArray<int> y) => x.AsSpan().SequenceEqual(y.AsSpan());

        public int GetHashCode(ImmutableArray<int> obj)
        {
            var hash = default(HashCode);
            hash.AddBytes(MemoryMarshal.AsBytes(obj.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
