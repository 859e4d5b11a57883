namespace Diffusion.Kernels.Cpu;

/// <summary>What the CPU kernels share: the workers, and what memory is worth.</summary>
internal sealed class CpuContext(WorkerPool pool, WeightBudget weights)
{
    /// <summary>The workers that run tasks.</summary>
    public WorkerPool Pool { get; } = pool;

    /// <summary>What memory for packed weights is worth.</summary>
    public WeightBudget Weights { get; } = weights;

    /// <summary>The algorithm of all convolutions that allow it, for tests and measurements.</summary>
    public ConvolutionAlgorithm? Forced { get; init; }

    /// <summary>How many threads run a kernel, the caller included.</summary>
    public int Threads => Pool.Threads;
}
