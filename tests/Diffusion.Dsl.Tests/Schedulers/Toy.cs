using Diffusion.Dsl.Schedulers;
using Scheduling = Diffusion.Dsl.Schedulers.Schedulers;

namespace Diffusion.Dsl.Tests.Schedulers;

/// <summary>
/// Data that are normally distributed, N(Mean, Deviation²), for which everything is known in closed form: the best denoiser, the path of the
/// probability-flow ODE, the distribution at each noise level.
/// </summary>
internal sealed record Gaussian(double Mean, double Deviation)
{
    /// <summary>The standard deviation of the noisy samples at a level.</summary>
    public double Spread(NoiseLevel at) => Math.Sqrt(at.Signal * at.Signal * Deviation * Deviation + at.Sigma * at.Sigma);

    /// <summary>E[x0 | x].</summary>
    public double Denoise(double x, NoiseLevel at)
    {
        double variance = Spread(at) * Spread(at);
        return Mean + at.Signal * Deviation * Deviation / variance * (x - at.Signal * Mean);
    }

    /// <summary>Where the ODE that starts in x at one level is at another.</summary>
    public double Flow(double x, NoiseLevel from, NoiseLevel to) =>
        to.Signal * Mean + Spread(to) / Spread(from) * (x - from.Signal * Mean);
}

/// <summary>Schedulers for properties, and models that know the answer.</summary>
internal static class Toy
{
    /// <summary>The classes that run any model trained on the usual betas, with nothing that isn't linear and nothing cut short.</summary>
    public static IEnumerable<Scheduler> Exchangeable() => Scheduling.All.Where(info => info.Exchangeable).Select(info => Plain(info.ClassName));

    public static Scheduler Plain(string className)
    {
        var config = SchedulerConfig.Default(className).WithBetaStart(0.00085).WithBetaEnd(0.012).WithBetaSchedule("scaled_linear");
        if (config.Knows("clip_sample")) config = config.WithClipSample(false);
        if (config.Knows("skip_prk_steps")) config = config.WithSkipPrkSteps(true);
        return Scheduling.Create(config);
    }

    public static bool IsStochastic(Timetable timetable) =>
        Enumerable.Range(0, timetable.Count).Any(i => timetable.NoiseFor(i) == NoiseNeed.Required);

    /// <summary>The noise level of the sample that the model sees at a call: between two steps for the second call of the midpoint methods.</summary>
    public static NoiseLevel LevelAt(Timetable timetable, int index)
    {
        var level = timetable.NoiseLevels[index];
        if (timetable.InputScales.IsEmpty) return level;
        double scale = timetable.InputScale(index);
        return new(1, Math.Sqrt(Math.Max(0, 1 / (scale * scale) - 1)));
    }

    /// <summary>What an epsilon model says that takes x0 for the answer.</summary>
    public static double Epsilon(double x, double x0, NoiseLevel at) => (x - at.Signal * x0) / at.Sigma;

    /// <summary>Runs with a model given as an estimate of x0, from a position on; gives the sample before each position and at the end.</summary>
    public static double[] Run(Timetable timetable, Func<double, NoiseLevel, double> denoiser, double start, Func<int, double>? noise = null)
    {
        var solver = timetable.Over(SampleAlgebra.Double);
        var (state, x) = (solver.Start, start);
        var path = new List<double> { x };
        for (int i = timetable.Begin; i < timetable.Count; i++)
        {
            var at = LevelAt(timetable, i);
            var result = solver.Step(state, i, Epsilon(x, denoiser(x, at), at), x, noise?.Invoke(i) ?? 0);
            (state, x) = (result.State, result.Sample);
            path.Add(x);
        }

        return [.. path];
    }
}
