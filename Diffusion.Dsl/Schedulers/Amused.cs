using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>What a step of <see cref="Amused"/> gives.</summary>
/// <param name="Tokens">The next tokens, some of them masked, in the order (batch, pixels).</param>
/// <param name="PredictedOriginal">All tokens as they were drawn before masking again.</param>
public sealed record AmusedResult(ImmutableArray<int> Tokens, ImmutableArray<int> PredictedOriginal);

/// <summary>
/// aMUSEd (Patil et al., arXiv:2401.01808), after MUSE: masked tokens are drawn all at once, and those the model is least sure of are masked
/// again, fewer at each step. Pure: the random numbers are arguments.
/// </summary>
public sealed class Amused
{
    private const double Least = 1e-20;

    private readonly SchedulerConfig config;
    private readonly double startTemperature;
    private readonly double endTemperature;

    /// <summary>The steps of a configuration.</summary>
    /// <param name="config">The configuration of an <c>AmusedScheduler</c>.</param>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <param name="startTemperature">How random the masking is at the first step.</param>
    /// <param name="endTemperature">How random it is at the last one.</param>
    public Amused(SchedulerConfig config, int steps, double startTemperature = 2, double endTemperature = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        this.config = config;
        Steps = steps;
        this.startTemperature = startTemperature;
        this.endTemperature = endTemperature;
    }

    /// <summary>The number of steps.</summary>
    public int Steps { get; }

    /// <summary>The temperature of each step.</summary>
    public ImmutableArray<double> Temperatures => Spacing.Linspace(startTemperature, endTemperature, Steps);

    /// <summary>The timetable of a run: the timesteps n - 1 to 0.</summary>
    internal static Timetable Timetable(SchedulerConfig config, TimetableOptions options) =>
        DiscreteTokens.Timetable(config, options, "Amused.Step");

    /// <summary>The part of the tokens that is masked after a step.</summary>
    /// <param name="index">The step, 0 to <see cref="Steps"/> - 1.</param>
    /// <returns>The part, 0..1; 0 after the last step.</returns>
    public double MaskRatio(int index)
    {
        // In float32, as in the reference: the number of tokens is cut off, and may be a whole number but for the rounding.
        float ratio = (float)(index + 1) / Steps;
        return config.MaskingSchedule == "cosine" ? MathF.Cos(ratio * MathF.PI / 2) : 1 - ratio;
    }

    /// <summary>Takes one step.</summary>
    /// <param name="logits">The model's output, in the order (batch, codebook, pixels).</param>
    /// <param name="tokens">The present tokens, in the order (batch, pixels).</param>
    /// <param name="batch">The size of the batch.</param>
    /// <param name="index">The step, 0 to <see cref="Steps"/> - 1.</param>
    /// <param name="exponential">Exponentially distributed numbers, in the order (batch, pixels, codebook).</param>
    /// <param name="uniform">Numbers in [0, 1), in the order (batch, pixels); not read at the last step.</param>
    /// <param name="startingMaskRatio">The part of the tokens that was masked at the start, 0..1.</param>
    /// <returns>The next tokens.</returns>
    /// <exception cref="ArgumentException">When the sizes don't fit together.</exception>
    public AmusedResult Step(
        IReadOnlyList<double> logits, IReadOnlyList<int> tokens, int batch, int index,
        IReadOnlyList<double> exponential, IReadOnlyList<double> uniform, double startingMaskRatio = 1)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(exponential);
        ArgumentNullException.ThrowIfNull(uniform);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Steps);
        bool last = index == Steps - 1;
        if (batch < 1 || tokens.Count == 0 || tokens.Count % batch != 0 || logits.Count % tokens.Count != 0
            || exponential.Count != logits.Count || (!last && uniform.Count != tokens.Count))
        {
            throw new ArgumentException(
                $"aMUSEd: {tokens.Count} tokens in a batch of {batch}, {logits.Count} logits, {exponential.Count} exponential and "
                + $"{uniform.Count} uniform numbers don't fit together.");
        }

        int pixels = tokens.Count / batch, codebook = logits.Count / tokens.Count;
        var drawn = new int[tokens.Count];
        var confidence = new double[tokens.Count];
        for (int i = 0; i < tokens.Count; i++)
        {
            double[] p = Softmax(Enumerable.Range(0, codebook).Select(k => logits[(i / pixels * codebook + k) * pixels + i % pixels]));
            bool masked = tokens[i] == config.MaskTokenId;
            int position = i * codebook;
            drawn[i] = masked ? Enumerable.Range(0, codebook).MaxBy(k => p[k] / exponential[position + k]) : tokens[i];
            if (last) continue;
            confidence[i] = Math.Log(masked ? Math.Max(p[drawn[i]], Least) : float.MaxValue)
                + Temperatures[index] * DiscreteTokens.Gumbel(uniform[i], Least);
        }

        if (last) return new([.. drawn], [.. drawn]);
        var next = Enumerable.Range(0, batch).SelectMany(item =>
        {
            var row = confidence.AsSpan(item * pixels, pixels).ToArray();
            int unknown = tokens.Skip(item * pixels).Take(pixels).Count(token => token == config.MaskTokenId);
            int masks = Math.Max(1, Math.Min(unknown - 1, (int)Math.Floor((float)pixels * (float)(startingMaskRatio * MaskRatio(index)))));
            double cut = row.Order().ElementAt(Math.Min(masks, pixels - 1));
            return row.Select((value, i) => value < cut ? config.MaskTokenId : drawn[item * pixels + i]);
        });
        return new([.. next], [.. drawn]);
    }

    /// <summary>Masks tokens, as many as are masked after a step.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="index">The step, 0 to <see cref="Steps"/> - 1.</param>
    /// <param name="uniform">As many numbers in [0, 1).</param>
    /// <returns>The tokens, some of them masked.</returns>
    /// <exception cref="ArgumentException">When the numbers of tokens and random numbers differ.</exception>
    public ImmutableArray<int> AddNoise(IReadOnlyList<int> tokens, int index, IReadOnlyList<double> uniform)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(uniform);
        if (tokens.Count != uniform.Count) throw new ArgumentException($"aMUSEd: {tokens.Count} tokens need as many random numbers, not {uniform.Count}.");
        double ratio = MaskRatio(index);
        return [.. tokens.Select((token, i) => uniform[i] < ratio ? config.MaskTokenId : token)];
    }

    private static double[] Softmax(IEnumerable<double> logits)
    {
        double[] values = [.. logits];
        double greatest = values.Max(), sum = values.Sum(value => Math.Exp(value - greatest));
        return Array.ConvertAll(values, value => Math.Exp(value - greatest) / sum);
    }
}
