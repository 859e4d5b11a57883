using Diffusion.Kernels.Cpu;
using Diffusion.Kernels.Reference;

namespace Diffusion.Kernels;

/// <summary>
/// Computes every contract by plain loops in float64 on one thread. Slow; it says what the contracts mean, and other backends
/// are tested against it.
/// </summary>
public sealed class ReferenceBackend : IKernelBackend
{
    private bool closed;

    /// <inheritdoc/>
    public DeviceInfo Info { get; } = new("cpu", "Reference (float64 loops)", CpuMemory.Available(), 1);

    /// <inheritdoc/>
    public DeviceBuffer Allocate(long bytes) => CpuMemory.Allocate(this, bytes, closed);

    /// <inheritdoc/>
    public DeviceBuffer Map(nint address, long bytes, object owner) => CpuMemory.Map(this, address, bytes, owner, closed);

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<byte> source, BufferSlice target) => CpuMemory.Upload(this, source, target);

    /// <inheritdoc/>
    public void Download(BufferSlice source, Span<byte> target) => CpuMemory.Download(this, source, target);

    /// <inheritdoc/>
    public PreparedKernel Prepare(KernelSpec spec)
    {
        ObjectDisposedException.ThrowIf(closed, this);
        LaunchGuard.Validate(spec);
        return LaunchGuard.Guard(this, ReferenceKernels.Prepare(spec));
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
    }

    /// <inheritdoc/>
    public void Dispose() => closed = true;
}
