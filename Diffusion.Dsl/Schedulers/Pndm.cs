using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// PNDM (Liu et al., arXiv:2202.09778): linear multistep in the noise prediction, with the transfer of equation 9. It starts with
/// three Runge-Kutta steps of four calls each, or (<c>skip_prk_steps</c>) with one step of two calls.
/// </summary>
internal static class Pndm
{
    private const int RungeKuttaCalls = 12;

    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        var schedule = NoiseSchedule.From(config);
        int stride = config.NumTrainTimesteps / options.Steps;
        if (stride == 0) throw Spacing.TooMany(config, options.Steps);
        var spaced = Spacing.Whole(config, options.Steps);
        var timesteps = config.SkipPrkSteps ? Plms(spaced) : [.. RungeKutta(config, spaced, stride), .. spaced.Skip(3)];
        double final = Discrete.FinalAlphaBar(config, schedule);
        double AlphaBar(double t) => t >= 0 ? schedule.AlphaBar(t) : final;

        return Discrete.Timetable(config, options, schedule, timesteps) with
        {
            UsesHistory = true,
            StepFunction = input => !config.SkipPrkSteps && input.State.Count < RungeKuttaCalls
                ? RungeKuttaStep(config, input, timesteps, stride, AlphaBar)
                : MultistepStep(config, input, timesteps[input.Index], stride, AlphaBar),
        };
    }

    // The second timestep twice: the first step is done again with the average of the two noises.
    private static ImmutableArray<double> Plms(ImmutableArray<double> spaced) =>
        spaced.Length < 2 ? spaced : [spaced[0], spaced[1], .. spaced.Skip(1)];

    // t, t - h/2, t - h/2, t - h for each of the first three timesteps; h is the distance.
    private static IEnumerable<double> RungeKutta(SchedulerConfig config, ImmutableArray<double> spaced, int stride)
    {
        if (spaced.Length < 4)
            throw new ArgumentException($"{config.ClassName}: the Runge-Kutta start needs 4 steps or more, not {spaced.Length}; set skip_prk_steps.");
        int half = stride / 2;
        return Enumerable.Range(0, 3).SelectMany(i =>
            new[] { spaced[i], spaced[i + 1] + half, spaced[i + 1] + half, spaced[i + 1] });
    }

    private static StepOutput RungeKuttaStep(
        SchedulerConfig config, StepInput input, ImmutableArray<double> timesteps, int stride, Func<double, double> alphaBar)
    {
        var state = input.State;
        int stage = state.Count % 4;
        double from = timesteps[state.Count / 4 * 4];
        double to = timesteps[input.Index] - (stage % 2 == 0 ? stride / 2 : 0);

        // Held: the sample at the start of the four calls, and the weighted sum of their outputs.
        var start = stage == 0 || state.Held.IsEmpty ? input.Sample : state.Held[0];
        double weight = stage is 0 or 3 ? 1.0 / 6 : 1.0 / 3;
        var sum = stage == 0 || state.Held.IsEmpty ? weight * input.Output : state.Held[1] + weight * input.Output;
        var outputs = stage == 0 ? state.Outputs.Add(input.Output) : state.Outputs;
        var next = Transfer(config, start, stage == 3 ? sum : input.Output, alphaBar(from), alphaBar(to));
        return new(
            state.Next() with { Outputs = outputs, Held = [start, sum] }, next, Original(config, input, alphaBar(timesteps[input.Index])));
    }

    private static StepOutput MultistepStep(
        SchedulerConfig config, StepInput input, double t, int stride, Func<double, double> alphaBar)
    {
        var state = input.State;
        var output = input.Output;
        var original = Original(config, input, alphaBar(t));
        if (config.SkipPrkSteps && state.Count == 1 && state.Outputs.Length == 1)
        {
            // The second call looks at the end of the first step; the step is done again with the average.
            var average = 0.5 * (output + state.Outputs[0]);
            var again = Transfer(config, state.Held[0], average, alphaBar(t + stride), alphaBar(t));
            return new(state.Next() with { Held = [] }, again, original);
        }

        var e = state.Next(output, 4) with { Held = state.Count == 0 ? [input.Sample] : [] };
        return new(e, Transfer(config, input.Sample, Ipndm.Multistep(e.Outputs), alphaBar(t), alphaBar(t - stride)), original);
    }

    private static Sample Original(SchedulerConfig config, StepInput input, double alphaBar) =>
        Prediction.Original(config.PredictionType, input.Output, input.Sample, NoiseLevel.FromAlphaBar(alphaBar));

    // Equation 9 of the paper: from one alpha-bar to another with a given noise.
    private static Sample Transfer(SchedulerConfig config, Sample sample, Sample output, double from, double to)
    {
        var noise = Prediction.Noise(config.PredictionType, output, sample, NoiseLevel.FromAlphaBar(from));
        double denominator = from * Math.Sqrt(1 - to) + Math.Sqrt(from * (1 - from) * to);
        return Math.Sqrt(to / from) * sample - (to - from) / denominator * noise;
    }
}
