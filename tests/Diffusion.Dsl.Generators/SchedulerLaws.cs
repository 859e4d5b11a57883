using System.Globalization;
using Diffusion.Dsl.Schedulers;
using FsCheck;
using FsCheck.Fluent;

namespace Diffusion.Dsl.Generators;

/// <summary>
/// What must hold for every scheduler, as functions to FsCheck properties. Give them to <c>Prop.ForAll</c> with
/// <see cref="SchedulerGenerators.Runs"/> of one's own scheduler, return them from a <c>[Property]</c>, or check all at once with
/// <see cref="CheckAll"/>.
/// </summary>
public static class SchedulerLaws
{
    /// <summary>
    /// Timesteps fall within the training timesteps, sigmas fall too, and every table has a value for each call. (The timesteps of an inverse
    /// scheduler rise, so it isn't for those.)
    /// </summary>
    /// <param name="run">The run.</param>
    /// <returns>The property.</returns>
    public static Property TimetableIsMonotone(SchedulerRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var timetable = run.Timetable;

        // With Karras sigmas KDPM2 rounds the timesteps of its steps to whole ones, but not those in the middle of two.
        bool timesteps = timetable.Timesteps.Zip(timetable.Timesteps.Skip(1)).All(pair => pair.Second <= pair.First + 0.5);
        bool range = timetable.Timesteps.All(t => t >= 0 && t <= run.Scheduler.Config.NumTrainTimesteps - 1);
        bool sigmas = timetable.Sigmas.Zip(timetable.Sigmas.Skip(1)).All(pair => pair.Second <= pair.First);
        bool lengths = timetable.Count >= timetable.Steps && timetable.NoiseLevels.Length == timetable.Count
            && (timetable.Sigmas.IsEmpty || timetable.Sigmas.Length > timetable.Count)
            && (timetable.InputScales.IsEmpty || timetable.InputScales.Length == timetable.Count);
        return (timesteps && range && sigmas && lengths).Label(
            !timesteps ? "the timesteps don't fall"
            : !range ? "a timestep is outside of the training timesteps"
            : !sigmas ? "the sigmas don't fall"
            : "a table doesn't have a value for each call");
    }

    /// <summary>A run that is resumed from any saved state, by another solver, ends exactly as the unbroken one: nothing is kept elsewhere.</summary>
    /// <param name="run">The run.</param>
    /// <returns>The property.</returns>
    public static Property SplitRunEqualsUnsplit(SchedulerRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var whole = run.Steps();
        int broken = Enumerable.Range(0, run.Timetable.Count)
            .FirstOrDefault(split => !whole[^1].Sample.SequenceEqual(run.StepsFrom(whole[split], split)[^1].Sample), -1);
        return (broken < 0).Label($"resumed at {broken} the run ends elsewhere");
    }

    /// <summary>
    /// The end is linear in the samples, outputs and noises together: it scales with them, and it is the sum of the ends of two runs whose sum
    /// they are. Runs that clip or threshold (<see cref="SchedulerRun.Limits"/>) are passed over.
    /// </summary>
    /// <param name="run">The run.</param>
    /// <returns>The property.</returns>
    public static Property LinearInTheSample(SchedulerRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (run.Limits) return true.When(false);
        var path = run.Steps();
        var end = path[^1].Sample;
        var scaled = run.Map((value, _) => -2.5 * value).Steps()[^1].Sample;
        var (even, odd) = (run.Map((value, i) => i % 2 == 0 ? value : 0).Steps(), run.Map((value, i) => i % 2 == 0 ? 0 : value).Steps());

        // Rounding is relative to what is on the way.
        double tolerance = 1e-9 * Math.Max(1, path.Concat(even).Concat(odd).SelectMany(step => step.Sample).Max(Math.Abs));
        bool scales = end.Zip(scaled).All(pair => Near(-2.5 * pair.First, pair.Second, tolerance));
        bool adds = end.Zip(even[^1].Sample, odd[^1].Sample).All(ends => Near(ends.First, ends.Second + ends.Third, tolerance));
        return (scales && adds).Label(scales
            ? $"the ends {Text(even[^1].Sample)} and {Text(odd[^1].Sample)} don't add up to {Text(end)}"
            : $"the end {Text(end)} doesn't scale: {Text(scaled)}");
    }

    /// <summary>A batch ends exactly as its items do alone.</summary>
    /// <param name="run">The run.</param>
    /// <returns>The property.</returns>
    public static Property BatchEqualsLoop(SchedulerRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var alone = Enumerable.Range(0, run.Batch).SelectMany(item => run.Item(item).Steps()[^1].Sample);
        return run.Steps()[^1].Sample.SequenceEqual(alone).Label("the batch is the loop over its items");
    }

    /// <summary>With noise added and predicted exactly, a step's estimate of x0 is the sample. Runs that clip or threshold are passed over.</summary>
    /// <param name="run">The run: its start is the sample, its noises are what is added at each step.</param>
    /// <returns>The property.</returns>
    public static Property ExactPredictionGivesTheSample(SchedulerRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (run.Limits) return true.When(false);
        var (timetable, config) = (run.Timetable, run.Scheduler.Config);
        var solver = timetable.Over(SampleAlgebra.Double);
        double x0 = run.Start[0] / timetable.InitNoiseSigma;
        var estimates = Enumerable.Range(0, timetable.Count).Where(i => i % timetable.Order == 0).Select(i =>
        {
            double noise = run.Noises[i][0], x = solver.AddNoise(x0, noise, i);
            double output = ModelRun.Output(config.PredictionType, x, x0, timetable.NoiseLevels[i]);
            double tolerance = 1e-9 * (1 + timetable.NoiseLevels[i].Sigma / timetable.NoiseLevels[i].Signal);
            return (Value: solver.Step(solver.Start, i, output, x, noise).PredictedOriginal, Tolerance: 1e-6 + tolerance);
        });
        return estimates.All(estimate => Near(x0, estimate.Value, estimate.Tolerance)).Label("the estimate is the sample");
    }

    /// <summary>One step from pure noise, with a model that knows the sample, ends in the sample.</summary>
    /// <param name="scheduler">The scheduler, whose model predicts epsilon; trailing spacing is chosen, so that the step is from the noisiest level.</param>
    /// <param name="x0">The sample.</param>
    /// <param name="noise">The noise.</param>
    /// <returns>The property.</returns>
    public static Property OnePerfectStepGivesTheSample(Scheduler scheduler, double x0, double noise)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        if (scheduler.Config.Knows("timestep_spacing")) scheduler = scheduler.With(config => config.WithTimestepSpacing("trailing"));
        var timetable = scheduler.Timetable(1);
        double end = ModelRun.Path(timetable, (_, _) => x0, noise * timetable.InitNoiseSigma, ModelRun.NoNoise)[^1];
        return Near(x0, end, 1e-6).Label(string.Create(CultureInfo.InvariantCulture, $"the step ended in {end} instead of {x0}"));
    }

    /// <summary>With the exact denoiser of <paramref name="data"/>, the error of the end falls with this power of the number of steps, or faster.</summary>
    /// <param name="scheduler">The deterministic scheduler, whose model predicts epsilon.</param>
    /// <param name="order">The order of convergence.</param>
    /// <param name="data">The data.</param>
    /// <returns>The property; it allows 0.3 for what is measured with a finite number of steps.</returns>
    public static Property ConvergesWithOrder(Scheduler scheduler, double order, GaussianData data)
    {
        double measured = MeasuredOrder(scheduler, data);
        return (measured > order - 0.3).Label(string.Create(
            CultureInfo.InvariantCulture, $"the error falls with the power {measured:F2} of the number of steps, expected {order}"));
    }

    /// <summary>The order of convergence with the exact denoiser of some data: the slope of log error over log steps, from 20 to 200 steps.</summary>
    /// <param name="scheduler">The deterministic scheduler, whose model predicts epsilon.</param>
    /// <param name="data">The data.</param>
    /// <returns>The order.</returns>
    public static double MeasuredOrder(Scheduler scheduler, GaussianData data)
    {
        double[] steps = [20, 40, 100, 200];
        double[] x = [.. steps.Select(n => Math.Log(n))], y = [.. steps.Select(n => Math.Log(ErrorOfFlow(scheduler, (int)n, data)))];
        double meanX = x.Average(), meanY = y.Average();
        return -x.Zip(y, (a, b) => (a - meanX) * (b - meanY)).Sum() / x.Sum(a => (a - meanX) * (a - meanX));
    }

    /// <summary>
    /// How far a run ends from the exact path of the probability-flow ODE. With Karras sigmas (chosen where there are any) the distances shrink
    /// everywhere alike as steps grow, and what is measured is where the last step begins: what that one does, to a sigma that no number of steps
    /// makes smaller, isn't a matter of order. Without them it is measured at timestep 200.
    /// </summary>
    /// <param name="scheduler">The deterministic scheduler, whose model predicts epsilon.</param>
    /// <param name="steps">The number of steps; one that reaches timestep 200, where there are no Karras sigmas.</param>
    /// <param name="data">The data.</param>
    /// <returns>The distance.</returns>
    public static double ErrorOfFlow(Scheduler scheduler, int steps, GaussianData data)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        ArgumentNullException.ThrowIfNull(data);
        bool karras = scheduler.Config.Knows("use_karras_sigmas");
        var timetable = (karras ? scheduler.With(config => config.WithUseKarrasSigmas(true)) : scheduler).Timetable(steps);
        int end = karras ? timetable.Count - 1 : timetable.Timesteps.LastIndexOf(200);
        if (end < 0)
            throw new ArgumentException($"{scheduler.Name} with {steps} steps doesn't come to timestep 200; choose a divisor of 1000 from 5 on.", nameof(steps));
        var (from, to) = (timetable.NoiseLevels[0], timetable.NoiseLevels[end]);
        double start = 1.1 * data.Spread(from);
        return Math.Abs(ModelRun.Path(timetable, data.Denoise, start, ModelRun.NoNoise)[end] - data.Flow(start, from, to));
    }

    /// <summary>With the exact denoiser of <paramref name="data"/>, the ends of runs from noise are distributed as the data.</summary>
    /// <param name="timetable">The timetable, of a scheduler whose model predicts epsilon.</param>
    /// <param name="data">The data.</param>
    /// <param name="tolerance">How far the mean and the deviation may be from the data's.</param>
    /// <returns>The property.</returns>
    public static Property EndsDistributedAsTheData(Timetable timetable, GaussianData data, double tolerance)
    {
        ArgumentNullException.ThrowIfNull(timetable);
        ArgumentNullException.ThrowIfNull(data);

        // With this denoiser the end is affine in the start and in each noise, which are independent: their factors give its variance.
        double Run(double start, int noisy) => ModelRun.Path(timetable, data.Denoise, start, i => i == noisy ? 1 : 0)[^1];
        double rest = Run(0, -1), variance = Math.Pow((Run(1, -1) - rest) * timetable.InitNoiseSigma, 2);
        for (int i = timetable.Begin; i < timetable.Count; i++) variance += Math.Pow(Run(0, i) - rest, 2);
        double deviation = Math.Sqrt(variance);
        return (Near(data.Mean, rest, tolerance) && Near(data.Deviation, deviation, tolerance)).Label(string.Create(
            CultureInfo.InvariantCulture, $"mean {rest} and deviation {deviation} instead of {data.Mean} and {data.Deviation}"));
    }

    /// <summary>Checks the laws about runs for a scheduler with varied options: the timetable, splitting, linearity, batches, exact predictions.</summary>
    /// <param name="scheduler">The scheduler.</param>
    /// <exception cref="Exception">FsCheck's, with the law's name and the run that breaks it.</exception>
    public static void CheckAll(Scheduler scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        var runs = SchedulerGenerators.Schedulers(scheduler).SelectMany(SchedulerGenerators.Runs).ToArbitrary();
        foreach (var law in new Func<SchedulerRun, Property>[]
        {
            TimetableIsMonotone, SplitRunEqualsUnsplit, LinearInTheSample, BatchEqualsLoop, ExactPredictionGivesTheSample,
        })
        {
            Prop.ForAll(runs, law).Label(law.Method.Name).Check(Config.QuickThrowOnFailure.WithMaxTest(50));
        }
    }

    private static string Text(IEnumerable<double> values) => string.Join(' ', values.Select(value => value.ToString(CultureInfo.InvariantCulture)));

    // Equal infinities aren't near: a run must stay finite.
    private static bool Near(double expected, double actual, double tolerance) => Math.Abs(expected - actual) <= tolerance;
}
