using Diffusion.Core.Tensors;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Denoising;

/// <summary>
/// The tensors that a run has made and nobody else has seen: freed as soon as the present step doesn't need them any more, instead of
/// when they are collected, so that a long run holds a few samples and a cancelled one none.
/// </summary>
internal sealed class LiveTensors
{
    private readonly HashSet<Tensor> made = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Tensor> latest = new(ReferenceEqualityComparer.Instance);

    /// <summary>Begins a step: what was made before it may be freed once it is over.</summary>
    public void Begin() => latest.Clear();

    public void Add(params ReadOnlySpan<Tensor[]> tensors)
    {
        foreach (var group in tensors)
        {
            made.UnionWith(group);
            latest.UnionWith(group);
        }
    }

    /// <summary>Frees what neither a step nor its estimate of the original needs.</summary>
    public void FreeAllBut(Step step, Step previous, Step start)
    {
        // What an own scheduler remembers can't be looked into: it may be any of these tensors.
        if (step.State.Memory is not null)
            return;
        var needed = Needed(start, previous, step);
        needed.UnionWith(latest);
        Free(needed);
    }

    /// <summary>Frees everything but what these steps hold.</summary>
    public void FreeAllBut(params Step[] steps) => Free(Needed(steps));

    /// <summary>Frees everything but one tensor.</summary>
    public void FreeAllButSample(Tensor sample) => Free(new HashSet<Tensor>(ReferenceEqualityComparer.Instance) { sample });

    /// <summary>Frees everything.</summary>
    public void FreeAll() => Free([]);

    private static HashSet<Tensor> Needed(params Step[] steps) =>
        new(steps.SelectMany(step => step.State.Tensors().Append(step.Sample)), ReferenceEqualityComparer.Instance);

    private void Free(HashSet<Tensor> needed)
    {
        foreach (var tensor in made.Where(tensor => !needed.Contains(tensor)).ToArray())
        {
            tensor.Dispose();
            made.Remove(tensor);
        }
    }
}

/// <summary>What a scheduler's memory is made of.</summary>
internal static class SchedulerStateTensors
{
    public static IEnumerable<Tensor> Tensors(this SchedulerState state) =>
        state.Outputs.Concat(state.Held).SelectMany(sample => sample.Leaves).OfType<Tensor>();
}
