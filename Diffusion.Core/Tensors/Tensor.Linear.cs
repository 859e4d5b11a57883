using System.Collections.Immutable;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

/// <summary>How a 2-D convolution moves over its input; see <see cref="Tensor.Convolution"/>.</summary>
public sealed record ConvolutionOptions
{
    /// <summary>Stride 1, no padding.</summary>
    public static ConvolutionOptions Default { get; } = new();

    /// <summary>Rows and columns between outputs; ≥ 1.</summary>
    public (int Y, int X) Stride { get; init; } = (1, 1);

    /// <summary>Zeros around the input; ≥ 0.</summary>
    public (int Top, int Bottom, int Left, int Right) Padding { get; init; }

    /// <summary>Distance between the kernel's taps; ≥ 1.</summary>
    public (int Y, int X) Dilation { get; init; } = (1, 1);

    /// <summary>Distance between the input's elements, spread out with zeros (transposed convolution); ≥ 1.</summary>
    public (int Y, int X) InputDilation { get; init; } = (1, 1);

    /// <summary>Channel groups; ≥ 1.</summary>
    public int Groups { get; init; } = 1;
}

public sealed partial class Tensor
{
    /// <summary>Matrix product […, M, K] × […, K, N] → […, M, N]; leading axes broadcast.</summary>
    public static Tensor MatMul(Tensor a, Tensor b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        RequireSameDevice("MatMul", a, b);
        if (a.Rank < 2 || b.Rank < 2 || a.Shape[-1] != b.Shape[-2])
            throw new TensorShapeException($"MatMul: {a.Shape} × {b.Shape} don't fit; expected […, M, K] × […, K, N].");
        Shape batchA = new(a.Shape.Lengths[..^2]), batchB = new(b.Shape.Lengths[..^2]);
        // One matrix for all of a's rows: a single product, without a batch.
        if (b.Rank == 2)
            return new Tensor(new MatMulOp(), [a, b], new Shape([.. batchA.Lengths, a.Shape[-2], b.Shape[-1]]), Product(a, b), a.Device);
        var batch = Shape.Broadcast(batchA, batchB, "MatMul");
        var left = a.Expand(new Shape([.. batch.Lengths, a.Shape[-2], a.Shape[-1]]));
        var right = b.Expand(new Shape([.. batch.Lengths, b.Shape[-2], b.Shape[-1]]));
        return new Tensor(new MatMulOp(), [left, right], new Shape([.. batch.Lengths, a.Shape[-2], b.Shape[-1]]), Product(a, b), a.Device);
    }

    /// <summary>x·Wᵀ + b over the last axis, torch's linear layer.</summary>
    /// <param name="weight">[outputs, inputs]; one made by <see cref="QuantizedMatrix.ToTensor"/> is multiplied as integers.</param>
    /// <param name="bias">[outputs], if any.</param>
    public Tensor Linear(Tensor weight, Tensor? bias = null)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (weight.Quantized is { } integers)
            return Linear(integers, bias);
        if (weight.Rank != 2 || Rank < 1 || Shape[-1] != weight.Shape[1])
            throw new TensorShapeException($"Linear: input {Shape} doesn't fit weight {weight.Shape}; expected […, {(weight.Rank == 2 ? weight.Shape[1] : 0)}] and [outputs, inputs].");
        RequireSameDevice("Linear", this, weight);
        RequireBias("Linear", bias, weight.Shape[0]);
        var product = Rank == 1
            ? MatMul(Unsqueeze(0), weight.Transpose()).Squeeze(0)
            : MatMul(this, weight.Transpose());
        return bias is null ? product : product + bias;
    }

    /// <summary>2-D cross-correlation with equal stride, padding and dilation in both directions.</summary>
    /// <param name="weight">[O, C/groups, KH, KW].</param>
    /// <param name="bias">[O], if any.</param>
    /// <param name="stride">≥ 1.</param>
    /// <param name="padding">≥ 0.</param>
    /// <param name="dilation">≥ 1.</param>
    /// <param name="groups">Divides C and O.</param>
    public Tensor Conv2d(Tensor weight, Tensor? bias = null, int stride = 1, int padding = 0, int dilation = 1, int groups = 1) =>
        Convolution(weight, bias, new ConvolutionOptions
        {
            Stride = (stride, stride),
            Padding = (padding, padding, padding, padding),
            Dilation = (dilation, dilation),
            Groups = groups,
        });

    /// <summary>2-D cross-correlation [N, C, H, W] → [N, O, OH, OW].</summary>
    /// <param name="weight">[O, C/groups, KH, KW].</param>
    /// <param name="bias">[O], if any.</param>
    /// <param name="options">Strides, padding, dilation, groups.</param>
    public Tensor Convolution(Tensor weight, Tensor? bias, ConvolutionOptions options)
    {
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(options);
        RequireSameDevice("Convolution", this, weight);
        RequireBias("Convolution", bias, weight.Rank > 0 ? weight.Shape[0] : 0);
        var (stride, pad, dilation, spread, groups) = (options.Stride, options.Padding, options.Dilation, options.InputDilation, options.Groups);
        if (Rank != 4 || weight.Rank != 4 || groups < 1 || Shape[1] != weight.Shape[1] * groups || weight.Shape[0] % groups != 0)
            throw new TensorShapeException($"Convolution: input {Shape} doesn't fit weight {weight.Shape} with {groups} groups; expected [N, C, H, W] and [O, C/groups, KH, KW].");
        if (stride is not { Y: >= 1, X: >= 1 } || dilation is not { Y: >= 1, X: >= 1 } || spread is not { Y: >= 1, X: >= 1 }
            || pad is not { Top: >= 0, Bottom: >= 0, Left: >= 0, Right: >= 0 } || weight.Shape[2] < 1 || weight.Shape[3] < 1)
            throw new TensorShapeException($"Convolution: stride {stride}, dilation {dilation}, input dilation {spread} are at least 1 and padding {pad} at least 0; the kernel {weight.Shape} isn't empty.");
        int oh = ConvolutionSpec.OutputLength(Shape[2], weight.Shape[2], stride.Y, pad.Top + pad.Bottom, dilation.Y, spread.Y);
        int ow = ConvolutionSpec.OutputLength(Shape[3], weight.Shape[3], stride.X, pad.Left + pad.Right, dilation.X, spread.X);
        if (oh < 1 || ow < 1)
            throw new TensorShapeException($"Convolution: the kernel {weight.Shape} is larger than the padded input {Shape}.");
        var result = new Tensor(new ConvolutionOp(stride, pad, dilation, spread, groups), [this, weight],
            Shape.Of(Shape[0], weight.Shape[0], oh, ow), Product(this, weight), Device);
        return bias is null ? result : result + bias.Reshape(1, -1, 1, 1);
    }

    /// <summary>1-D cross-correlation [N, C, L] → [N, O, OL].</summary>
    /// <param name="weight">[O, C/groups, K].</param>
    /// <param name="bias">[O], if any.</param>
    /// <param name="stride">≥ 1.</param>
    /// <param name="padding">≥ 0.</param>
    /// <param name="dilation">≥ 1.</param>
    /// <param name="groups">Divides C and O.</param>
    public Tensor Conv1d(Tensor weight, Tensor? bias = null, int stride = 1, int padding = 0, int dilation = 1, int groups = 1)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (Rank != 3 || weight.Rank != 3)
            throw new TensorShapeException($"Conv1d: input {Shape} doesn't fit weight {weight.Shape}; expected [N, C, L] and [O, C/groups, K].");
        return Unsqueeze(2).Convolution(weight.Unsqueeze(2), bias, new ConvolutionOptions
        {
            Stride = (1, stride),
            Padding = (0, 0, padding, padding),
            Dilation = (1, dilation),
            Groups = groups,
        }).Squeeze(2);
    }

    /// <summary>Transposed 2-D convolution (the gradient of a convolution by its input), torch's conv_transpose2d.</summary>
    /// <param name="weight">[C, O/groups, KH, KW].</param>
    /// <param name="bias">[O], if any.</param>
    /// <param name="stride">≥ 1.</param>
    /// <param name="padding">≥ 0, at most dilation·(kernel − 1).</param>
    /// <param name="outputPadding">Rows and columns added at the far side; ≥ 0.</param>
    /// <param name="dilation">≥ 1.</param>
    /// <param name="groups">Divides C and O.</param>
    public Tensor ConvTranspose2d(Tensor weight, Tensor? bias = null, int stride = 1, int padding = 0, int outputPadding = 0, int dilation = 1, int groups = 1)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (weight.Rank != 4 || Rank != 4 || weight.Shape[0] != Shape[1] || groups < 1 || Shape[1] % groups != 0)
            throw new TensorShapeException($"ConvTranspose2d: input {Shape} doesn't fit weight {weight.Shape} with {groups} groups; expected [N, C, H, W] and [C, O/groups, KH, KW].");
        int py = dilation * (weight.Shape[2] - 1) - padding, px = dilation * (weight.Shape[3] - 1) - padding;
        if (py < 0 || px < 0)
            throw new NotSupportedException($"ConvTranspose2d: padding {padding} is larger than dilation·(kernel − 1); crop the result with Slice instead.");
        int c = Shape[1], o = weight.Shape[1];
        // [C, O/g, KH, KW] → [g·O/g, C/g, KH, KW], taps reversed.
        var kernel = weight.Reshape(groups, c / groups, o, weight.Shape[2], weight.Shape[3]).Permute(0, 2, 1, 3, 4)
            .Reshape(groups * o, c / groups, weight.Shape[2], weight.Shape[3]).Flip(2).Flip(3);
        return Convolution(kernel, bias, new ConvolutionOptions
        {
            Padding = (py, py + outputPadding, px, px + outputPadding),
            Dilation = (dilation, dilation),
            InputDilation = (stride, stride),
            Groups = groups,
        });
    }

    // Activations keep their type, whatever the weights are stored as; exact work stays exact.
    private static ElementType Product(Tensor x, Tensor weight) => weight.ElementType == ElementType.Float64 ? ElementType.Float64 : Promote(x.ElementType);

    private void RequireBias(string operation, Tensor? bias, int outputs)
    {
        if (bias is null)
            return;
        RequireSameDevice(operation, this, bias);
        if (bias.Rank != 1 || bias.Shape[0] != outputs)
            throw new TensorShapeException($"{operation}: the bias must be [{outputs}], one number an output; got {bias.Shape}.");
    }

    /// <summary>An axis in reverse order.</summary>
    public Tensor Flip(int axis)
    {
        int n = Shape[Shape.Axis(axis, "Flip")];
        return n <= 1 ? this : Gather(axis, FromIntegers([.. Enumerable.Range(0, n).Select(i => (long)(n - 1 - i))], Shape.Of(n), Device));
    }

    /// <summary>
    /// softmax(Q·Kᵀ·scale + mask)·V without ever storing the scores (Vaswani et al. 2017; Dao et al. 2022).
    /// </summary>
    /// <param name="query">[batch, heads, queries, size].</param>
    /// <param name="key">[batch, heads, keys, size].</param>
    /// <param name="value">[batch, heads, keys, value size].</param>
    /// <param name="scale">Factor on the scores; 1/√size when none is given.</param>
    /// <param name="mask">Added to the scores, broadcast to [batch, heads, queries, keys]; −∞ hides a key.</param>
    /// <param name="causal">Query i sees keys 0 … i only.</param>
    public static Tensor Attention(Tensor query, Tensor key, Tensor value, double? scale = null, Tensor? mask = null, bool causal = false)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        RequireSameDevice("Attention", query, key, value);
        if (query.Rank != 4 || key.Rank != 4 || value.Rank != 4 || query.Shape[3] != key.Shape[3] || key.Shape[2] != value.Shape[2]
            || query.Shape[3] < 1
            || query.Shape[0] != key.Shape[0] || query.Shape[0] != value.Shape[0] || query.Shape[1] != key.Shape[1] || query.Shape[1] != value.Shape[1])
            throw new TensorShapeException($"Attention: query {query.Shape}, key {key.Shape} and value {value.Shape} don't fit; expected [batch, heads, tokens, size] each.");
        var inputs = ImmutableArray.Create(query, key, value);
        if (mask is not null)
        {
            RequireSameDevice("Attention", query, mask);
            inputs = inputs.Add(mask.Expand(Shape.Of(query.Shape[0], query.Shape[1], query.Shape[2], key.Shape[2])));
        }
        return new Tensor(new AttentionOp(scale ?? 1 / Math.Sqrt(query.Shape[3]), causal), inputs, query.Shape.With(3, value.Shape[3]), Promote(query.ElementType), query.Device);
    }
}
