using Diffusion.Core.Tensors;
using Diffusion.Core.Tensors.Gradients;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors.Gradients;

public sealed class GradientTests
{
    public static TheoryData<string> Rules => [.. All.Keys];

    private static Dictionary<string, (Func<Tensor[], Tensor> Function, int[][] Shapes)> All { get; } = new()
    {
        ["negate"] = (x => -x[0], [[3]]),
        ["abs"] = (x => x[0].Abs(), [[5]]),
        ["exp"] = (x => x[0].Exp(), [[3]]),
        ["log"] = (x => (x[0] + 3).Log(), [[3]]),
        ["sqrt"] = (x => (x[0] + 3).Sqrt(), [[3]]),
        ["rsqrt"] = (x => (x[0] + 3).ReciprocalSqrt(), [[3]]),
        ["reciprocal"] = (x => (x[0] + 3).Reciprocal(), [[3]]),
        ["square"] = (x => x[0].Square(), [[3]]),
        ["sin cos"] = (x => x[0].Sin() * (x[0] * 2).Cos(), [[3]]),
        ["tanh"] = (x => x[0].Tanh(), [[3]]),
        ["erf"] = (x => x[0].Erf(), [[3]]),
        ["sigmoid"] = (x => x[0].Sigmoid(), [[3]]),
        ["silu"] = (x => (x[0] * 3).Silu(), [[5]]),
        ["relu"] = (x => x[0].Relu(), [[7]]),
        ["gelu"] = (x => (x[0] * 2).Gelu(), [[5]]),
        ["gelu tanh"] = (x => (x[0] * 2).GeluTanh(), [[5]]),
        ["quick gelu"] = (x => (x[0] * 2).QuickGelu(), [[5]]),
        ["mish"] = (x => (x[0] * 2).Mish(), [[5]]),
        ["softplus"] = (x => (x[0] * 2).Softplus(), [[5]]),
        ["steps"] = (x => x[0].Floor() + x[0].Ceiling() + x[0].Round() + x[0].Sign() + Tensor.IsLess(x[0], x[0].Transpose()) + x[0], [[3, 3]]),
        ["add broadcast"] = (x => x[0] + x[1], [[3, 1, 2], [4, 1]]),
        ["subtract broadcast"] = (x => x[0] - x[1] - 2, [[2, 3], []]),
        ["multiply broadcast"] = (x => x[0] * x[1], [[2, 3], [3]]),
        ["divide"] = (x => x[0] / (x[1] + 3) + 2 / (x[1] + 4), [[2, 3], [2, 1]]),
        ["minimum maximum"] = (x => Tensor.Minimum(x[0], x[1]) + 2 * Tensor.Maximum(x[0], x[1] * 0.5), [[3, 4], [4]]),
        ["power"] = (x => Tensor.Power(x[0] + 3, x[1]) + (x[0] + 3).Power(1.7), [[3], [3]]),
        ["integer power of negatives"] = (x => (x[0] - 2).Power(3), [[3]]),
        ["clamp"] = (x => x[0].Clamp(-0.4, 0.3), [[9]]),
        ["where"] = (x => Tensor.Where(Tensor.IsLess(x[0], x[1]), x[0] * 2, x[1].Square()), [[3, 4], [4]]),
        ["multiply add"] = (x => Tensor.MultiplyAdd(x[0], x[1], x[2]), [[3, 2], [2], [3, 1]]),
        ["used often"] = (x => x[0] * x[0] * x[0] + x[0].Sin() * x[0], [[3]]),
        ["reshape permute"] = (x => x[0].Permute(2, 0, 1).Reshape(4, 6).Transpose() * x[0].Reshape(6, 4), [[2, 3, 4]]),
        ["slice"] = (x => x[0].Slice(1, 1, 2) * 2 + x[0].Slice(1, 0, 2, 3) + x[0].Slice(1, 2, 2, 2), [[2, 6]]),
        ["slice nothing"] = (x => x[0].Slice(1, 2, 0).Sum() + x[0].Sum(), [[2, 3]]),
        ["expand"] = (x => x[0].Expand([2, 3, 4]) * x[1], [[3, 1], [2, 3, 4]]),
        ["concat"] = (x => Tensor.Concat(1, x[0], x[1], x[0].Sin()), [[2, 3], [2, 1]]),
        ["stack chunk"] = (x => Tensor.Stack(1, x[0].Chunk(2, 0)[1], x[0].Chunk(2, 0)[0] * 3), [[4, 2]]),
        ["repeat pad flip"] = (x => x[0].Repeat(2, 1).Pad(1, 1, 2, 3).Flip(1), [[2, 3]]),
        ["reflect"] = (x => x[0].Pad(1, 2, 1, PaddingMode.Reflect).Pad(0, 1, 0, PaddingMode.Circular), [[2, 4]]),
        ["gather"] = (x => x[0].Gather(1, Tensor.FromIntegers([2, 0, 2, 2], [4])), [[2, 3, 2]]),
        ["embed"] = (x => x[0].Embed(Tensor.FromIntegers([1, 1, 0, 3], [2, 2])), [[4, 3]]),
        ["contiguous"] = (x => x[0].Transpose().Contiguous(), [[2, 3]]),
        ["matmul"] = (x => Tensor.MatMul(x[0], x[1]), [[2, 3], [3, 4]]),
        ["matmul rows"] = (x => Tensor.MatMul(x[0], x[1]), [[2, 2, 3], [3, 2]]),
        ["matmul batches"] = (x => Tensor.MatMul(x[0], x[1]), [[2, 1, 2, 3], [3, 3, 2]]),
        ["matmul one row"] = (x => Tensor.MatMul(x[0], x[1]), [[2, 3], [2, 3, 2]]),
        ["linear"] = (x => x[0].Linear(x[1], x[2]).Silu(), [[2, 2, 3], [4, 3], [4]]),
        ["linear vector"] = (x => x[0].Linear(x[1], x[2]), [[3], [4, 3], [4]]),
        ["conv"] = (x => x[0].Conv2d(x[1], x[2], padding: 1), [[1, 2, 4, 3], [3, 2, 3, 3], [3]]),
        ["conv stride"] = (x => x[0].Conv2d(x[1], null, stride: 2, padding: 1), [[2, 2, 5, 4], [2, 2, 3, 3]]),
        ["conv dilation"] = (x => x[0].Conv2d(x[1], null, dilation: 2, padding: 2), [[1, 1, 5, 6], [2, 1, 3, 2]]),
        ["conv groups"] = (x => x[0].Conv2d(x[1], null, padding: 1, groups: 2), [[1, 4, 3, 3], [6, 2, 3, 3]]),
        ["conv asymmetric"] = (x => x[0].Convolution(x[1], null, new() { Padding = (0, 1, 1, 0), Stride = (2, 1) }), [[1, 2, 5, 4], [2, 2, 3, 2]]),
        ["conv input dilation"] = (x => x[0].Convolution(x[1], null, new() { InputDilation = (2, 3), Padding = (1, 2, 0, 1), Stride = (1, 2) }), [[1, 2, 3, 2], [2, 2, 3, 2]]),
        ["conv everything"] = (x => x[0].Convolution(x[1], null, new() { InputDilation = (2, 1), Padding = (2, 1, 1, 2), Stride = (2, 3), Dilation = (1, 2), Groups = 2 }), [[2, 2, 4, 5], [4, 1, 3, 2]]),
        ["conv unused edge"] = (x => x[0].Conv2d(x[1], null, stride: 3), [[1, 1, 6, 8], [1, 1, 2, 2]]),
        ["conv upsampled"] = (x => x[0].UpsampleNearest(2).Conv2d(x[1], null, padding: 1), [[1, 2, 2, 3], [2, 2, 3, 3]]),
        ["conv 1d"] = (x => x[0].Conv1d(x[1], x[2], padding: 1), [[2, 2, 5], [3, 2, 3], [3]]),
        ["conv transposed"] = (x => x[0].ConvTranspose2d(x[1], x[2], stride: 2, padding: 1, outputPadding: 1), [[1, 2, 3, 2], [2, 2, 3, 3], [2]]),
        ["group norm"] = (x => x[0].GroupNorm(2, x[1], x[2]), [[2, 4, 2, 3], [4], [4]]),
        ["group norm plain"] = (x => x[0].GroupNorm(2), [[2, 4, 3]]),
        ["group norm of rank 2"] = (x => x[0].GroupNorm(1, x[1], x[2], 0.1), [[3, 4], [4], [4]]),
        ["layer norm"] = (x => x[0].LayerNorm(x[1], x[2]), [[2, 2, 5], [5], [5]]),
        ["layer norm plain"] = (x => x[0].LayerNorm(), [[3, 4]]),
        ["layer norm bias"] = (x => x[0].LayerNorm(null, x[1]), [[4], [4]]),
        ["rms norm"] = (x => x[0].RmsNorm(x[1]), [[3, 4], [4]]),
        ["rms norm plain"] = (x => x[0].RmsNorm(), [[4]]),
        ["softmax"] = (x => x[0].Softmax(), [[2, 3, 4]]),
        ["attention"] = (x => Tensor.Attention(x[0], x[1], x[2]), [[1, 2, 3, 2], [1, 2, 4, 2], [1, 2, 4, 3]]),
        ["attention masked"] = (x => Tensor.Attention(x[0], x[1], x[2], 0.7, x[3]), [[2, 1, 3, 2], [2, 1, 3, 2], [2, 1, 3, 2], [1, 3]]),
        ["attention causal"] = (x => Tensor.Attention(x[0], x[1], x[2], causal: true), [[1, 2, 3, 2], [1, 2, 3, 2], [1, 2, 3, 2]]),
        ["sum mean"] = (x => x[0].Sum(0, 2) * x[0].Mean(2, 0) + x[0].Sum(), [[2, 3, 2]]),
        ["mean of everything"] = (x => x[0].Mean().Square(), [[2, 3]]),
        ["max min"] = (x => x[0].Max(1) * 2 + x[0].Min(-1), [[3, 5]]),
        ["product"] = (x => (x[0] + 2).Reduce(ReductionKind.Product, [1], true), [[2, 3]]),
        ["standard deviation"] = (x => x[0].StandardDeviation(1, 1), [[2, 4]]),
        ["upsample"] = (x => x[0].UpsampleNearest(3), [[1, 2, 2, 2]]),
        ["average pool"] = (x => x[0].AveragePool2d(2, 2), [[1, 2, 5, 4]]),
        ["cast"] = (x => x[0].Square().Cast(ElementType.Float64), [[3]]),
        ["through integers"] = (x => x[0] * 2 + x[0].Cast(ElementType.Int32) + x[0].Cast(ElementType.Int64).Cast(ElementType.Float64), [[4]]),
        ["fourier"] = (x => Fourier.ScaleLowFrequencies(x[0], 1, 0.5), [[1, 3, 4]]),
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_rule_agrees_with_differences(string name)
    {
        var (function, shapes) = All[name];
        var random = new Random(13);
        // Away from 0 and from whole and half numbers, where steps and kinks are.
        FiniteDifference.Check(function, [.. shapes.Select(s => Host.Of(s, _ => (random.Next(2) * 2 - 1) * (0.05 + 0.4 * random.NextDouble()) + random.Next(2) * 0.5))]);
    }

    [Fact]
    public void A_gradient_has_a_gradient()
    {
        FiniteDifference.Check(x => Gradient.Of((x[0].Silu() * x[1]).Square().Sum(), x[0])[0], Host.Random(new Random(1), 3), Host.Random(new Random(2), 3));
        FiniteDifference.Check(x => Gradient.Of(x[0].Linear(x[1]).Softmax().Log().Sum(), x[0], x[1])[1], Host.Random(new Random(3), 2, 3), Host.Random(new Random(4), 2, 3));
        FiniteDifference.Check(x => Gradient.Of(x[0].Conv2d(x[1], padding: 1).Square().Sum(), x[0])[0], Host.Random(new Random(5), 1, 1, 3, 3), Host.Random(new Random(6), 1, 1, 3, 3));
        var third = Gradient.Function(Gradient.Function(Gradient.Function(x => x.Power(4).Sum())));
        // The gradient of a sum of gradients: for one element the third derivative, 24x.
        Assert.Equal(36, third(Tensor.FromDoubles([1.5], [1])).ToScalar(), 1e-9);
    }

    [Fact]
    public void A_kink_is_shared()
    {
        var x = Tensor.From([1f, 1, 0], [3]);
        Assert.Equal([0.5f, 0.5f, 0], Gradient.Of(x.Max(), x)[0].ToArray());
        Assert.Equal([0.5f, 0.5f, 0], Gradient.Of(Tensor.Maximum(x, Tensor.Ones([3])).Sum(), x)[0].ToArray());
        Assert.Equal([1f, 1, 0], Gradient.Of(x.Relu().Sum(), x)[0].ToArray());
    }

    [Fact]
    public void An_input_may_be_computed_and_depend_on_another()
    {
        var x = Tensor.From([3f], []);
        var y = x.Square();
        var z = y * x;
        // The total derivative: z = x³.
        var gradients = Gradient.Of(z, x, y);
        Assert.Equal(27, gradients[0].ToScalar(), 1e-5);
        Assert.Equal(3, gradients[1].ToScalar(), 1e-6);
        Assert.Equal(1, Gradient.Of(z, z)[0].ToScalar());
    }

    [Fact]
    public void An_input_is_not_looked_behind()
    {
        // Bicubic resampling has no rule, and needs none here.
        var x = Tensor.Ones([1, 1, 3, 3]).Resample(2, 2, ResamplingMode.Bicubic);
        Assert.Equal([2f, 2, 2, 2], Gradient.Of(x.Square().Sum(), x)[0].ToArray());
        var other = Tensor.Ones([1, 1, 3, 3]).Resample(2, 2, ResamplingMode.Bicubic);
        Assert.Equal([1f, 1, 1, 1], Gradient.Of((x * other).Sum(), x)[0].ToArray());
    }

    [Fact]
    public void What_is_not_used_has_gradient_zero()
    {
        var (x, y) = (Tensor.From([1f, 2], [2]), Tensor.From([3f, 4], [2]));
        Assert.Equal([0f, 0], Gradient.Of(x.Sum(), y)[0].ToArray());
    }

    [Fact]
    public void A_cotangent_may_be_given()
    {
        var x = Tensor.From([1f, 2], [2]);
        Assert.Equal([6f, 20], Gradient.VectorJacobian(x.Square(), Tensor.From([3f, 5], [2]), x)[0].ToArray());
        Assert.Contains("[3]", Assert.Throws<TensorShapeException>(() => Gradient.VectorJacobian(x.Square(), Tensor.Ones([3]), x)).Message, StringComparison.Ordinal);
        Assert.Contains("[2]", Assert.Throws<TensorShapeException>(() => Gradient.Of(x.Square(), x)).Message, StringComparison.Ordinal);
        var realized = x.Sum().Realize();
        Assert.Contains("realised", Assert.Throws<InvalidOperationException>(() => Gradient.Of(realized, x)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Half_precision_gets_gradients_of_its_type()
    {
        var x = Tensor.From([1f, 2], [2]).Cast(ElementType.Float16).Realize();
        var gradient = Gradient.Of((x.Cast(ElementType.Float32) * 1.5).Square().Sum(), x)[0];
        Assert.Equal(ElementType.Float16, gradient.ElementType);
        Assert.Equal([4.5f, 9], gradient.ToArray());
    }

    public static TheoryData<string> Unsupported => ["bicubic", "bilinear", "shrinking", "max pool", "overlapping pool", "quantile", "far padding"];

    [Theory]
    [MemberData(nameof(Unsupported))]
    public void What_has_no_rule_says_so(string name)
    {
        var x = Tensor.Ones([1, 2, 4, 4]);
        var y = name switch
        {
            "bicubic" => x.Resample(8, 8, ResamplingMode.Bicubic),
            "bilinear" => x.Resample(8, 8, ResamplingMode.Bilinear),
            "shrinking" => x.Resample(2, 2, ResamplingMode.Nearest),
            "max pool" => x.MaxPool2d(2, 2),
            "overlapping pool" => x.AveragePool2d(3, 1),
            "quantile" => x.Quantile(0.5),
            _ => x.Conv2d(Tensor.Ones([1, 2, 1, 1]), padding: 1),
        };
        Assert.Contains("rule", Assert.Throws<NotSupportedException>(() => Gradient.Of(y.Sum(), x)).Message, StringComparison.Ordinal);
    }
}
