using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>What there is to know about a scheduler before using it.</summary>
/// <param name="Name">Its name in the literature.</param>
/// <param name="ClassName">The name of diffusers' class, as in <c>scheduler_config.json</c>.</param>
/// <param name="Paper">Where it comes from.</param>
/// <param name="Order">The order of convergence that it can reach with its default options.</param>
/// <param name="Stochastic">Whether it uses noise with its default options.</param>
/// <param name="CallsPerStep">How many calls of the model make one step.</param>
/// <param name="Exchangeable">
/// Whether it runs any model that was trained on the usual betas, so that it can take the place of another one that does.
/// </param>
public sealed record SchedulerInfo(
    string Name, string ClassName, string Paper, int Order, bool Stochastic, int CallsPerStep, bool Exchangeable)
{
    /// <summary>The schedulers that can take this one's place with its configuration, itself included.</summary>
    public ImmutableArray<string> CompatibleWith => Exchangeable
        ? [.. Schedulers.All.Where(other => other.Exchangeable).Select(other => other.ClassName)]
        : [ClassName];

    /// <summary>The scheduler with its default options.</summary>
    /// <returns>The scheduler.</returns>
    public Scheduler Create() => Schedulers.Create(SchedulerConfig.Default(ClassName));
}
