using System.Collections.Immutable;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Denoising;

/// <summary>What schedulers do with samples, on tensors: it only builds graph, so a step becomes one fused kernel.</summary>
public static class TensorAlgebra
{
    /// <summary>Samples are tensors [batch, channels, …] on any device.</summary>
    public static SampleAlgebra<Tensor> Instance { get; } = new(Combine)
    {
        Clamp = (x, low, high) => x.Clamp(low, high),
        DynamicThreshold = Threshold,
        Multiply = (x, y) => x * y,
        Divide = (x, y) => x / y,
        Sqrt = x => x.Sqrt(),
        Exp = x => x.Exp(),
        MeanNorm = x => x.Reshape(x.Shape[0], -1).Square().Sum(1).Sqrt().Mean(),
        SplitChannels = Split,
    };

    private static Tensor Combine(ImmutableArray<Term<Tensor>> terms)
    {
        var sum = Scaled(terms[0]);
        for (int i = 1; i < terms.Length; i++)
            sum += Scaled(terms[i]);
        return sum;
    }

    private static Tensor Scaled(Term<Tensor> term) => term.Coefficient == 1 ? term.Value : term.Value * term.Coefficient;

    private static Tensor Threshold(Tensor x, double ratio, double max)
    {
        var ones = Enumerable.Repeat(1, x.Rank - 1);
        var limit = x.Reshape(x.Shape[0], -1).Abs().Quantile(ratio).Clamp(1, Math.Max(1, max)).Reshape([x.Shape[0], .. ones]);
        return Tensor.Minimum(Tensor.Maximum(x, -limit), limit) / limit;
    }

    private static ChannelSplit<Tensor> Split(Tensor output, Tensor sample)
    {
        int channels = sample.Shape[1], more = output.Shape[1] - channels;
        return more > 0
            ? new(output.Slice(1, 0, channels), output.Slice(1, channels, more))
            : throw new TensorShapeException($"SplitChannels: a model output {output.Shape} has no more channels than the sample {sample.Shape}; expected learned variance there.");
    }
}
