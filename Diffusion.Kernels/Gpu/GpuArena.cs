using System.Collections.Immutable;
using ILGPU;
using ILGPU.Runtime;

namespace Diffusion.Kernels.Gpu;

/// <summary>A piece of a slab of device memory.</summary>
/// <param name="Slab">The whole slab, in words.</param>
/// <param name="ByteOffset">Where the piece begins in it.</param>
/// <param name="Bytes">Its length.</param>
internal sealed record GpuBlock(ArrayView<uint> Slab, long ByteOffset, long Bytes);

/// <summary>
/// Device memory in large slabs, given out by best fit and merged when it comes back: drivers allocate slowly, and freeing
/// makes them wait for the device. A piece may be given out again while a kernel still reads it: launches are ordered.
/// </summary>
internal sealed class GpuArena(Accelerator accelerator, string name, long budget)
{
    private const long Alignment = 256;
    private const long SlabBytes = 64L << 20;

    private readonly Lock gate = new();
    private readonly List<Slab> slabs = [];
    private bool closed;

    /// <summary>Bytes taken from the driver.</summary>
    public long Reserved { get; private set; }

    /// <summary>All memory taken from the driver; for tests.</summary>
    internal ImmutableArray<ArrayView<uint>> Slabs
    {
        get
        {
            lock (gate)
                return [.. slabs.Select(slab => slab.View)];
        }
    }

    /// <summary>Finds room.</summary>
    /// <exception cref="DeviceMemoryException">There is none.</exception>
    public (GpuBlock Block, Action Release) Allocate(long bytes)
    {
        long size = Math.Max(Alignment, (bytes + Alignment - 1) / Alignment * Alignment);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(closed, this);
            Slab? best = null;
            int at = -1;
            foreach (var slab in slabs)
            {
                int hole = slab.BestHole(size);
                if (hole >= 0 && (best is null || slab.Holes[hole].Bytes < best.Holes[at].Bytes))
                    (best, at) = (slab, hole);
            }
            if (best is null)
            {
                best = Reserve(size);
                at = 0;
            }
            long offset = best.Take(at, size);
            var owner = best;
            return (new GpuBlock(best.View, offset, size), () => Free(owner, offset, size));
        }
    }

    /// <summary>Gives everything back to the driver; pieces that are still out must not be used any more.</summary>
    public void Close()
    {
        lock (gate)
        {
            closed = true;
            foreach (var slab in slabs)
                slab.Buffer.Dispose();
            slabs.Clear();
            Reserved = 0;
        }
    }

    private Slab Reserve(long size)
    {
        // A large piece gets a slab of its own, so that it goes back to the driver as a whole.
        long bytes = Math.Max(size, SlabBytes);
        if (Reserved + bytes > budget)
        {
            ReleaseEmpty();
            bytes = Reserved + bytes > budget ? size : bytes;
        }
        if (Reserved + bytes > budget)
            throw Full(size, null);
        try
        {
            var slab = new Slab(accelerator.Allocate1D<uint>(bytes / sizeof(uint)), bytes);
            slabs.Add(slab);
            Reserved += bytes;
            return slab;
        }
        catch (Exception e) when (e is not DeviceMemoryException)
        {
            throw Full(size, e);
        }
    }

    private DeviceMemoryException Full(long size, Exception? cause) => new(
        $"Allocate: {name} has no room for {size:N0} bytes: {Reserved:N0} of {budget:N0} are taken{(cause is null ? "" : $" (the driver says: {cause.Message})")}. "
        + "Use smaller pictures or batches, tiled or sliced decoding (VaeOptions), float16 weights, or another device.");

    private void Free(Slab slab, long offset, long size)
    {
        lock (gate)
        {
            if (closed)
                return;
            slab.Give(offset, size);
            if (slab.IsEmpty && (slab.Bytes > SlabBytes || slabs.Exists(other => other != slab && other.IsEmpty)))
                Release(slab);
        }
    }

    private void ReleaseEmpty()
    {
        foreach (var slab in slabs.Where(slab => slab.IsEmpty).ToArray())
            Release(slab);
    }

    private void Release(Slab slab)
    {
        slabs.Remove(slab);
        Reserved -= slab.Bytes;
        slab.Buffer.Dispose();
    }

    private sealed class Slab(MemoryBuffer1D<uint, Stride1D.Dense> buffer, long bytes)
    {
        public MemoryBuffer1D<uint, Stride1D.Dense> Buffer { get; } = buffer;

        public ArrayView<uint> View { get; } = buffer.View.BaseView;

        public long Bytes { get; } = bytes;

        // Sorted by place; never two that touch.
        public List<(long Offset, long Bytes)> Holes { get; } = [(0, bytes)];

        public bool IsEmpty => Holes.Count == 1 && Holes[0].Bytes == Bytes;

        public int BestHole(long size)
        {
            int best = -1;
            for (int i = 0; i < Holes.Count; i++)
            {
                if (Holes[i].Bytes >= size && (best < 0 || Holes[i].Bytes < Holes[best].Bytes))
                    best = i;
            }
            return best;
        }

        public long Take(int hole, long size)
        {
            var (offset, length) = Holes[hole];
            if (length == size)
                Holes.RemoveAt(hole);
            else
                Holes[hole] = (offset + size, length - size);
            return offset;
        }

        public void Give(long offset, long size)
        {
            int next = Holes.FindIndex(hole => hole.Offset > offset);
            if (next < 0)
                next = Holes.Count;
            Holes.Insert(next, (offset, size));
            if (next + 1 < Holes.Count && offset + size == Holes[next + 1].Offset)
            {
                Holes[next] = (offset, size + Holes[next + 1].Bytes);
                Holes.RemoveAt(next + 1);
            }
            if (next > 0 && Holes[next - 1].Offset + Holes[next - 1].Bytes == offset)
            {
                Holes[next - 1] = (Holes[next - 1].Offset, Holes[next - 1].Bytes + Holes[next].Bytes);
                Holes.RemoveAt(next);
            }
        }
    }
}
