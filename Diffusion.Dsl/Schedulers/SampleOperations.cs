using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>A <see cref="SampleAlgebra{T}"/> without its type parameter, so that schedulers needn't be generic.</summary>
internal interface ISampleOperations
{
    Type ValueType { get; }

    object LinearCombination(ImmutableArray<Term<object>> terms);

    object Clamp(object x, double low, double high);

    object DynamicThreshold(object x, double ratio, double maxValue);

    object Multiply(object x, object y);

    object Divide(object x, object y);

    object Sqrt(object x);

    object Exp(object x);

    object MeanNorm(object x);

    ChannelSplit<object> SplitChannels(object output, object sample);
}

/// <summary>The one implementation: casts, calls, boxes.</summary>
internal sealed class SampleOperations<T>(SampleAlgebra<T> algebra) : ISampleOperations
    where T : notnull
{
    public Type ValueType => typeof(T);

    public object LinearCombination(ImmutableArray<Term<object>> terms) =>
        algebra.LinearCombination([.. terms.Select(term => new Term<T>(term.Coefficient, (T)term.Value))]);

    public object Clamp(object x, double low, double high) => algebra.Clamp((T)x, low, high);

    public object DynamicThreshold(object x, double ratio, double maxValue) => algebra.DynamicThreshold((T)x, ratio, maxValue);

    public object Multiply(object x, object y) => algebra.Multiply((T)x, (T)y);

    public object Divide(object x, object y) => algebra.Divide((T)x, (T)y);

    public object Sqrt(object x) => algebra.Sqrt((T)x);

    public object Exp(object x) => algebra.Exp((T)x);

    public object MeanNorm(object x) => algebra.MeanNorm((T)x);

    public ChannelSplit<object> SplitChannels(object output, object sample)
    {
        var (mean, variance) = algebra.SplitChannels((T)output, (T)sample);
        return new(mean, variance);
    }
}
