namespace Diffusion.Kernels.Cpu;

/// <summary>What the CPU kernels share: the workers.</summary>
internal sealed class CpuContext(WorkerPool pool)
{
    /// <summary>The workers that run tasks.</summary>
    public WorkerPool Pool { get; } = pool;

    /// <summary>How many threads run a kernel, the caller included.</summary>
    public int Threads => Pool.Threads;
}
