namespace Diffusion.Kernels;

/// <summary>What a device is.</summary>
/// <param name="Kind"><c>cpu</c>, <c>opencl</c> or <c>cuda</c>.</param>
/// <param name="Name">The hardware's name, with what was chosen (vector width, threads).</param>
/// <param name="MemoryBytes">Memory that may be allocated in all.</param>
/// <param name="ComputeUnits">Worker threads or multiprocessors.</param>
public sealed record DeviceInfo(string Kind, string Name, long MemoryBytes, int ComputeUnits);

/// <summary>
/// A device's seam: memory, and kernels from their specs. Implementations are sealed; everything above this interface is
/// the same on every device.
/// </summary>
public interface IKernelBackend : IDisposable
{
    /// <summary>What the device is.</summary>
    DeviceInfo Info { get; }

    /// <summary>Allocates memory with undefined content, 64-byte aligned.</summary>
    /// <exception cref="DeviceMemoryException">The device has no room for it.</exception>
    DeviceBuffer Allocate(long bytes);

    /// <summary>
    /// Makes a buffer over host memory (a mapped file) that stays valid until the buffer is disposed: without a copy
    /// where the device reads host memory, else by an upload. <paramref name="owner"/> is kept alive meanwhile.
    /// </summary>
    DeviceBuffer Map(nint address, long bytes, object owner);

    /// <summary>Copies host memory to the device; returns when <paramref name="source"/> may be reused.</summary>
    void Upload(ReadOnlySpan<byte> source, BufferSlice target);

    /// <summary>Waits for the device and copies its memory to the host.</summary>
    void Download(BufferSlice source, Span<byte> target);

    /// <summary>Chooses an algorithm and compiles it. Throws <see cref="KernelShapeException"/> for operands that don't fit.</summary>
    PreparedKernel Prepare(KernelSpec spec);

    /// <summary>Waits until everything launched has finished.</summary>
    void Synchronize();
}

/// <summary>A device could not give the memory asked for.</summary>
public sealed class DeviceMemoryException(string message) : Exception(message);
