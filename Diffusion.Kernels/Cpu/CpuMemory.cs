using System.Runtime.InteropServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Host memory as device buffers, for the CPU backend and the reference.</summary>
internal static unsafe class CpuMemory
{
    /// <summary>Alignment of every allocation, a cache line and the widest vector.</summary>
    public const int Alignment = 64;

    /// <summary>Allocates undefined memory; at least one line, so that the address is never 0.</summary>
    public static DeviceBuffer Allocate(IKernelBackend backend, long bytes, bool closed)
    {
        ObjectDisposedException.ThrowIf(closed, backend);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        void* memory = null;
        try
        {
            if (bytes <= nint.MaxValue - Alignment)
            {
                memory = NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), HugePages.AlignmentFor(bytes));
                HugePages.Advise(memory, bytes);
            }
        }
        catch (OutOfMemoryException)
        {
        }
        if (memory == null)
        {
            throw new DeviceMemoryException(
                $"CpuBackend.Allocate: no room for {bytes:N0} bytes; the machine has {Available():N0} in all. Use a smaller batch or picture, tiling, or smaller weights.");
        }
        nint address = (nint)memory;
        // Long-lived native memory that the collector can't see would otherwise never make it run finalizers.
        long pressure = bytes;
        if (pressure > 0)
            GC.AddMemoryPressure(pressure);
        return new DeviceBuffer(backend, bytes, address, null, () =>
        {
            NativeMemory.AlignedFree((void*)address);
            if (pressure > 0)
                GC.RemoveMemoryPressure(pressure);
        });
    }

    /// <summary>Host memory as it is.</summary>
    public static DeviceBuffer Map(IKernelBackend backend, nint address, long bytes, object owner, bool closed)
    {
        ObjectDisposedException.ThrowIf(closed, backend);
        ArgumentNullException.ThrowIfNull(owner);
        if (address == 0 && bytes > 0)
            throw new ArgumentException($"Map: the address is 0 for {bytes} bytes.", nameof(address));
        return new DeviceBuffer(backend, bytes, address, owner, static () => { });
    }

    /// <summary>Copies into a buffer.</summary>
    public static void Upload(IKernelBackend backend, ReadOnlySpan<byte> source, BufferSlice target)
    {
        LaunchGuard.Check(backend, target, source.Length, "Upload");
        source.CopyTo(new Span<byte>((void*)target.Address, source.Length));
    }

    /// <summary>Copies out of a buffer.</summary>
    public static void Download(IKernelBackend backend, BufferSlice source, Span<byte> target)
    {
        LaunchGuard.Check(backend, source, target.Length, "Download");
        new ReadOnlySpan<byte>((void*)source.Address, target.Length).CopyTo(target);
    }

    /// <summary>Memory of the machine (or of what this process may use of it).</summary>
    public static long Available() => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
}
