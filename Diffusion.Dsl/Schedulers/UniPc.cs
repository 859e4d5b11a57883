using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// UniPC (Zhao et al., arXiv:2302.04867): a multistep predictor, and a corrector that uses the next call of the model a second time, so
/// that it costs nothing.
/// </summary>
internal static class UniPc
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        var schedule = NoiseSchedule.From(config);
        var (timesteps, spaced) = Sigmas(config, schedule, options.Steps);
        var sigmas = SigmaScale.Round(spaced);
        var disabled = config.DisableCorrector;
        int Order(int index, int count) => Math.Min(
            config.LowerOrderFinal ? Math.Min(config.SolverOrder, timesteps.Length - index) : config.SolverOrder, count + 1);

        return LambdaScale.Timetable(config, schedule, options.Steps, timesteps, sigmas) with
        {
            StepFunction = input =>
            {
                int i = input.Index;
                var state = input.State;
                var (original, converted) = Convert(config, input, NoiseLevel.FromSigma(sigmas[i]));
                var corrected = input.Sample;
                if (i > 0 && state.Count > 0 && !disabled.Contains(i - 1))
                {
                    int corrector = Order(i - 1, state.Count - 1);
                    corrected = new Update(config, sigmas, i - 1, state.Outputs).Correct(state.Held[0], converted, corrector);
                }

                var next = state.Next(converted, config.SolverOrder) with { Held = [corrected] };
                var predicted = new Update(config, sigmas, i, next.Outputs).Predict(corrected, Order(i, state.Count));
                return new(next, predicted, original);
            },
        };
    }

    private static (Sample Original, Sample Converted) Convert(SchedulerConfig config, StepInput input, NoiseLevel at)
    {
        var original = Prediction.Original(config.PredictionType, input.Output, input.Sample, at);
        if (!config.PredictX0) return (original, Prediction.Noise(config.PredictionType, input.Output, input.Sample, at));
        original = Prediction.Limit(config, original);
        return (original, original);
    }

    /// <summary>The sigmas end at that of timestep 0; Karras sigmas stay where they are for the last step.</summary>
    internal static (ImmutableArray<double> Timesteps, ImmutableArray<double> Sigmas) Sigmas(
        SchedulerConfig config, NoiseSchedule schedule, int steps)
    {
        if (config.UseKarrasSigmas)
        {
            var (karras, sigmas) = LambdaScale.Karras(schedule, steps);
            return (karras, [.. sigmas, sigmas[^1]]);
        }

        var timesteps = Spacing.Whole(
            config, steps, extra: 1, config.Knows("lambda_min_clipped") ? LambdaScale.LastTimestep(config, schedule) : 0);
        return (timesteps, [.. timesteps.Select(schedule.SigmaAt), schedule.Sigmas[0]]);
    }

    /// <summary>The update from one sigma to the next (algorithms 5 to 8 of the paper).</summary>
    /// <param name="Config">Says what is solved for, and which B(h) is used.</param>
    /// <param name="Sigmas">The sigmas of the run.</param>
    /// <param name="From">The position of the sigma to start from.</param>
    /// <param name="Outputs">The converted outputs up to that position, oldest first.</param>
    private sealed record Update(SchedulerConfig Config, ImmutableArray<double> Sigmas, int From, ImmutableArray<Sample> Outputs)
    {
        private double LambdaFrom => LambdaScale.Lambda(Sigmas[From]);

        private double H => LambdaScale.Lambda(Sigmas[From + 1]) - LambdaFrom;

        // The signed step: towards the noise-free sample the exponential decays.
        private double SignedH => Config.PredictX0 ? -H : H;

        private double B => Config.SolverType == "bh1" ? SignedH : ExpM1(SignedH);

        public Sample Predict(Sample sample, int order)
        {
            var (r, b) = System(order);
            var rho = order switch
            {
                1 => [],
                2 => [0.5],
                _ => LinearSystem.Solve([.. r[..^1].Select(row => row[..^1])], b[..^1]),
            };
            return Combine(sample, Differences(order).Zip(rho, (d, weight) => weight * d));
        }

        public Sample Correct(Sample sample, Sample output, int order)
        {
            var (r, b) = System(order);
            var rho = order == 1 ? [0.5] : LinearSystem.Solve(r, b);
            return Combine(sample, Differences(order).Append(output - Outputs[^1]).Zip(rho, (d, weight) => weight * d));
        }

        private static double ExpM1(double x) =>
            Math.Abs(x) < 1e-5 ? x + x * x / 2 + x * x * x / 6 : Math.Exp(x) - 1;

        private Sample Combine(Sample sample, IEnumerable<Sample> corrections)
        {
            var (alpha, sigma) = NoiseLevel.FromSigma(Sigmas[From + 1]);
            var (alphaFrom, sigmaFrom) = NoiseLevel.FromSigma(Sigmas[From]);
            double keep = Config.PredictX0 ? sigma / sigmaFrom : alpha / alphaFrom, gain = Config.PredictX0 ? alpha : sigma;
            var next = keep * sample - gain * ExpM1(SignedH) * Outputs[^1];
            return corrections.Aggregate(next, (sum, correction) => sum - gain * B * correction);
        }

        private double Ratio(int back) => (LambdaScale.Lambda(Sigmas[From - back]) - LambdaFrom) / H;

        private IEnumerable<Sample> Differences(int order) =>
            Enumerable.Range(1, order - 1).Select(back => (Outputs[^(back + 1)] - Outputs[^1]) / Ratio(back));

        // R rho = b, equation 11: R holds the powers of the ratios, b the moments of the exponential integral.
        private (double[][] R, double[] B) System(int order)
        {
            double[] ratios = [.. Enumerable.Range(1, order - 1).Select(Ratio), 1];
            var r = new double[order][];
            var b = new double[order];
            double phi = ExpM1(SignedH) / SignedH - 1, factorial = 1;
            for (int i = 0; i < order; i++)
            {
                r[i] = [.. ratios.Select(ratio => Math.Pow(ratio, i))];
                b[i] = phi * factorial / B;
                factorial *= i + 2;
                phi = phi / SignedH - 1 / factorial;
            }

            return (r, b);
        }
    }
}
