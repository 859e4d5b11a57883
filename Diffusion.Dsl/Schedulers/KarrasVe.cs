using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// The stochastic sampler of Karras et al. (arXiv:2206.00364, algorithm 2) for variance-exploding models. A step has three positions: noise
/// is put in (no call of the model), Euler's step, and Heun's correction; the last step has no correction. The output is
/// <c>(denoised - sample) / sigma</c>.
/// </summary>
internal static class KarrasVe
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        config.Validate();
        int steps = options.Steps, count = 3 * steps - 1;
        if (steps < 2) throw new ArgumentException($"{config.ClassName}: 2 steps or more are needed.");
        double greatest = config.SigmaMax * config.SigmaMax, ratio = config.SigmaMin * config.SigmaMin / greatest;
        var sigmas = SigmaScale.Round(Enumerable.Range(0, steps).Select(i => greatest * Math.Pow(ratio, i / (steps - 1.0)))).Add(0);
        double Hat(int k) => sigmas[k] * (1 + (config.SMin <= sigmas[k] && sigmas[k] <= config.SMax
            ? Math.Min(config.SChurn / steps, Math.Sqrt(2) - 1)
            : 0));
        double At(int index) => index % 3 == 0 ? sigmas[index / 3] : index % 3 == 1 ? Hat(index / 3) : sigmas[index / 3 + 1];
        return new()
        {
            Scheduler = config.ClassName,
            Timesteps = [.. Enumerable.Range(0, count).Select(i => (double)(steps - 1 - i / 3))],
            IntegerTimesteps = true,
            Steps = steps,
            Order = 3,
            UsesHistory = true,
            Sigmas = [.. Enumerable.Range(0, count).Select(At), 0],
            NoiseLevels = [.. Enumerable.Range(0, count).Select(i => new NoiseLevel(1, At(i)))],
            NoiseLevelAt = t => new(1, sigmas[steps - 1 - (int)t]),
            InitNoiseSigma = config.SigmaMax,
            NeedsModel = i => i % 3 != 0,
            NoiseFor = i => i % 3 != 0 ? NoiseNeed.None : Hat(i / 3) > sigmas[i / 3] ? NoiseNeed.Required : NoiseNeed.Unused,
            Tables = new Dictionary<string, ImmutableArray<double>> { ["schedule"] = [.. sigmas.SkipLast(1).Reverse()] }.ToImmutableSortedDictionary(),
            StepFunction = input =>
            {
                int k = input.Index / 3;
                double sigma = sigmas[k], hat = Hat(k), next = sigmas[k + 1];
                switch (input.Index % 3)
                {
                    case 0:
                        double added = config.SNoise * Math.Sqrt(hat * hat - sigma * sigma);
                        return new(input.State.Next(), added > 0 ? input.Sample + added * input.Noise : input.Sample, input.Sample);
                    case 1:
                        var predicted = input.Sample + (hat - next) * input.Output;
                        return new(
                            input.State.Next() with { Held = [input.Sample, input.Output] }, predicted, input.Sample + hat * input.Output);
                    default:
                        if (input.State.Held is not [var start, var before])
                            throw new ArgumentException($"{config.ClassName}: call {input.Index} is a correction and needs the state after the prediction.");
                        return new(
                            input.State.Next() with { Held = [] },
                            start + (hat - next) / 2 * (before + input.Output),
                            input.Sample + next * input.Output);
                }
            },
        };
    }
}
