using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// A sample as a scheduler sees it: something that can be added, subtracted and scaled, whatever it is made of. Additions and
/// scalings are not carried out one by one: they are collected, with their coefficients in float64, and become a single
/// <see cref="SampleAlgebra{T}.LinearCombination"/> when the value is needed. So a step may be written as the paper writes it and
/// still be one kernel. Immutable.
/// </summary>
/// <remarks>Samples come from <see cref="Solver{T}"/>; a scheduler only computes with them.</remarks>
public sealed class Sample
{
    private readonly ISampleOperations operations;
    private readonly ImmutableArray<Term<object>> terms;
    private object? value;

    private Sample(ISampleOperations operations, ImmutableArray<Term<object>> terms)
    {
        this.operations = operations;
        this.terms = terms;
    }

    /// <summary>The number of values this combination is made of.</summary>
    public int TermCount => terms.Length;

    /// <summary>The sum of two samples.</summary>
    /// <param name="left">The first addend.</param>
    /// <param name="right">The second addend.</param>
    /// <returns>The sum.</returns>
    public static Sample operator +(Sample left, Sample right) => Add(left, 1, right);

    /// <summary>The difference of two samples.</summary>
    /// <param name="left">What to subtract from.</param>
    /// <param name="right">What to subtract.</param>
    /// <returns>The difference.</returns>
    public static Sample operator -(Sample left, Sample right) => Add(left, -1, right);

    /// <summary>The sample times -1.</summary>
    /// <param name="sample">The sample.</param>
    /// <returns>Its negative.</returns>
    public static Sample operator -(Sample sample) => sample * -1;

    /// <summary>The sample times a number.</summary>
    /// <param name="sample">The sample.</param>
    /// <param name="factor">The number.</param>
    /// <returns>The product.</returns>
    public static Sample operator *(Sample sample, double factor)
    {
        ArgumentNullException.ThrowIfNull(sample);
        return factor == 1 ? sample : new(sample.operations, [.. sample.terms.Select(t => t with { Coefficient = t.Coefficient * factor })]);
    }

    /// <summary>The sample times a number.</summary>
    /// <param name="factor">The number.</param>
    /// <param name="sample">The sample.</param>
    /// <returns>The product.</returns>
    public static Sample operator *(double factor, Sample sample) => sample * factor;

    /// <summary>The sample divided by a number.</summary>
    /// <param name="sample">The sample.</param>
    /// <param name="divisor">The number.</param>
    /// <returns>The quotient.</returns>
    public static Sample operator /(Sample sample, double divisor) => sample * (1 / divisor);

    /// <summary>The elementwise product.</summary>
    /// <param name="left">The first factor.</param>
    /// <param name="right">The second factor.</param>
    /// <returns>The product.</returns>
    public static Sample operator *(Sample left, Sample right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        return Leaf(left.operations, left.operations.Multiply(left.Realise(), right.Realise()));
    }

    /// <summary>The elementwise quotient.</summary>
    /// <param name="left">The dividend.</param>
    /// <param name="right">The divisor.</param>
    /// <returns>The quotient.</returns>
    public static Sample operator /(Sample left, Sample right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        return Leaf(left.operations, left.operations.Divide(left.Realise(), right.Realise()));
    }

    /// <summary>The sum of several samples, each with its coefficient.</summary>
    /// <param name="terms">One or more terms.</param>
    /// <returns>The sum.</returns>
    public static Sample Sum(params Term<Sample>[] terms) =>
        terms.Select(term => term.Coefficient * term.Value).Aggregate((sum, term) => sum + term);

    /// <summary>Every element limited to a range.</summary>
    /// <param name="low">The least value.</param>
    /// <param name="high">The greatest value.</param>
    /// <returns>The limited sample.</returns>
    public Sample Clamp(double low, double high) => Leaf(operations, operations.Clamp(Realise(), low, high));

    /// <summary>Dynamic thresholding, see <see cref="SampleAlgebra{T}.DynamicThreshold"/>.</summary>
    /// <param name="ratio">The quantile, 0..1.</param>
    /// <param name="maxValue">The greatest threshold, 1 or more.</param>
    /// <returns>The thresholded sample.</returns>
    public Sample DynamicThreshold(double ratio, double maxValue) =>
        Leaf(operations, operations.DynamicThreshold(Realise(), ratio, maxValue));

    /// <summary>The elementwise square root.</summary>
    /// <returns>The root.</returns>
    public Sample Sqrt() => Leaf(operations, operations.Sqrt(Realise()));

    /// <summary>The elementwise exponential.</summary>
    /// <returns>The exponential.</returns>
    public Sample Exp() => Leaf(operations, operations.Exp(Realise()));

    /// <summary>The Euclidean norm of each item, averaged over the batch; it broadcasts against a sample.</summary>
    /// <returns>The mean norm.</returns>
    public Sample MeanNorm() => Leaf(operations, operations.MeanNorm(Realise()));

    /// <summary>Splits a model output with learned variance along its channels.</summary>
    /// <param name="sample">The sample, whose number of channels the first part gets.</param>
    /// <returns>The two parts.</returns>
    public ChannelSplit<Sample> SplitChannels(Sample sample)
    {
        ArgumentNullException.ThrowIfNull(sample);
        var (mean, variance) = operations.SplitChannels(Realise(), sample.Realise());
        return new(Leaf(operations, mean), Leaf(operations, variance));
    }

    /// <summary>The values this combination is made of: what must stay alive as long as it does.</summary>
    internal IEnumerable<object> Leaves => terms.Select(term => term.Value);

    /// <summary>The combination as data, for saving it.</summary>
    internal ImmutableArray<Term<object>> Terms => terms;

    internal static Sample Of(ISampleOperations operations, ImmutableArray<Term<object>> terms) => new(operations, terms);

    internal static Sample Leaf(ISampleOperations operations, object value) => new(operations, [new(1, value)]);

    internal object Realise() => value ??= terms is [{ Coefficient: 1 } only] ? only.Value : operations.LinearCombination(terms);

    private static Sample Add(Sample left, double factor, Sample right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        if (left.operations.ValueType != right.operations.ValueType)
        {
            throw new InvalidOperationException(
                $"A sample of {left.operations.ValueType.Name} can't be combined with one of {right.operations.ValueType.Name}; use one solver for both.");
        }

        var sum = left.terms.ToBuilder();
        foreach (var term in right.terms)
        {
            int same = IndexOf(sum, term.Value);
            double coefficient = factor * term.Coefficient;
            if (same < 0) sum.Add(new(coefficient, term.Value));
            else sum[same] = sum[same] with { Coefficient = sum[same].Coefficient + coefficient };
        }

        // A term that cancelled need not be read by the device; one must stay to give the shape.
        for (int i = sum.Count - 1; i >= 0 && sum.Count > 1; i--)
        {
            if (sum[i].Coefficient == 0) sum.RemoveAt(i);
        }

        return new(left.operations, sum.ToImmutable());
    }

    private static int IndexOf(ImmutableArray<Term<object>>.Builder terms, object value)
    {
        for (int i = 0; i < terms.Count; i++)
        {
            if (ReferenceEquals(terms[i].Value, value)) return i;
        }

        return -1;
    }
}
