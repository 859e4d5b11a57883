using Diffusion.Core.Tensors;
using Diffusion.Core.Tensors.Planning;
using Diffusion.Kernels;

namespace Diffusion.Core.Devices;

/// <summary>
/// Where tensors live and are computed: a backend with its memory pool and its cache of plans. Realisations on one device
/// are ordered, one after another.
/// </summary>
public sealed partial class Device : IDisposable
{
    private static readonly Lazy<Device> DefaultCpu = new(() => new Device(CpuBackend.Create()));

    private readonly Lock gate = new();
    private readonly BufferPool pool;
    private readonly PlanCache plans;

    /// <summary>A device over a backend, which it then owns.</summary>
    public Device(IKernelBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        Backend = backend;
        pool = new BufferPool(backend);
        plans = new PlanCache(this);
    }

    /// <summary>The processor with SIMD kernels, all cores. Always there; shared by everybody, never disposed.</summary>
    public static Device Cpu => DefaultCpu.Value;

    /// <summary>
    /// The processor used in another way than <see cref="Cpu"/>: with fewer threads, or with less memory for packed weights
    /// (<see cref="WeightBudget.Lean"/>). Whoever made it disposes it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 1 thread.</exception>
    public static Device OnCpu(CpuOptions options) => new(CpuBackend.Create(options));

    /// <summary>The device's name, for people.</summary>
    public string Name => Backend.Info.Name;

    /// <summary>The device's memory and kernels.</summary>
    public IKernelBackend Backend { get; }

    /// <summary>Bytes that tensors and running plans hold now.</summary>
    public long LiveBytes => pool.LiveBytes;

    /// <summary>Most bytes that tensors and plans ever held at once.</summary>
    public long PeakBytes => pool.PeakBytes;

    /// <summary>Bytes kept for reuse; see <see cref="Trim"/>.</summary>
    public long FreeBytes => pool.FreeBytes;

    /// <summary>How many plans have been made; a steady loop makes none.</summary>
    public int PlanCount => plans.Count;

    /// <summary>Gives memory kept for reuse back to the system.</summary>
    public void Trim() => pool.Trim();

    /// <summary>Compiles a GPU's kernels ahead of their first use; the processor needs none of that.</summary>
    /// <param name="type">How weights and activations will be stored: Float32, Float16 or BFloat16.</param>
    /// <exception cref="NotSupportedException">Another type, on a GPU.</exception>
    public void WarmUp(ElementType type = ElementType.Float32)
    {
        if (Backend is GpuBackend gpu)
            gpu.WarmUp(type);
    }

    /// <summary>What computing these tensors would run: kernels, fusions, memory. Computes nothing.</summary>
    public PlanReport Explain(params Tensor[] tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        lock (gate)
            return plans.Explain(tensors);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (DefaultCpu.IsValueCreated && DefaultCpu.Value == this)
            return;
        lock (gate)
        {
            Forget(this);
            pool.Close();
            Backend.Dispose();
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    internal DeviceBuffer Allocate(long bytes) => pool.Rent(bytes);

    internal void Return(DeviceBuffer buffer) => pool.Return(buffer);

    internal void Run(Tensor[] roots, CancellationToken cancel)
    {
        lock (gate)
            plans.Run(roots, cancel);
    }
}
