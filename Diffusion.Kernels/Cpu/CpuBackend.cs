using System.Numerics;
using System.Runtime.Intrinsics;
using Diffusion.Kernels.Cpu;

namespace Diffusion.Kernels;

/// <summary>The processor: SIMD kernels on its cores, over ordinary memory. Always there; nothing to install.</summary>
public sealed class CpuBackend : IKernelBackend
{
    private readonly CpuContext context;
    private bool closed;

    private CpuBackend(CpuContext context)
    {
        this.context = context;
        int bits = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector<byte>.Count * 8;
        string threads = context.Threads == 1 ? "1 thread" : $"{context.Threads} threads";
        Info = new DeviceInfo(
            "cpu", $"{System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture}, {bits}-bit vectors, {threads}", CpuMemory.Available(), context.Threads);
    }

    /// <inheritdoc/>
    public DeviceInfo Info { get; }

    /// <summary>Makes a backend with its own worker threads.</summary>
    /// <param name="threads">Threads that run a kernel, the caller included; ≥ 1. Default: one a core that the process may use.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 1.</exception>
    public static CpuBackend Create(int? threads = null)
    {
        if (threads < 1)
            throw new ArgumentOutOfRangeException(nameof(threads), threads, "CpuBackend.Create: at least 1 thread; omit it for one a core.");
        return Create(threads is { } count ? new CpuOptions { Threads = count } : new CpuOptions());
    }

    /// <summary>Makes a backend with its own worker threads.</summary>
    /// <param name="options">Threads, and what memory for packed weights is worth.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 1 thread.</exception>
    public static CpuBackend Create(CpuOptions options) => Create(options, null);

    /// <summary>The same with one algorithm for all convolutions that allow it.</summary>
    internal static CpuBackend Create(CpuOptions options, ConvolutionAlgorithm? forced)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(options.Weights);
        if (options.Threads < 1)
            throw new ArgumentOutOfRangeException(nameof(options), options.Threads, "CpuBackend.Create: at least 1 thread; leave Threads out for one a core.");
        return new CpuBackend(new CpuContext(new WorkerPool(options.Threads), options.Weights) { Forced = forced });
    }

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
        return LaunchGuard.Guard(this, CpuKernels.Prepare(context, spec));
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
    }

    /// <summary>Ends the worker threads. Memory that was given out stays valid until it is disposed.</summary>
    public void Dispose()
    {
        if (closed)
            return;
        closed = true;
        context.Pool.Dispose();
    }
}
