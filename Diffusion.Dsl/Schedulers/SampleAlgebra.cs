using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>One addend of a linear combination: <c>Coefficient * Value</c>.</summary>
/// <typeparam name="T">The type of a sample.</typeparam>
/// <param name="Coefficient">The factor, computed in float64 on the host.</param>
/// <param name="Value">The sample it multiplies.</param>
public readonly record struct Term<T>(double Coefficient, T Value);

/// <summary>The two halves of a model output with learned variance, split along the channels.</summary>
/// <typeparam name="T">The type of a sample.</typeparam>
/// <param name="Mean">The first half: the prediction proper.</param>
/// <param name="Variance">The second half: what the model says about the variance.</param>
public readonly record struct ChannelSplit<T>(T Mean, T Variance);

/// <summary>
/// What a scheduler must be able to do with a sample, as a record of functions. The same scheduler code runs over numbers
/// (<see cref="SampleAlgebra.Double"/>), over arrays (<see cref="SampleAlgebra.Array(int, int)"/>) and over tensors on a device.
/// </summary>
/// <typeparam name="T">The type of a sample: an immutable value.</typeparam>
/// <param name="LinearCombination">
/// The sum of one or more <c>coefficient * value</c>. Nearly every step is one call of it, so an implementation for a device
/// should make it one kernel.
/// </param>
public sealed record SampleAlgebra<T>(Func<ImmutableArray<Term<T>>, T> LinearCombination)
    where T : notnull
{
    /// <summary><c>Clamp(x, low, high)</c>: every element limited to <c>low..high</c>.</summary>
    public Func<T, double, double, T> Clamp { get; init; } = (_, _, _) => throw Missing(nameof(Clamp));

    /// <summary>
    /// <c>DynamicThreshold(x, ratio, maxValue)</c>: for each item of the batch, s is the <c>ratio</c>-quantile of |x| (linear
    /// interpolation) limited to <c>1..maxValue</c>; the result is <c>clamp(x, -s, s) / s</c> (Imagen, arXiv:2205.11487).
    /// </summary>
    public Func<T, double, double, T> DynamicThreshold { get; init; } = (_, _, _) => throw Missing(nameof(DynamicThreshold));

    /// <summary>The elementwise product; sizes that are 1 broadcast.</summary>
    public Func<T, T, T> Multiply { get; init; } = (_, _) => throw Missing(nameof(Multiply));

    /// <summary>The elementwise quotient; sizes that are 1 broadcast.</summary>
    public Func<T, T, T> Divide { get; init; } = (_, _) => throw Missing(nameof(Divide));

    /// <summary>The elementwise square root.</summary>
    public Func<T, T> Sqrt { get; init; } = _ => throw Missing(nameof(Sqrt));

    /// <summary>The elementwise exponential.</summary>
    public Func<T, T> Exp { get; init; } = _ => throw Missing(nameof(Exp));

    /// <summary>
    /// <c>MeanNorm(x)</c>: the Euclidean norm of each item of the batch, averaged over the batch, as a value that broadcasts
    /// against a sample.
    /// </summary>
    public Func<T, T> MeanNorm { get; init; } = _ => throw Missing(nameof(MeanNorm));

    /// <summary>
    /// <c>SplitChannels(output, sample)</c>: when <c>output</c> has more channels than <c>sample</c>, the first as many as the
    /// sample has, and the rest.
    /// </summary>
    public Func<T, T, ChannelSplit<T>> SplitChannels { get; init; } = (_, _) => throw Missing(nameof(SplitChannels));

    private static NotSupportedException Missing(string operation) => new(
        $"This scheduler option needs '{operation}', which the SampleAlgebra<{typeof(T).Name}> in use doesn't provide; set the property of that name.");
}
