using Diffusion.Core.Formats;
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

    // The block's reference is taken already.
    private Storage(Block block, long byteOffset, Layout layout, bool constant)
    {
        this.block = block;
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

    /// <summary>The first element; valid between <see cref="Retain"/> and <see cref="Release"/>.</summary>
    public BufferSlice Slice => new(block.Buffer, ByteOffset);

    /// <summary>The device the memory is on.</summary>
    public Device Device => block.Device;

    /// <summary>The same memory under another layout; the tensor may be disposed while the memory is retained.</summary>
    public Storage View(long byteOffset, Layout layout)
    {
        if (!block.TryAddReference())
            throw Gone();
        return new Storage(block, byteOffset, layout, Constant);
    }

    /// <summary>The same memory with another constness.</summary>
    public Storage Share(bool constant)
    {
        Retain();
        return new Storage(block, ByteOffset, Layout, constant);
    }

    /// <summary>Keeps the memory in use although the tensor may be disposed by another thread meanwhile.</summary>
    /// <exception cref="ObjectDisposedException">It has been already.</exception>
    public void Retain()
    {
        if (Volatile.Read(ref released) != 0 || !block.TryAddReference())
            throw Gone();
    }

    /// <summary>Undoes one <see cref="Retain"/>.</summary>
    public void Release() => block.RemoveReference();

    /// <summary>Copies all elements to the host; the layout must be dense row-major.</summary>
    public void Read(Span<byte> target)
    {
        Retain();
        try
        {
            block.Device.Backend.Download(Slice, target);
        }
        finally
        {
            Release();
        }
    }

    /// <summary>The packed form that a kernel asked for, made once; call it between <see cref="Retain"/> and <see cref="Release"/>.</summary>
    public DeviceBuffer Packed(string key, OperandPacking packing, BufferSlice source) => block.Packed(key, packing, source);

    /// <summary>Gives this reference back; harmless when repeated.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref released, 1) != 0)
            return;
        block.RemoveReference();
        GC.SuppressFinalize(this);
    }

    private static ObjectDisposedException Gone() =>
        new(nameof(Tensors.Tensor), "This tensor's memory has been given back by Dispose; keep the tensor, or compute it again.");

    private sealed class Block(Device device, DeviceBuffer buffer, bool pooled)
    {
        // Other tensors may share the memory, each with another place in it. Most memory is never packed.
        private Dictionary<(string Key, long ByteOffset), DeviceBuffer>? copies;
        private int references = 1;

        public Device Device { get; } = device;

        public DeviceBuffer Buffer { get; } = buffer;

        public bool TryAddReference()
        {
            int seen = Volatile.Read(ref references);
            while (seen > 0)
            {
                int before = Interlocked.CompareExchange(ref references, seen + 1, seen);
                if (before == seen)
                    return true;
                seen = before;
            }
            return false;
        }

        public void RemoveReference()
        {
            if (Interlocked.Decrement(ref references) != 0)
                return;
            if (copies is not null)
            {
                foreach (var copy in copies.Values)
                    copy.Dispose();
                copies = null;
            }
            if (pooled)
                Device.Return(Buffer);
            else
                Buffer.Dispose();
        }

        public DeviceBuffer Packed(string key, OperandPacking packing, BufferSlice source)
        {
            if (copies is null)
                Interlocked.CompareExchange(ref copies, [], null);
            var packed = copies;
            lock (packed)
            {
                if (packed.TryGetValue((key, source.ByteOffset), out var known))
                    return known;
                var copy = Device.Backend.Allocate(Math.Max(1, packing.Bytes));
                try
                {
                    packing.Pack(source, new BufferSlice(copy, 0));
                }
                catch
                {
                    copy.Dispose();
                    throw;
                }
                packed.Add((key, source.ByteOffset), copy);
                // Kernels read the copy from now on; a mapped file needn't stay in memory beside it.
                (Buffer.Native as MemoryLease)?.Forget();
                return copy;
            }
        }
    }
}
