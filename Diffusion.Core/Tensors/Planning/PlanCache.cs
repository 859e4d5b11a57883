using Diffusion.Core.Devices;

namespace Diffusion.Core.Tensors.Planning;

/// <summary>Plans by the structure of the graph: the second step of a loop plans nothing. Used under the device's lock.</summary>
internal sealed class PlanCache(Device device)
{
    // Plans hold no tensors and little memory; a bound keeps a program that never repeats a graph from growing.
    private const int Capacity = 512;

    private readonly Dictionary<int, List<Plan>> plans = [];
    private readonly GraphCapture capture = new();
    private readonly PlanScratch scratch = new();
    private int kept;

    /// <summary>How many plans were made.</summary>
    public int Count { get; private set; }

    /// <summary>The report of the plan for these tensors.</summary>
    public PlanReport Explain(Tensor[] roots)
    {
        try
        {
            capture.Read(roots);
            return Find(roots).Report;
        }
        finally
        {
            capture.Clear();
        }
    }

    /// <summary>Computes the tensors.</summary>
    public void Run(Tensor[] roots, CancellationToken cancel)
    {
        try
        {
            capture.Read(roots);
            Find(roots).Run(device, capture, roots, scratch, cancel);
        }
        finally
        {
            capture.Clear();
        }
    }

    private Plan Find(Tensor[] roots)
    {
        if (plans.TryGetValue(capture.Hash, out var candidates))
        {
            foreach (var candidate in candidates)
            {
                if (capture.Matches(candidate.Key))
                    return candidate;
            }
        }
        if (kept >= Capacity)
        {
            plans.Clear();
            kept = 0;
        }
        var plan = PlanBuilder.Build(device.Backend, capture, roots);
        if (!plans.TryGetValue(capture.Hash, out candidates))
            plans.Add(capture.Hash, candidates = []);
        candidates.Add(plan);
        kept++;
        Count++;
        return plan;
    }
}
