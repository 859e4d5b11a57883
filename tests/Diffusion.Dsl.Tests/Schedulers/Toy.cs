using Diffusion.Dsl.Generators;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Tests.Schedulers;

/// <summary>Schedulers for properties, and models that know the answer.</summary>
internal static class Toy
{
    /// <summary>The classes that run any model trained on the usual betas, with nothing that isn't linear and nothing cut short.</summary>
    public static IEnumerable<Scheduler> Exchangeable() => SchedulerGenerators.ClassNames.Select(Plain);

    public static Scheduler Plain(string className) => SchedulerGenerators.Plain(className);

    public static bool IsStochastic(Timetable timetable) =>
        Enumerable.Range(0, timetable.Count).Any(i => timetable.NoiseFor(i) == NoiseNeed.Required);

    /// <summary>Runs with a model given as an estimate of x0, from a position on; gives the sample before each position and at the end.</summary>
    public static double[] Run(Timetable timetable, Func<double, NoiseLevel, double> denoiser, double start, Func<int, double>? noise = null) =>
        [.. ModelRun.Path(timetable, denoiser, start, noise ?? ModelRun.NoNoise)];
}
