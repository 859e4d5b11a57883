using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>Multistep sampling of consistency models (Song et al., arXiv:2303.01469, algorithm 1), and the decoder trained as one (DALL-E 3).</summary>
internal static class ConsistencyModel
{
    private static readonly ImmutableArray<double> DecoderTimesteps = [1008, 512];

    public static Timetable Multistep(SchedulerConfig config, TimetableOptions options)
    {
        config.Validate();
        int train = config.NumTrainTimesteps;
        if (train < 2) throw config.Error("num_train_timesteps", "2 or more is expected");
        double data = config.SigmaData, least = config.SigmaMin;
        var positions = Positions(config, options);
        double rho = config.Rho, from = Math.Pow(config.SigmaMax, 1 / rho), to = Math.Pow(least, 1 / rho);
        ImmutableArray<double> exact = [.. positions.Select(i => Math.Pow(from + i / (train - 1) * (to - from), rho))];
        var sigmas = SigmaScale.Round([.. exact, least]);
        ImmutableArray<double> timesteps = [.. exact.Select(sigma => 250 * Math.Log(sigma + 1e-44))];
        double Noise(int index)
        {
            double next = Math.Clamp(index + 1 < train ? sigmas[index + 1] : sigmas[^1], least, config.SigmaMax);
            return config.SNoise * Math.Sqrt(Math.Max(0, next * next - least * least));
        }

        return new()
        {
            Scheduler = config.ClassName,
            Timesteps = timesteps,
            Steps = timesteps.Length,
            Sigmas = sigmas,
            InputScales = [.. sigmas[..^1].Select(sigma => 1 / Math.Sqrt(sigma * sigma + data * data))],
            NoiseLevels = [.. sigmas[..^1].Select(sigma => new NoiseLevel(1, sigma))],
            NoiseLevelAt = t => new(1, Math.Exp(t / 250)),
            InitNoiseSigma = config.SigmaMax,
            NoiseFor = i => timesteps.Length == 1 ? NoiseNeed.None : i == timesteps.Length - 1 ? NoiseNeed.Unused : NoiseNeed.Required,
            StepFunction = input =>
            {
                // At the least sigma the sample itself is the answer.
                double sigma = sigmas[input.Index], above = sigma - least;
                double skip = data * data / (above * above + data * data), gain = above * data / Math.Sqrt(sigma * sigma + data * data);
                var estimate = gain * input.Output + skip * input.Sample;
                var denoised = config.ClipDenoised ? estimate.Clamp(-1, 1) : estimate;
                bool noisy = input.Index < timesteps.Length - 1;
                return new(input.State.Next(), noisy ? denoised + Noise(input.Index) * input.Noise : denoised, denoised) { Mean = denoised };
            },
        };
    }

    public static Timetable Decoder(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        config.Validate();
        if (options.Steps != DecoderTimesteps.Length)
            throw new ArgumentException($"{config.ClassName}: the decoder has {DecoderTimesteps.Length} steps, not {options.Steps}.");
        if (config.NumTrainTimesteps <= DecoderTimesteps[0])
            throw config.Error("num_train_timesteps", $"more than {DecoderTimesteps[0]} is expected");
        var schedule = NoiseSchedule.FromBetas(
            NoiseSchedule.BetasForAlphaBar(config.NumTrainTimesteps, NoiseSchedule.CosineAlphaBar).Select(beta => (float)beta));
        double data = config.SigmaData;
        ImmutableArray<double> Table(Func<double, double, double> f) =>
            [.. schedule.AlphaBars.Select(a => f(Math.Sqrt(1 / a), Math.Sqrt((float)((float)(1 / a) - 1))))];
        var skip = Table((root, sigma) => root * data * data / (sigma * sigma + data * data));
        var gain = Table((_, sigma) => sigma * data / Math.Sqrt(sigma * sigma + data * data));
        var scale = Table((root, sigma) => root / Math.Sqrt(sigma * sigma + data * data));
        NoiseLevel At(double t) => NoiseLevel.FromAlphaBar(schedule.AlphaBar(t));
        return new()
        {
            Scheduler = config.ClassName,
            Timesteps = DecoderTimesteps,
            IntegerTimesteps = true,
            Steps = options.Steps,
            InputScales = [.. DecoderTimesteps.Select(t => scale[(int)t])],
            NoiseLevels = [.. DecoderTimesteps.Select(At)],
            NoiseLevelAt = At,
            InitNoiseSigma = At(DecoderTimesteps[0]).Sigma,
            Tables = new Dictionary<string, ImmutableArray<double>> { ["c_skip"] = skip, ["c_out"] = gain, ["c_in"] = scale }
                .ToImmutableSortedDictionary(StringComparer.Ordinal),
            NoiseFor = i => i == 0 ? NoiseNeed.Required : NoiseNeed.None,
            StepFunction = input =>
            {
                int t = (int)DecoderTimesteps[input.Index];
                var original = gain[t] * input.Output + skip[t] * input.Sample;
                if (input.Index == DecoderTimesteps.Length - 1) return new(input.State.Next(), original, original);
                var (signal, sigma) = At(DecoderTimesteps[input.Index + 1]);
                return new(input.State.Next(), signal * original + sigma * input.Noise, original) { Mean = signal * original };
            },
        };
    }

    // Positions among the training sigmas, ascending (0 is the greatest sigma).
    private static double[] Positions(SchedulerConfig config, TimetableOptions options)
    {
        if (!options.Timesteps.IsDefaultOrEmpty) return [.. Spacing.Custom(config, options).Reverse()];
        Spacing.AtMostTrained(config, options.Steps);
        return [.. Enumerable.Range(0, options.Steps).Select(i => (double)(i * (config.NumTrainTimesteps / options.Steps)))];
    }
}
