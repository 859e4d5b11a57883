using Diffusion.Kernels;

namespace Diffusion.Benchmarks.Measuring;

/// <summary>A backend that counts what a device is asked to do: kernels run, bytes moved, waits.</summary>
internal sealed class CountingBackend(IKernelBackend inner) : IKernelBackend
{
    private long requests;

    /// <summary>Everything asked of the device so far.</summary>
    public long Requests => Interlocked.Read(ref requests);

    public DeviceInfo Info => inner.Info;

    public DeviceBuffer Allocate(long bytes) => Counted(() => inner.Allocate(bytes));

    public DeviceBuffer Map(nint address, long bytes, object owner) => Counted(() => inner.Map(address, bytes, owner));

    public void Upload(ReadOnlySpan<byte> source, BufferSlice target)
    {
        Interlocked.Increment(ref requests);
        inner.Upload(source, target);
    }

    public void Download(BufferSlice source, Span<byte> target)
    {
        Interlocked.Increment(ref requests);
        inner.Download(source, target);
    }

    public PreparedKernel Prepare(KernelSpec spec)
    {
        var prepared = Counted(() => inner.Prepare(spec));
        return prepared with { Launch = Launch };

        void Launch(in KernelArguments arguments)
        {
            Interlocked.Increment(ref requests);
            prepared.Launch(in arguments);
        }
    }

    public void Synchronize()
    {
        Interlocked.Increment(ref requests);
        inner.Synchronize();
    }

    public void Dispose() => inner.Dispose();

    private T Counted<T>(Func<T> request)
    {
        Interlocked.Increment(ref requests);
        return request();
    }
}
