using System.Runtime.InteropServices;
using Diffusion.Kernels;

namespace Diffusion.Core.Devices;

/// <summary>
/// Memory of realised tensors: one buffer, shared by views, given back to its device's pool when the last tensor is
/// disposed or collected. Packed copies that kernels asked for live and die with it.
/// </summary>
internal sealed class Storage : IDisposable
{
    private readonly Block block;
    private int released;

    public Storage(Device device, DeviceBuffer buffer, long byteOffset, Layout layout, bool pooled = true, bool constant = false)
        : this(new Block(device, buffer, pooled), byteOffset, layout, constant)
    {
    }

    private Storage(Block block, long byteOffset, Layout layout, bool constant)
    {
        this.block = block;
        block.AddReference();
        ByteOffset = byteOffset;
        Layout = layout;
        Constant = constant;
    }

    /// <summary>Gives the memory back if nobody disposed it.</summary>
    ~Storage() => Dispose();

    /// <summary>Where the first element lies.</summary>
    public long ByteOffset { get; }

    /// <summary>Type, logical shape, and strides in memory.</summary>
    public Layout Layout { get; }

    /// <summary>Whether the data never changes, so that packed copies are worth keeping.</summary>
    public bool Constant { get; }

    /// <summary>The memory's buffer.</summary>
    public DeviceBuffer Buffer => Volatile.Read(ref released) == 0 ? block.Buffer
        : throw new ObjectDisposedException(nameof(Tensors.Tensor), "This tensor's memory has been given back by Dispose; keep the tensor, or compute it again.");

    /// <summary>The first element.</summary>
    public BufferSlice Slice => new(Buffer, ByteOffset);

    /// <summary>The device the memory is on.</summary>
    public Device Device => block.Device;

    /// <summary>The same memory under another layout.</summary>
    public Storage View(long byteOffset, Layout layout) => new(Alive(), byteOffset, layout, Constant);

    /// <summary>The same memory with another constness.</summary>
    public Storage Share(bool constant) => new(Alive(), ByteOffset, Layout, constant);

    /// <summary>Copies all elements to the host; the layout must be dense row-major.</summary>
    public void Read(Span<byte> target) => block.Device.Backend.Download(Slice, target);

    /// <summary>The packed form that a kernel asked for, made once.</summary>
    public DeviceBuffer Packed(string key, OperandPacking packing, BufferSlice source) => Alive().Packed(key, packing, source);

    /// <summary>Gives this reference back; harmless when repeated.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref released, 1) != 0)
            return;
        block.RemoveReference();
        GC.SuppressFinalize(this);
    }

    private Block Alive() => Volatile.Read(ref released) == 0 ? block : throw new ObjectDisposedException(nameof(Tensors.Tensor), "This tensor's memory has been given back by Dispose.");

    private sealed class Block(Device device, DeviceBuffer buffer, bool pooled)
    {
        private readonly Dictionary<string, DeviceBuffer> packed = [];
        private int references;

        public Device Device { get; } = device;

        public DeviceBuffer Buffer { get; } = buffer;

        public void AddReference() => Interlocked.Increment(ref references);

        public void RemoveReference()
        {
            if (Interlocked.Decrement(ref references) != 0)
                return;
            foreach (var copy in packed.Values)
                copy.Dispose();
            packed.Clear();
            if (pooled)
                Device.Return(Buffer);
            else
                Buffer.Dispose();
        }

        public DeviceBuffer Packed(string key, OperandPacking packing, BufferSlice source)
        {
            lock (packed)
            {
                ref var copy = ref CollectionsMarshal.GetValueRefOrAddDefault(packed, key, out bool known);
                if (!known || copy is null)
                {
                    copy = Device.Backend.Allocate(Math.Max(1, packing.Bytes));
                    packing.Pack(source, new BufferSlice(copy, 0));
                }
                return copy;
            }
        }
    }
}
