using Diffusion.Kernels;

namespace Diffusion.Core.Tests.Devices;

/// <summary>A backend that tells what happens: launches (before they run) and allocations.</summary>
public sealed class HookedBackend(IKernelBackend inner, Action<KernelSpec> launching, Action<DeviceBuffer>? allocated = null) : IKernelBackend
{
    public DeviceInfo Info => inner.Info;

    public DeviceBuffer Allocate(long bytes)
    {
        var buffer = inner.Allocate(bytes);
        allocated?.Invoke(buffer);
        return buffer;
    }

    public DeviceBuffer Map(nint address, long bytes, object owner) => inner.Map(address, bytes, owner);

    public void Upload(ReadOnlySpan<byte> source, BufferSlice target) => inner.Upload(source, target);

    public void Download(BufferSlice source, Span<byte> target) => inner.Download(source, target);

    public PreparedKernel Prepare(KernelSpec spec)
    {
        var kernel = inner.Prepare(spec);
        return kernel with
        {
            Launch = (in arguments) =>
            {
                launching(spec);
                kernel.Launch(in arguments);
            },
        };
    }

    public void Synchronize() => inner.Synchronize();

    public void Dispose() => inner.Dispose();
}
