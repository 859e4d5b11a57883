using Diffusion.Core.Devices;

namespace Diffusion.Core.Tensors.Planning;

internal sealed class PlanCache(Device device)
{
    public Device Device { get; } = device;
    public int Count { get; }

    public PlanReport Explain(Tensor[] roots) => throw new NotSupportedException("in work");

    public void Run(Tensor[] roots, CancellationToken cancel) => throw new NotSupportedException("in work");
}
