using System.Collections.Immutable;
using Diffusion.Core.Randomness;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Samples.SchedulerPlots;

/// <summary>A point of a curve.</summary>
internal readonly record struct Spot(double X, double Y);

/// <summary>What one scheduler does in a run: when, how noisy, and where it leads some samples.</summary>
internal sealed record Course(SchedulerInfo Info, ImmutableArray<Spot> Sigmas, ImmutableArray<Spot> Timesteps, ImmutableArray<ImmutableArray<Spot>> Paths)
{
    // Quantiles of the noise that the paths begin with: evenly spread chances.
    private static readonly ImmutableArray<double> Starts = [-1.645, -1.036, -0.674, -0.385, -0.126, 0.126, 0.385, 0.674, 1.036, 1.645];

    /// <summary>Runs a scheduler with the exact denoiser of a mixture, on the betas of Stable Diffusion.</summary>
    public static Course Of(SchedulerInfo info, int steps, Mixture data, ulong seed)
    {
        var timetable = SchedulerOf(info).Timetable(steps);
        int[] whole = [.. Enumerable.Range(0, timetable.Count).Where(i => i % timetable.Order == 0)];
        return new(
            info,
            [.. whole.Select(i => new Spot(Along(timetable, i), timetable.NoiseLevels[i].Sigma / timetable.NoiseLevels[i].Signal))],
            [.. whole.Select(i => new Spot(Along(timetable, i), timetable.Timesteps[i]))],
            [.. Starts.Select((start, path) => Walk(timetable, data, start, NoiseSource.FromSeed(seed + (ulong)path)))]);
    }

    private static ImmutableArray<Spot> Walk(Timetable timetable, Mixture data, double start, NoiseSource noise)
    {
        var solver = timetable.Over(SampleAlgebra.Double);
        var (state, x) = (solver.Start, start * timetable.InitNoiseSigma);
        var path = ImmutableArray.CreateBuilder<Spot>();
        for (int i = 0; i < timetable.Count; i++)
        {
            var at = LevelAt(timetable, i);
            if (i % timetable.Order == 0)
                path.Add(new(Along(timetable, i), x / Math.Sqrt(at.Signal * at.Signal + at.Sigma * at.Sigma)));
            double epsilon = (x - at.Signal * data.Denoise(x, at)) / at.Sigma;
            double[] drawn = timetable.NoiseFor(i) == NoiseNeed.Required ? [.. noise.Randn([timetable.NoiseCount(i)]).Select(value => (double)value)] : [];
            var result = solver.Step(state, i, epsilon, x, drawn);
            (state, x) = (result.State, result.Sample);
        }

        path.Add(new(1, x));
        return path.ToImmutable();
    }

    // What the model sees at the second call of a midpoint method lies between two levels of the timetable; the input's scale tells which.
    private static NoiseLevel LevelAt(Timetable timetable, int index)
    {
        if (timetable.InputScales.IsEmpty)
            return timetable.NoiseLevels[index];
        double scale = timetable.InputScale(index);
        return new(1, Math.Sqrt(Math.Max(0, 1 / (scale * scale) - 1)));
    }

    private static Scheduler SchedulerOf(SchedulerInfo info)
    {
        var config = SchedulerConfig.Default(info.ClassName).WithBetaStart(0.00085).WithBetaEnd(0.012).WithBetaSchedule("scaled_linear");
        if (config.Knows("clip_sample"))
            config = config.WithClipSample(false);
        if (config.Knows("skip_prk_steps"))
            config = config.WithSkipPrkSteps(true);
        return Diffusion.Dsl.Schedulers.Schedulers.Create(config);
    }

    private static double Along(Timetable timetable, int index) => (double)index / timetable.Count;
}
