namespace Diffusion.Kernels;

/// <summary>How a <see cref="CpuBackend"/> uses the machine.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads that run a kernel, the caller included; ≥ 1. Default: one a core that the process may use.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>What memory for packed weights is worth.</summary>
    public WeightBudget Weights { get; init; } = WeightBudget.Balanced;

    /// <summary>Other threads.</summary>
    public CpuOptions WithThreads(int threads) => this with { Threads = threads };

    /// <summary>Another budget for packed weights.</summary>
    public CpuOptions WithWeights(WeightBudget weights) => this with { Weights = weights };
}
