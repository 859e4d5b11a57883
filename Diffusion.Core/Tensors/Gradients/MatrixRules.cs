using Diffusion.Core.Tensors.Graph;

namespace Diffusion.Core.Tensors.Gradients;

/// <summary>Rules of products.</summary>
internal static class MatrixRules
{
    public static Tensor?[] MatMul(Tensor a, Tensor b, Tensor g)
    {
        var byA = Tensor.MatMul(g, b.Transpose());
        if (b.Rank == a.Rank)
            return [byA, Tensor.MatMul(a.Transpose(), g)];
        // One matrix for all rows: the rows of all batches add up.
        var byB = Tensor.MatMul(a.Reshape(-1, a.Shape[-1]).Transpose(), g.Reshape(-1, g.Shape[-1]));
        return [byA, byB];
    }

    /// <summary>By activations and scales; integers don't move by small steps.</summary>
    public static Tensor?[] QuantizedProduct(QuantizedProductOp op, Tensor[] x, Tensor g)
    {
        if (op.RoundsActivations)
            throw new NotSupportedException("Gradient: a linear layer that rounds its input is a staircase, which has no useful derivative; quantise the weights only (Quantization.Int8 or Int4).");
        var weight = QuantizedMatrix.Of(x[1], x[2], op.Inputs, op.GroupSize).ToTensor();
        var byWeight = Tensor.MatMul(g.Reshape(-1, g.Shape[-1]).Transpose(), x[0].Reshape(-1, op.Inputs));
        return [Tensor.MatMul(g, weight), null, Gradient.VectorJacobian(weight, byWeight.Cast(weight.ElementType), x[2])[0]];
    }

    /// <summary>The scores are computed again, this time stored: fine for training sizes, not for megapixels.</summary>
    public static Tensor?[] Attention(AttentionOp op, Tensor[] x, Tensor g)
    {
        var (q, k, v) = (x[0], x[1], x[2]);
        var scores = Tensor.MatMul(q, k.Transpose()) * op.Scale;
        if (x.Length > 3)
            scores += x[3];
        if (op.Causal)
            scores = Tensor.Where(Later(q.Shape[2], k.Shape[2], q), q.Like(double.NegativeInfinity), scores);
        var p = scores.Softmax();
        var byP = Tensor.MatMul(g, v.Transpose());
        var byScores = NormalizationRules.Softmax(p, byP);
        var byQ = Tensor.MatMul(byScores, k) * op.Scale;
        var byK = Tensor.MatMul(byScores.Transpose(), q) * op.Scale;
        var byV = Tensor.MatMul(p.Transpose(), g);
        return x.Length > 3 ? [byQ, byK, byV, byScores] : [byQ, byK, byV];
    }

    private static Tensor Later(int queries, int keys, Tensor like)
    {
        Tensor Counted(int n, Shape shape) => Tensor.FromIntegers([.. Enumerable.Range(0, n).Select(i => (long)i)], shape, like.Device).Cast(Kernels.ElementType.Float32);
        return Tensor.IsLess(Counted(queries, Shape.Of(queries, 1)), Counted(keys, Shape.Of(1, keys)));
    }
}
