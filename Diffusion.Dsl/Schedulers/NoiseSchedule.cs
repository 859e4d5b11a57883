using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// The noise of the training process: the betas and what follows from them. The tables are rounded to float32 where diffusers
/// rounds them: 1 - alpha-bar near timestep 0 has few digits left, and the rounding is visible in what models were trained with.
/// Everything that is computed from the tables is float64.
/// </summary>
/// <param name="Betas">The variance that is added at each training timestep.</param>
/// <param name="Alphas">1 - beta.</param>
/// <param name="AlphaBars">The cumulative product of the alphas: how much of the sample's variance is left.</param>
public sealed record NoiseSchedule(ImmutableArray<double> Betas, ImmutableArray<double> Alphas, ImmutableArray<double> AlphaBars)
{
    // The least alpha-bar of schedulers that divide by it, where the rescaled one would be 0 (diffusers' value).
    private const double LeastAlphaBar = 1.0 / (1 << 24);

    /// <summary>The number of training timesteps.</summary>
    public int Count => AlphaBars.Length;

    /// <summary>Noise over signal at each training timestep, ascending.</summary>
    public ImmutableArray<double> Sigmas => field.IsDefault
        ? field = [.. AlphaBars.Select(a => Round(Math.Sqrt(Round(Round(1 - a) / a))))]
        : field;

    /// <summary>The half log signal-to-noise ratio at each training timestep, descending.</summary>
    public ImmutableArray<double> Lambdas => field.IsDefault
        ? field = [.. AlphaBars.Select(a => Round(Round(Math.Log(Round(Math.Sqrt(a)))) - Round(Math.Log(Round(Math.Sqrt(Round(1 - a)))))))]
        : field;

    /// <summary>The schedule that a configuration describes.</summary>
    /// <param name="config">The configuration.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentException">When the configuration is impossible.</exception>
    public static NoiseSchedule From(SchedulerConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        var betas = config.TrainedBetas.IsEmpty
            ? Betas32(config.BetaSchedule, config.NumTrainTimesteps, config.BetaStart, config.BetaEnd)
            : [.. config.TrainedBetas.Select(beta => (float)beta)];
        return FromBetas(config.Knows("rescale_betas_zero_snr") && config.RescaleBetasZeroSnr ? RescaleZeroTerminalSnr(betas) : betas);
    }

    /// <summary>The betas of a named schedule.</summary>
    /// <param name="schedule"><c>linear</c>, <c>scaled_linear</c>, <c>squaredcos_cap_v2</c>, <c>sigmoid</c> or <c>exp</c>.</param>
    /// <param name="count">The number of training timesteps, 1 or more.</param>
    /// <param name="start">The first beta, where the schedule has one.</param>
    /// <param name="end">The last beta, where the schedule has one.</param>
    /// <returns>The betas.</returns>
    /// <exception cref="ArgumentException">When there is no schedule of that name.</exception>
    public static ImmutableArray<double> NamedBetas(string schedule, int count, double start, double end) =>
        [.. Betas32(schedule, count, start, end).Select(beta => (double)beta)];

    /// <summary>
    /// Rescales betas so that alpha-bar is exactly 0 at the last timestep and unchanged at the first (arXiv:2305.08891, algorithm 1).
    /// </summary>
    /// <param name="betas">The betas.</param>
    /// <returns>The rescaled betas; the last one is 1.</returns>
    public static ImmutableArray<double> RescaleZeroTerminalSnr(ImmutableArray<double> betas) =>
        [.. RescaleZeroTerminalSnr([.. betas.Select(beta => (float)beta)]).Select(beta => (double)beta)];

    /// <summary>The cosine schedule, or another curve of alpha-bar over the time 0..1, as betas of at most 0.999.</summary>
    /// <param name="count">The number of training timesteps.</param>
    /// <param name="alphaBar">The curve.</param>
    /// <returns>The betas.</returns>
    public static ImmutableArray<double> BetasForAlphaBar(int count, Func<double, double> alphaBar)
    {
        ArgumentNullException.ThrowIfNull(alphaBar);
        return [.. Enumerable.Range(0, count).Select(i =>
            Round(Math.Min(1 - alphaBar((i + 1.0) / count) / alphaBar((double)i / count), 0.999)))];
    }

    /// <summary>The curve of the cosine schedule (Nichol and Dhariwal, arXiv:2102.09672).</summary>
    /// <param name="t">The time, 0..1.</param>
    /// <returns>Alpha-bar.</returns>
    public static double CosineAlphaBar(double t)
    {
        double cosine = Math.Cos((t + 0.008) / 1.008 * Math.PI / 2);
        return cosine * cosine;
    }

    /// <summary>The alpha-bar of a training timestep.</summary>
    /// <param name="timestep">The timestep; a fraction is cut off.</param>
    /// <returns>The value.</returns>
    /// <exception cref="ArgumentOutOfRangeException">When it is outside the training process.</exception>
    public double AlphaBar(double timestep) => timestep >= 0 && timestep < Count
        ? AlphaBars[(int)timestep]
        : throw new ArgumentOutOfRangeException(
            nameof(timestep), timestep, $"The model was trained with the timesteps 0..{Count - 1}; use fewer steps or a smaller steps_offset.");

    /// <summary>The schedule with a last alpha-bar that isn't 0, for schedulers that divide by it.</summary>
    /// <returns>The schedule; the same when nothing was rescaled.</returns>
    internal NoiseSchedule WithoutZero() =>
        AlphaBars[^1] == 0 ? new(Betas, Alphas, AlphaBars.SetItem(Count - 1, LeastAlphaBar)) : this;

    /// <summary>The sigma at a timestep that may lie between two training timesteps.</summary>
    internal double SigmaAt(double timestep)
    {
        double t = Math.Clamp(timestep, 0, Count - 1);
        int below = Math.Min((int)t, Math.Max(Count - 2, 0));
        int above = Math.Min(below + 1, Count - 1);
        return Sigmas[below] + (t - below) * (Sigmas[above] - Sigmas[below]);
    }

    internal ImmutableSortedDictionary<string, ImmutableArray<double>> Tables() =>
        new Dictionary<string, ImmutableArray<double>>
        {
            ["betas"] = Betas,
            ["alphas"] = Alphas,
            ["alphas_cumprod"] = AlphaBars,
        }.ToImmutableSortedDictionary(StringComparer.Ordinal);

    internal ImmutableSortedDictionary<string, ImmutableArray<double>> LambdaTables() =>
        Tables()
            .Add("alpha_t", [.. AlphaBars.Select(a => Round(Math.Sqrt(a)))])
            .Add("sigma_t", [.. AlphaBars.Select(a => Round(Math.Sqrt(Round(1 - a))))])
            .Add("lambda_t", Lambdas);

    internal static NoiseSchedule FromBetas(IEnumerable<float> betas)
    {
        ImmutableArray<float> list = [.. betas];
        var alphas = list.Select(beta => 1 - beta).ToImmutableArray();
        double product = 1;
        return new([.. list.Select(b => (double)b)], [.. alphas.Select(a => (double)a)], [.. alphas.Select(a => Round(product *= a))]);
    }

    private static double Round(double value) => (float)value;

    private static float[] Betas32(string schedule, int count, double start, double end) => schedule switch
    {
        "linear" => [.. Spacing.Linspace(start, end, count).Select(b => (float)b)],
        "scaled_linear" => [.. Spacing.Linspace(Math.Sqrt(start), Math.Sqrt(end), count).Select(b => (float)b * (float)b)],
        "squaredcos_cap_v2" => [.. BetasForAlphaBar(count, CosineAlphaBar).Select(b => (float)b)],
        "exp" => [.. BetasForAlphaBar(count, t => Math.Exp(-12 * t)).Select(b => (float)b)],
        "sigmoid" => [.. Spacing.Linspace(-6, 6, count).Select(x => (float)(1 / (1 + Math.Exp(-x)) * (end - start) + start))],
        _ => throw new ArgumentException(
            $"There is no beta schedule '{schedule}'; use linear, scaled_linear, squaredcos_cap_v2, sigmoid or exp.", nameof(schedule)),
    };

    private static float[] RescaleZeroTerminalSnr(float[] betas)
    {
        double product = 1;
        var roots = betas.Select(beta => MathF.Sqrt((float)(product *= 1 - beta))).ToArray();
        float first = roots[0], last = roots[^1], scale = first / (first - last);
        var bars = roots.Select(root => (root - last) * scale).Select(root => root * root).ToArray();
        return [1 - bars[0], .. bars.Skip(1).Zip(bars, (bar, previous) => 1 - bar / previous)];
    }
}
