using System.Collections.Immutable;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>Normalises each group of channels of each sample (Wu and He 2018).</summary>
    /// <param name="groups">Divides the channels.</param>
    /// <param name="weight">[C]; give both or neither.</param>
    /// <param name="bias">[C].</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <returns>The shape of this, [N, C, …].</returns>
    public Tensor GroupNorm(int groups, Tensor? weight = null, Tensor? bias = null, double epsilon = 1e-5)
    {
        if (Rank < 2 || groups < 1 || Shape[1] % groups != 0)
            throw new TensorShapeException($"GroupNorm: {Shape} doesn't divide into {groups} groups; expected [N, C, …] with C a multiple of it.");
        if (weight is null != bias is null)
            throw new TensorShapeException("GroupNorm: give both weight and bias, or neither.");
        var inputs = ImmutableArray.Create(this);
        if (weight is not null && bias is not null)
            inputs = inputs.AddRange(Affine("GroupNorm", weight, Shape[1]), Affine("GroupNorm", bias, Shape[1]));
        return new Tensor(new GroupNormOp(groups, epsilon), inputs, Shape, Promote(ElementType), Device);
    }

    /// <summary>Normalises the last axis to mean 0 and variance 1 (Ba et al. 2016).</summary>
    /// <param name="weight">[C], if any.</param>
    /// <param name="bias">[C], if any.</param>
    /// <param name="epsilon">Added to the variance.</param>
    public Tensor LayerNorm(Tensor? weight = null, Tensor? bias = null, double epsilon = 1e-5) => RowNorm(RowNormKind.Layer, weight, bias, epsilon);

    /// <summary>Divides the last axis by its root mean square (Zhang and Sennrich 2019).</summary>
    /// <param name="weight">[C], if any.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public Tensor RmsNorm(Tensor? weight = null, double epsilon = 1e-6) => RowNorm(RowNormKind.RootMeanSquare, weight, null, epsilon);

    /// <summary>exp(x)/Σexp(x) over the last axis.</summary>
    public Tensor Softmax()
    {
        if (Rank < 1)
            throw new TensorShapeException("Softmax: a scalar has no axis.");
        return new Tensor(new SoftmaxOp(), [this], Shape, Promote(ElementType), Device);
    }

    private Tensor RowNorm(RowNormKind kind, Tensor? weight, Tensor? bias, double epsilon)
    {
        string name = kind == RowNormKind.Layer ? "LayerNorm" : "RmsNorm";
        if (Rank < 1)
            throw new TensorShapeException($"{name}: a scalar has no axis.");
        var inputs = ImmutableArray.Create(this);
        if (weight is not null)
            inputs = inputs.Add(Affine(name, weight, Shape[-1]));
        if (bias is not null)
            inputs = inputs.Add(Affine(name, bias, Shape[-1]));
        return new Tensor(new RowNormOp(kind, epsilon, weight is not null, bias is not null), inputs, Shape, Promote(ElementType), Device);
    }

    private Tensor Affine(string operation, Tensor parameter, int channels)
    {
        RequireSameDevice(operation, this, parameter);
        return parameter.Rank == 1 && parameter.Shape[0] == channels ? parameter
            : throw new TensorShapeException($"{operation}: weight and bias are [{channels}] for input {Shape}; got {parameter.Shape}.");
    }
}
