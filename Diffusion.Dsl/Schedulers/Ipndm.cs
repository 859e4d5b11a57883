using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// The improved PNDM (crowsonkb's v-diffusion): a multistep method of order up to 4 in the noise, for models that predict the velocity on a
/// cosine schedule in continuous time.
/// </summary>
internal static class Ipndm
{
    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        config.Validate();
        var sigmas = SigmaScale.Round(config.TrainedBetas.IsEmpty
            ? Spacing.Linspace(1, 0, options.Steps + 1).Select(t => Math.Sin(t * Math.PI / 2)).Select(sine => sine * sine)
            : config.TrainedBetas);
        var signals = SigmaScale.Round(sigmas.Select(sigma => Math.Sqrt(1 - sigma * sigma)));
        var timesteps = SigmaScale.Round(sigmas.Zip(signals, (sigma, signal) => Math.Atan2(sigma, signal) / Math.PI * 2).SkipLast(1));
        ImmutableArray<NoiseLevel> levels = [.. signals.Zip(sigmas, (signal, sigma) => new NoiseLevel(signal, sigma))];
        return new()
        {
            Scheduler = config.ClassName,
            Timesteps = timesteps,
            Steps = timesteps.Length,
            NoiseLevels = [.. levels.SkipLast(1)],
            NoiseLevelAt = t => levels[SigmaScale.IndexOf(timesteps, t)],
            UsesHistory = true,
            Tables = new Dictionary<string, ImmutableArray<double>> { ["betas"] = sigmas, ["alphas"] = signals }.ToImmutableSortedDictionary(),
            StepFunction = input =>
            {
                var (signal, sigma) = levels[input.Index];
                var state = input.State.Next(sigma * input.Sample + signal * input.Output, 4);
                var noise = Multistep(state.Outputs);
                var original = (input.Sample - sigma * noise) / Math.Max(signal, 1e-8);
                var to = levels[input.Index + 1];
                return new(state, to.Signal * original + to.Sigma * noise, original);
            },
        };
    }

    /// <summary>The Adams-Bashforth average of the last one to four values, the newest last.</summary>
    internal static Sample Multistep(ImmutableArray<Sample> e) => e switch
    {
        [var e0] => e0,
        [var e1, var e0] => (3 * e0 - e1) / 2,
        [var e2, var e1, var e0] => (23 * e0 - 16 * e1 + 5 * e2) / 12,
        [.., var e3, var e2, var e1, var e0] => (55 * e0 - 59 * e1 + 37 * e2 - 9 * e3) / 24,
        _ => throw new InvalidOperationException("A multistep method needs at least one value."),
    };
}
