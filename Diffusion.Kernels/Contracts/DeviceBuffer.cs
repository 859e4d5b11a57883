namespace Diffusion.Kernels;

/// <summary>Memory of one backend. Disposing twice is harmless; using it afterwards throws.</summary>
public sealed class DeviceBuffer : IDisposable
{
    private Action? release;

    /// <summary>Wraps memory that a backend has allocated or mapped.</summary>
    /// <param name="backend">The backend that owns the memory and whose kernels may read it.</param>
    /// <param name="byteLength">Usable length in bytes.</param>
    /// <param name="address">CPU address of the first byte for host memory, otherwise 0.</param>
    /// <param name="native">The backend's own handle, or an object to keep alive (a memory map).</param>
    /// <param name="release">Called once, when the buffer is disposed.</param>
    public DeviceBuffer(IKernelBackend backend, long byteLength, nint address, object? native, Action release)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        Backend = backend;
        ByteLength = byteLength;
        Address = address;
        Native = native;
        this.release = release;
    }

    /// <summary>The backend whose kernels may use this memory.</summary>
    public IKernelBackend Backend { get; }

    /// <summary>Usable length in bytes.</summary>
    public long ByteLength { get; }

    /// <summary>CPU address of the first byte for host memory (64-byte aligned when allocated), otherwise 0.</summary>
    public nint Address { get; }

    /// <summary>The backend's own handle.</summary>
    public object? Native { get; }

    /// <summary>Whether the memory has been given back.</summary>
    public bool IsDisposed => release is null;

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref release, null)?.Invoke();
}

/// <summary>A place in a buffer, where an operand's first element lies.</summary>
/// <param name="Buffer">The memory.</param>
/// <param name="ByteOffset">Bytes from the buffer's start.</param>
public readonly record struct BufferSlice(DeviceBuffer Buffer, long ByteOffset)
{
    /// <summary>CPU address of the first element (host memory only).</summary>
    public nint Address => Buffer.Address + (nint)ByteOffset;
}
