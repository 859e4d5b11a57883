using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// SA-Solver (Xue et al., arXiv:2309.05019): a stochastic Adams predictor and corrector of order up to 4. How random the process is may
/// change with the timestep (tau, 0 for not at all).
/// </summary>
internal static class SaSolver
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        if (config.Json("tau_func") != "null")
            throw new NotSupportedException($"{config.ClassName}: a function can't stand in a configuration; pass tau with TimetableOptions.WithTau.");
        var schedule = NoiseSchedule.From(config);
        var (timesteps, spaced) = UniPc.Sigmas(config, schedule, options.Steps);
        var sigmas = SigmaScale.Round(spaced);
        bool data = config.AlgorithmType == "data_prediction";
        int kept = Math.Max(config.PredictorOrder, config.CorrectorOrder - 1);
        int Left(int index) => config.LowerOrderFinal ? timesteps.Length - index : int.MaxValue - 1;
        double Tau(int index) => options.Tau(timesteps[index]);

        return LambdaScale.Timetable(config, schedule, options.Steps, timesteps, sigmas) with
        {
            NoiseLevels = [.. timesteps.Select(t => NoiseLevel.FromAlphaBar(schedule.AlphaBar(t)))],
            NoiseLevelAt = t => NoiseLevel.FromAlphaBar(schedule.AlphaBar(t)),
            NoiseFor = i => Tau(i) > 0 ? NoiseNeed.Required : NoiseNeed.Unused,
            StepFunction = input =>
            {
                int i = input.Index;
                var state = input.State;
                var (original, converted) = Convert(config, schedule, input, sigmas[i], timesteps[i]);
                var sample = input.Sample;
                if (i > 0 && state.Count > 0)
                {
                    // Nodes: the sigma just reached, with the output there, and those before it.
                    int order = Math.Min(Math.Min(config.CorrectorOrder, Left(i - 1) + 1), state.Count + 1);
                    var step = new Adams(sigmas, i - 1, Tau(i - 1), data);
                    sample = step.Update(state.Held[0], [.. state.Outputs, converted], order, corrector: true);
                    if (step.Noise > 0) sample += step.Noise * state.Held[1];
                }

                var next = state.Next(converted, kept);
                var predictor = new Adams(sigmas, i, Tau(i), data);
                int predictorOrder = Math.Min(Math.Min(config.PredictorOrder, Left(i)), state.Count + 1);
                var mean = predictor.Update(sample, next.Outputs, predictorOrder, corrector: false);
                return predictor.Noise > 0
                    ? new(next with { Held = [sample, input.Noise] }, mean + predictor.Noise * input.Noise, original) { Mean = mean }
                    : new(next with { Held = [sample] }, mean, original);
            },
        };
    }

    private static (Sample Original, Sample Converted) Convert(
        SchedulerConfig config, NoiseSchedule schedule, StepInput input, double sigma, double timestep)
    {
        var at = NoiseLevel.FromSigma(sigma);
        bool learned = config.PredictionType == "epsilon" && config.VarianceType is "learned" or "learned_range";
        var output = learned ? input.Output.SplitChannels(input.Sample).Mean : input.Output;
        if (config.AlgorithmType == "data_prediction")
        {
            var original = Prediction.Limit(config, Prediction.Original(config.PredictionType, output, input.Sample, at));
            return (original, original);
        }

        var noise = Prediction.Noise(config.PredictionType, output, input.Sample, at);
        if (!config.Thresholding) return (Prediction.Original(config.PredictionType, output, input.Sample, at), noise);

        // The reference thresholds at the level of the whole timestep, not of sigma.
        var level = NoiseLevel.FromAlphaBar(schedule.AlphaBar(timestep));
        var limited = Prediction.Limit(config, (input.Sample - level.Sigma * noise) / level.Signal);
        return (limited, (input.Sample - level.Signal * limited) / level.Sigma);
    }

    /// <summary>One update from a sigma to the next: equations 14 and 17 of the paper.</summary>
    private sealed record Adams(ImmutableArray<double> Sigmas, int From, double Tau, bool Data)
    {
        private double H => LambdaScale.Lambda(Sigmas[From + 1]) - LambdaScale.Lambda(Sigmas[From]);

        private NoiseLevel To => NoiseLevel.FromSigma(Sigmas[From + 1]);

        private double A => 1 + Tau * Tau;

        /// <summary>The factor of the noise.</summary>
        public double Noise => Data
            ? To.Sigma * Math.Sqrt(1 - Math.Exp(-2 * Tau * Tau * H))
            : Tau * To.Sigma * Math.Sqrt(Math.Exp(2 * H) - 1);

        public Sample Update(Sample sample, ImmutableArray<Sample> outputs, int order, bool corrector)
        {
            int newest = corrector ? From + 1 : From;
            double arrival = LambdaScale.Lambda(Sigmas[From + 1]), rate = Data ? A : -1;
            double[] nodes = [.. Enumerable.Range(0, order).Select(k => LambdaScale.Lambda(Sigmas[newest - k]) - arrival)];
            double[] weights = [.. Enumerable.Range(0, order).Select(k => ExponentialIntegral.OfLagrange(nodes, k, H, rate))];
            if (Data && order == 2)
            {
                // A change of the order of the error, as in UniPC, that helps when steps are few.
                double change = H * H / 2 - (A * H - 1 + Math.Exp(-A * H)) / (A * A);
                change /= corrector ? H : nodes[0] - nodes[1];
                weights[0] += change;
                weights[1] -= change;
            }

            var from = NoiseLevel.FromSigma(Sigmas[From]);
            double keep = Data ? Math.Exp(-Tau * Tau * H) * To.Sigma / from.Sigma : To.Signal / from.Signal;
            double gain = Data ? A * To.Signal : -A * To.Sigma;
            return weights.Select((weight, k) => gain * weight * outputs[^(k + 1)]).Aggregate(keep * sample, (sum, term) => sum + term);
        }
    }
}
