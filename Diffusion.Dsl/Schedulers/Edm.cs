using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// The schedulers for models with the preconditioning of Karras et al. (arXiv:2206.00364, section 5): the model is told log sigma / 4, sees
/// the sample scaled to unit variance, and its output is mixed with the sample. Euler's method (algorithm 2), and DPM-Solver++ multistep.
/// </summary>
internal static class Edm
{
    public static Timetable Euler(SchedulerConfig config, TimetableOptions options)
    {
        var timetable = Timetable(config, options, finalSigma: 0);
        var sigmas = timetable.Sigmas;
        double Gamma(int i) => options.STmin <= sigmas[i] && sigmas[i] <= options.STmax
            ? Math.Min(options.SChurn / timetable.Count, Math.Sqrt(2) - 1)
            : 0;
        return timetable with
        {
            NoiseFor = i => Gamma(i) > 0 ? NoiseNeed.Required : NoiseNeed.Unused,
            StepFunction = input =>
            {
                double sigma = sigmas[input.Index], gamma = Gamma(input.Index), hat = sigma * (gamma + 1);
                var sample = gamma > 0
                    ? input.Sample + options.SNoise * Math.Sqrt(hat * hat - sigma * sigma) * input.Noise
                    : input.Sample;
                var original = Denoised(config, input.Output, sample, hat);
                return new(input.State.Next(), sample + (sigmas[input.Index + 1] - hat) / hat * (sample - original), original);
            },
        };
    }

    public static Timetable Multistep(SchedulerConfig config, TimetableOptions options)
    {
        var solver = DpmSolver.From(config) with { Level = sigma => new(1, sigma) };
        if (solver.Stochastic && config.SolverOrder > 2)
            throw new NotSupportedException($"{config.ClassName}: {solver.Algorithm} has the orders 1 and 2; set solver_order to 2.");
        double final = config.FinalSigmasType == "zero" ? 0 : config.SigmaMin;
        var timetable = Timetable(config, options, final);
        return DpmSolverMultistep.Steps(config, solver, timetable, final == 0, input =>
        {
            var original = Prediction.Limit(config, Denoised(config, input.Output, input.Sample, timetable.Sigmas[input.Index]));
            return (original, original);
        });
    }

    /// <summary>The estimate of the noise-free sample: equation 7 of the paper.</summary>
    private static Sample Denoised(SchedulerConfig config, Sample output, Sample sample, double sigma)
    {
        double data = config.SigmaData, variance = sigma * sigma + data * data;
        double skip = data * data / variance, gain = sigma * data / Math.Sqrt(variance);
        return skip * sample + (config.PredictionType == "epsilon" ? gain : -gain) * output;
    }

    private static Timetable Timetable(SchedulerConfig config, TimetableOptions options, double finalSigma)
    {
        Spacing.NoCustom(config, options);
        config.Validate();
        double data = config.SigmaData;
        var sigmas = SigmaScale.Round([.. SigmaSpacing.Karras(config.SigmaMin, config.SigmaMax, options.Steps, config.Rho), finalSigma]);
        var own = sigmas[..^1];
        ImmutableArray<double> timesteps = [.. own.Select(sigma => 0.25 * Math.Log(sigma))];
        return new()
        {
            Scheduler = config.ClassName,
            Timesteps = timesteps,
            Steps = options.Steps,
            Sigmas = sigmas,
            InputScales = [.. own.Select(sigma => 1 / Math.Sqrt(sigma * sigma + data * data))],
            NoiseLevels = [.. own.Select(sigma => new NoiseLevel(1, sigma))],
            NoiseLevelAt = t => new(1, Math.Exp(4 * t)),
            InitNoiseSigma = Math.Sqrt(config.SigmaMax * config.SigmaMax + 1),
            StepFunction = _ => throw new InvalidOperationException($"{config.ClassName} has no step."),
        };
    }
}
