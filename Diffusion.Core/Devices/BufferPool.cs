using Diffusion.Kernels;

namespace Diffusion.Core.Devices;

/// <summary>
/// Keeps buffers that were given back, for the next one of about that size: drivers allocate slowly, and a denoising
/// loop asks for the same sizes at every step.
/// </summary>
internal sealed class BufferPool(IKernelBackend backend)
{
    private const long Granularity = 256;

    private readonly Lock gate = new();
    private readonly List<DeviceBuffer> free = [];
    private long freeBytes;
    private long liveBytes;
    private long peakBytes;
    private bool closed;

    /// <summary>Bytes in buffers that are in use.</summary>
    public long LiveBytes => Interlocked.Read(ref liveBytes);

    /// <summary>Most bytes ever in use at once.</summary>
    public long PeakBytes => Interlocked.Read(ref peakBytes);

    /// <summary>Bytes kept for reuse.</summary>
    public long FreeBytes => Interlocked.Read(ref freeBytes);

    /// <summary>A buffer of at least that size, undefined content.</summary>
    public DeviceBuffer Rent(long bytes)
    {
        long wanted = Math.Max(Granularity, (bytes + Granularity - 1) / Granularity * Granularity);
        lock (gate)
        {
            int best = -1;
            for (int i = 0; i < free.Count; i++)
            {
                // Best fit, but never waste more than a quarter of a large buffer.
                if (free[i].ByteLength >= wanted && free[i].ByteLength <= wanted + wanted / 4 + 4096 && (best < 0 || free[i].ByteLength < free[best].ByteLength))
                    best = i;
            }
            if (best >= 0)
            {
                var buffer = free[best];
                free.RemoveAt(best);
                freeBytes -= buffer.ByteLength;
                return Count(buffer);
            }
        }
        return Count(Allocate(wanted));
    }

    /// <summary>Takes a buffer back.</summary>
    public void Return(DeviceBuffer buffer)
    {
        Interlocked.Add(ref liveBytes, -buffer.ByteLength);
        if (buffer.IsDisposed)
            return;
        lock (gate)
        {
            if (closed)
            {
                buffer.Dispose();
                return;
            }
            free.Add(buffer);
            freeBytes += buffer.ByteLength;
        }
    }

    /// <summary>Frees what is kept for reuse.</summary>
    public void Trim()
    {
        lock (gate)
        {
            foreach (var buffer in free)
                buffer.Dispose();
            free.Clear();
            freeBytes = 0;
        }
    }

    /// <summary>Frees what is kept, and from now on what comes back: the device is gone.</summary>
    public void Close()
    {
        lock (gate)
            closed = true;
        Trim();
    }

    private DeviceBuffer Allocate(long bytes)
    {
        try
        {
            return backend.Allocate(bytes);
        }
        catch (DeviceMemoryException)
        {
            // What is kept for reuse may be what is missing.
            Trim();
            return backend.Allocate(bytes);
        }
    }

    private DeviceBuffer Count(DeviceBuffer buffer)
    {
        long live = Interlocked.Add(ref liveBytes, buffer.ByteLength);
        long seen = Interlocked.Read(ref peakBytes);
        while (live > seen)
        {
            long before = Interlocked.CompareExchange(ref peakBytes, live, seen);
            if (before == seen)
                break;
            seen = before;
        }
        return buffer;
    }
}
