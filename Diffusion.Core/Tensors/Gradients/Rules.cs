using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors.Gradients;

/// <summary>Which rule belongs to which primitive. A rule gives one cotangent an input, none where the derivative is 0 everywhere.</summary>
internal static class Rules
{
    public static Tensor?[] Pull(Tensor y, Expression expression, Tensor g)
    {
        var x = expression.Inputs;
        return expression.Op switch
        {
            ConstantOp => [],
            MapOp map => ElementwiseRules.Pull(map.Op, y, [.. x], g),
            CastOp => [x[0].ElementType.IsFloat() && y.ElementType.IsFloat() ? g : null],
            ContiguousOp => [g],
            ReshapeOp => [g.Reshape(x[0].Shape)],
            PermuteOp permute => [ViewRules.Permute(permute, g)],
            ExpandOp => [ViewRules.Expand(x[0], g)],
            SliceOp slice => [ViewRules.Slice(slice, x[0], g)],
            ConcatOp concat => ViewRules.Concat(concat, [.. x], g),
            GatherOp gather => [ViewRules.Gather(gather, x[0], x[1], g), null],
            MatMulOp => MatrixRules.MatMul(x[0], x[1], g),
            QuantizedProductOp product => MatrixRules.QuantizedProduct(product, [.. x], g),
            RandomOp => [null],
            ConvolutionOp convolution => ConvolutionRules.Pull(convolution, x[0], x[1], g),
            AttentionOp attention => MatrixRules.Attention(attention, [.. x], g),
            GroupNormOp norm => NormalizationRules.GroupNorm(norm, [.. x], g),
            RowNormOp norm => NormalizationRules.RowNorm(norm, [.. x], g),
            SoftmaxOp => [NormalizationRules.Softmax(y, g)],
            ReduceOp reduce => [ReductionRules.Reduce(reduce, x[0], y, g)],
            ResampleOp resample => [ReductionRules.Resample(resample, x[0], y, g)],
            PoolOp pool => [ReductionRules.Pool(pool, x[0], g)],
            _ => throw new NotSupportedException($"Gradient: {expression.Op.Name} has no vector–Jacobian rule; compose the function from operations that have one."),
        };
    }
}
