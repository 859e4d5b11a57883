using System.Globalization;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;

namespace Diffusion.Dsl.Guidances;

/// <summary>
/// Guidance: a function from denoisers to denoisers, so that guidances compose (<see cref="Then"/>) and the loop knows nothing of
/// them. Pure.
/// </summary>
/// <param name="Name">What it is, for people and for the description of a run.</param>
/// <param name="Apply">The function.</param>
public sealed record Guidance(string Name, Func<Denoiser, Denoiser> Apply)
{
    /// <summary>No guidance: the conditional prediction.</summary>
    public static Guidance None { get; } = new("none", denoiser => denoiser);

    /// <summary>
    /// Classifier-free guidance (Ho and Salimans, arXiv:2207.12598) away from the run's negative prompt:
    /// <c>u + scale · (c − u)</c>. Both predictions are one call of the model on a batch [unconditional, conditional].
    /// </summary>
    /// <param name="scale">How strong; 1 gives the conditional prediction, 0 the unconditional one.</param>
    public static Guidance ClassifierFree(double scale) =>
        new($"classifier-free {Text(scale)}", denoiser => new(input => Both(denoiser, input, input.Unconditional, scale)));

    /// <summary>As <see cref="ClassifierFree"/>, away from a conditioning of one's own.</summary>
    /// <param name="negative">What to lead away from; of the same batch.</param>
    /// <param name="scale">How strong.</param>
    public static Guidance Against(Conditioning negative, double scale)
    {
        ArgumentNullException.ThrowIfNull(negative);
        return new($"against {Text(scale)}", denoiser => new(input => Both(denoiser, input, negative, scale)));
    }

    /// <summary>
    /// Brings a guided prediction's standard deviation back towards the conditional one's (Lin et al., arXiv:2305.08891, section 3.4).
    /// Goes after <see cref="ClassifierFree"/>.
    /// </summary>
    /// <param name="rescale">How much of it: 0 changes nothing, 1 all the way. 0 … 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is outside of 0 … 1.</exception>
    public static Guidance Rescale(double rescale)
    {
        if (rescale is not (>= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(rescale), rescale, "Guidance.Rescale: expected 0 … 1.");
        return rescale == 0 ? None with { Name = "rescale 0" } : new($"rescale {Text(rescale)}", denoiser => new(input =>
        {
            var output = denoiser.Predict(input);
            return output.WithValue(RescaleNoise(output.Value, output.Conditional, rescale));
        }));
    }

    /// <summary>A guidance that works only in a part of the run (Kynkäänniemi et al., arXiv:2404.07724); else the denoiser as it is.</summary>
    /// <param name="from">Where it begins, as a part of the run: 0 … 1.</param>
    /// <param name="to">Where it ends: works while from ≤ progress &lt; to.</param>
    /// <param name="guidance">Which.</param>
    /// <exception cref="ArgumentOutOfRangeException">The interval isn't within 0 … 1 or runs backwards.</exception>
    public static Guidance Between(double from, double to, Guidance guidance)
    {
        ArgumentNullException.ThrowIfNull(guidance);
        if (!(from >= 0 && from <= to && to <= 1))
            throw new ArgumentOutOfRangeException(nameof(from), from, $"Guidance.Between: expected 0 ≤ from ≤ to ≤ 1; got {Text(from)} … {Text(to)}.");
        return new($"{guidance.Name} within {Text(from)} … {Text(to)}", denoiser =>
        {
            var guided = guidance.Apply(denoiser);
            return new(input => (input.Progress >= from && input.Progress < to ? guided : denoiser).Predict(input));
        });
    }

    /// <summary>A guidance of one's own.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="predict">The denoiser under it and a question, to the guided answer; must be pure.</param>
    public static Guidance Create(string name, Func<Denoiser, DenoiserInput, DenoiserOutput> predict)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(predict);
        return new(name, denoiser => new(input => predict(denoiser, input)));
    }

    /// <summary>Several guidances as one; the first one is the innermost.</summary>
    public static Guidance Compose(params Guidance[] guidances)
    {
        ArgumentNullException.ThrowIfNull(guidances);
        return guidances.Length == 0 ? None : guidances.Aggregate((first, second) => first.Then(second));
    }

    /// <summary>This guidance, then another one around it.</summary>
    public Guidance Then(Guidance next)
    {
        ArgumentNullException.ThrowIfNull(next);
        return new($"{Name}, {next.Name}", denoiser => next.Apply(Apply(denoiser)));
    }

    /// <summary>
    /// <c>rescale_noise_cfg</c>: a guided prediction with, to the part <paramref name="rescale"/>, the conditional one's standard
    /// deviation, sample by sample.
    /// </summary>
    /// <param name="guided">The guided prediction, [batch, …].</param>
    /// <param name="conditional">The conditional prediction, of the same shape.</param>
    /// <param name="rescale">0 … 1.</param>
    public static Tensor RescaleNoise(Tensor guided, Tensor conditional, double rescale)
    {
        ArgumentNullException.ThrowIfNull(guided);
        ArgumentNullException.ThrowIfNull(conditional);
        int[] axes = [.. Enumerable.Range(1, guided.Rank - 1)];
        var factor = conditional.StandardDeviation(1, axes) / guided.StandardDeviation(1, axes);
        return guided * (rescale * factor + (1 - rescale));
    }

    private static DenoiserOutput Both(Denoiser denoiser, DenoiserInput input, Conditioning negative, double scale)
    {
        var output = denoiser.Predict(input with
        {
            Latents = Tensor.Concat(0, input.Latents, input.Latents),
            Conditioning = Conditioning.Concat(negative, input.Conditioning),
            Unconditional = Conditioning.Concat(input.Unconditional, input.Unconditional),
        });
        var parts = output.Value.Chunk(2, 0);
        return new(parts[0] + scale * (parts[1] - parts[0]), parts[1]);
    }

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
}
