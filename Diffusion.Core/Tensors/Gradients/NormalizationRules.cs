using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Gradients;

/// <summary>Rules of normalisations. With x̂ = (x − μ)/σ: dx = (d − mean(d) − x̂·mean(d·x̂))/σ, means over what was normalised together.</summary>
internal static class NormalizationRules
{
    public static Tensor?[] GroupNorm(GroupNormOp op, Tensor[] inputs, Tensor g)
    {
        var x = inputs[0];
        int n = x.Shape[0], c = x.Shape[1];
        var rows = x.Reshape(n * op.Groups, -1);
        var (normal, reciprocal) = Normalize(rows, op.Epsilon, centre: true);
        int[] channel = [1, c, .. Enumerable.Repeat(1, x.Rank - 2)];
        var d = inputs.Length > 1 ? g * inputs[1].Reshape(channel) : g;
        var byX = Back(d.Reshape(n * op.Groups, -1), normal, reciprocal, centre: true).Reshape(x.Shape);
        if (inputs.Length == 1)
            return [byX];
        int[] others = [0, .. Enumerable.Range(2, x.Rank - 2)];
        return [byX, (g * normal.Reshape(x.Shape)).Sum(others), g.Sum(others)];
    }

    public static Tensor?[] RowNorm(RowNormOp op, Tensor[] inputs, Tensor g)
    {
        var x = inputs[0];
        bool centre = op.Kind == RowNormKind.Layer;
        var (normal, reciprocal) = Normalize(x, op.Epsilon, centre);
        var d = op.HasWeight ? g * inputs[1] : g;
        var pulled = new List<Tensor?> { Back(d, normal, reciprocal, centre) };
        int[] others = [.. Enumerable.Range(0, x.Rank - 1)];
        if (op.HasWeight)
            pulled.Add(SumOver(g * normal, others));
        if (op.HasBias)
            pulled.Add(SumOver(g, others));
        return [.. pulled];
    }

    public static Tensor Softmax(Tensor y, Tensor g) => y * (g - (g * y).Reduce(ReductionKind.Sum, [-1], true));

    private static Tensor SumOver(Tensor x, int[] axes) => axes.Length == 0 ? x : x.Sum(axes);

    private static (Tensor Normal, Tensor Reciprocal) Normalize(Tensor x, double epsilon, bool centre)
    {
        var centred = centre ? x - Mean(x) : x;
        var reciprocal = (Mean(centred.Square()) + epsilon).ReciprocalSqrt();
        return (centred * reciprocal, reciprocal);
    }

    private static Tensor Back(Tensor d, Tensor normal, Tensor reciprocal, bool centre)
    {
        var along = normal * Mean(d * normal);
        return (centre ? d - Mean(d) - along : d - along) * reciprocal;
    }

    private static Tensor Mean(Tensor x) => x.Reduce(ReductionKind.Mean, [-1], true);
}
