using Diffusion.Kernels.Gpu;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Diffusion.Kernels;

/// <summary>A GPU by its driver alone, through ILGPU: CUDA or OpenCL. All work is on one stream, in order.</summary>
public sealed class GpuBackend : IKernelBackend
{
    // Less than the card has: the driver, the screen and other programs need some.
    private const double UsableShare = 0.95;

    private readonly Accelerator accelerator;
    private readonly GpuArena arena;
    private readonly GpuContext context;
    private readonly GpuStaging staging;
    private readonly Lock gate = new();
    private volatile bool closed;

    private GpuBackend(string kind, Accelerator accelerator, bool gpuShaped, bool fastFloat32, IKernelLoader? loader = null)
    {
        this.accelerator = accelerator;
        long memory = (long)(accelerator.MemorySize * UsableShare);
        Info = new DeviceInfo(kind, accelerator.Name.Trim(), memory, accelerator.NumMultiprocessors);
        arena = new GpuArena(accelerator, Info.Name, memory);
        bool processor = !gpuShaped && accelerator.Device is CLDevice cl && cl.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_CPU);
        context = new GpuContext(this, accelerator, arena, new KernelCache(accelerator, loader))
        {
            IsProcessor = processor,
            HasTensorCores = loader is not null || (accelerator is CudaAccelerator cuda && cuda.Architecture >= CudaArchitecture.SM_80),
            FastFloat32 = fastFloat32,
        };
        staging = new GpuStaging(accelerator);
    }

    /// <inheritdoc/>
    public DeviceInfo Info { get; }

    /// <summary>Kernels compiled so far; a steady loop compiles none.</summary>
    public int CompiledKernels => context.Kernels.Count;

    /// <summary>What the kernels share; for tests and tools.</summary>
    internal GpuContext Context => context;

    /// <summary>Opens a device.</summary>
    /// <param name="kind"><c>cuda</c> or <c>opencl</c>.</param>
    /// <param name="index">Its number among the devices of that kind, as <see cref="GpuDevices.Find"/> lists them.</param>
    /// <param name="fastFloat32">
    /// Lets float32 matrix products round their operands to 10 bits of fraction (tf32) where the device has tensor cores: about three times as
    /// fast, at an error of 1e-3 of the terms. Otherwise, and for convolutions that ask to be exact, products keep float32's accuracy.
    /// </param>
    /// <exception cref="NotSupportedException">There is no such device, or it can't be used; the message says why.</exception>
    public static GpuBackend Open(string kind, int index = 0, bool fastFloat32 = false)
    {
        ArgumentNullException.ThrowIfNull(kind);
        var device = GpuDevices.Open(kind, index);
        return new GpuBackend(kind, device.CreateAccelerator(GpuDevices.Context), gpuShaped: false, fastFloat32);
    }

    /// <summary>A device that runs the tiles meant for GPUs even if it is a processor, so that tests reach them.</summary>
    internal static GpuBackend OpenGpuShaped(string kind, int index = 0) =>
        new(kind, GpuDevices.Open(kind, index).CreateAccelerator(GpuDevices.Context), gpuShaped: true, fastFloat32: false);

    /// <summary>A CUDA device whose kernels run elsewhere, so that tests reach them without one; the accelerator gives memory only.</summary>
    internal static GpuBackend Emulate(Accelerator memory, IKernelLoader loader) => new("cuda", memory, gpuShaped: true, fastFloat32: false, loader);

    /// <inheritdoc/>
    public DeviceBuffer Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ObjectDisposedException.ThrowIf(closed, this);
        var (block, release) = arena.Allocate(bytes);
        return new DeviceBuffer(this, bytes, 0, block, release);
    }

    /// <inheritdoc/>
    public unsafe DeviceBuffer Map(nint address, long bytes, object owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        if (address == 0 && bytes > 0)
            throw new ArgumentException($"Map: the address is 0 for {bytes} bytes.", nameof(address));
        var buffer = Allocate(bytes);
        const int piece = 1 << 30;
        for (long at = 0; at < bytes; at += piece)
            Upload(new ReadOnlySpan<byte>((byte*)address + at, (int)Math.Min(piece, bytes - at)), new BufferSlice(buffer, at));
        GC.KeepAlive(owner);
        return buffer;
    }

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<byte> source, BufferSlice target)
    {
        LaunchGuard.Check(this, target, source.Length, "Upload");
        ObjectDisposedException.ThrowIf(closed, this);
        if (source.IsEmpty)
            return;
        lock (gate)
            staging.Upload(source, Bytes(target, source.Length));
    }

    /// <inheritdoc/>
    public void Download(BufferSlice source, Span<byte> target)
    {
        LaunchGuard.Check(this, source, target.Length, "Download");
        ObjectDisposedException.ThrowIf(closed, this);
        if (target.IsEmpty)
            return;
        lock (gate)
            Bytes(source, target.Length).CopyToCPU(accelerator.DefaultStream, target);
    }

    /// <inheritdoc/>
    public PreparedKernel Prepare(KernelSpec spec)
    {
        ObjectDisposedException.ThrowIf(closed, this);
        LaunchGuard.Validate(spec);
        lock (gate)
            return LaunchGuard.Guard(this, GpuKernels.Prepare(context, spec));
    }

    /// <summary>
    /// Compiles ahead the kernels that pictures need, always in the same order; some seconds the first time on a machine, less once the driver
    /// keeps them on disk.
    /// </summary>
    /// <param name="type">How weights and activations will be stored: Float32, Float16 or BFloat16.</param>
    /// <exception cref="NotSupportedException">Another type.</exception>
    public void WarmUp(ElementType type = ElementType.Float32)
    {
        if (type is not (ElementType.Float32 or ElementType.Float16 or ElementType.BFloat16))
            throw new NotSupportedException($"WarmUp: models aren't computed in {type}; use Float32, Float16 or BFloat16.");
        foreach (var spec in GpuWarmUp.Specs(type))
            Prepare(spec);
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
        ObjectDisposedException.ThrowIf(closed, this);
        accelerator.DefaultStream.Synchronize();
    }

    /// <summary>
    /// Waits for what was launched and frees all device memory. Tensors that are still there can't be read any more; disposing
    /// them afterwards is harmless.
    /// </summary>
    public void Dispose()
    {
        if (closed)
            return;
        lock (gate)
        {
            if (closed)
                return;
            accelerator.DefaultStream.Synchronize();
            closed = true;
            staging.Dispose();
            arena.Close();
            accelerator.Dispose();
        }
    }

    private static ArrayView<byte> Bytes(BufferSlice slice, int length)
    {
        var block = (GpuBlock)slice.Buffer.Native!;
        return block.Slab.Cast<byte>().SubView(block.ByteOffset + slice.ByteOffset, length);
    }
}
