using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// RePaint (Lugmayr et al., arXiv:2201.09865): inpainting with an unconditional model. The known part is put in anew at every step, and the
/// run goes back and forth so that both parts come to fit. A position that goes back doesn't call the model; it needs as much noise as it
/// undoes training timesteps. The conditions are the original and the mask (1 where the original is to be kept).
/// </summary>
internal static class RePaint
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        if (options.JumpLength < 1 || options.JumpSamples < 1)
            throw new ArgumentException($"{config.ClassName}: the jumps must be of length 1 or more and be made once or more.");
        var schedule = NoiseSchedule.From(config);
        int steps = Math.Min(config.NumTrainTimesteps, options.Steps), stride = config.NumTrainTimesteps / steps;
        var timesteps = Path(steps, options.JumpLength, options.JumpSamples).Select(t => (double)(t * stride)).ToImmutableArray();
        bool Back(int i) => i > 0 && timesteps[i] > timesteps[i - 1];
        double eta = double.IsNaN(options.Eta) ? config.Eta : options.Eta;
        var timetable = Discrete.Timetable(config, options, schedule, timesteps);
        return timetable with
        {
            Steps = steps,
            Tables = timetable.Tables.Add("final_alpha_cumprod", [1]),
            Conditions = ["original", "mask"],
            NeedsModel = i => !Back(i),
            NoiseFor = _ => NoiseNeed.Required,
            NoiseCount = i => Back(i) ? stride : 1,
            StepFunction = input => Back(input.Index)
                ? Undo(input, schedule, (int)timesteps[input.Index - 1], stride)
                : Step(config, input, schedule, timesteps[input.Index], stride, eta),
        };
    }

    private static IEnumerable<int> Path(int steps, int length, int samples)
    {
        var left = new Dictionary<int, int>();
        for (int j = 0; j < steps - length; j += length) left[j] = samples - 1;
        for (int t = steps - 1; t >= 0; t--)
        {
            yield return t;
            if (left.GetValueOrDefault(t) == 0) continue;
            left[t]--;
            for (int k = 0; k < length; k++) yield return ++t;
        }
    }

    private static StepOutput Step(SchedulerConfig config, StepInput input, NoiseSchedule schedule, double t, int stride, double eta)
    {
        var (original, mask) = (input.Condition(0), input.Condition(1));
        double alphaBar = schedule.AlphaBar(t), previous = t - stride >= 0 ? schedule.AlphaBar(t - stride) : 1;
        var at = NoiseLevel.FromAlphaBar(alphaBar);
        var estimate = (input.Sample - at.Sigma * input.Output) / at.Signal;
        if (config.ClipSample) estimate = estimate.Clamp(-1, 1);
        double deviation = eta * Math.Sqrt((1 - previous) / (1 - alphaBar) * NoiseLevel.Beta(alphaBar, previous));
        var to = NoiseLevel.FromAlphaBar(previous);
        var unknown = to.Signal * estimate + Math.Sqrt(1 - previous - deviation * deviation) * input.Output;
        if (t > 0 && eta > 0) unknown += deviation * input.Noise;
        var known = to.Signal * original + to.Sigma * input.Noise;
        return new(input.State.Next(), unknown + mask * (known - unknown), estimate);
    }

    private static StepOutput Undo(StepInput input, NoiseSchedule schedule, int from, int stride)
    {
        if (input.Noises.Count < stride)
            throw new ArgumentException($"Step {input.Index} goes back {stride} training timesteps and needs as many noises, not {input.Noises.Count}.");
        var sample = input.Sample;
        for (int i = 0; i < stride; i++)
        {
            double beta = schedule.Betas[from + i];
            sample = Math.Sqrt(1 - beta) * sample + Math.Sqrt(beta) * input.Noises[i];
        }

        return new(input.State.Next(), sample, sample);
    }
}
