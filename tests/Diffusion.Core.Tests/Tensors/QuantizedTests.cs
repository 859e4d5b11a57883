using Diffusion.Core.Devices;
using Diffusion.Core.Models;
using Diffusion.Core.Tensors;
using Diffusion.Core.Tensors.Gradients;
using Diffusion.Core.Weights;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

/// <summary>Weights as small integers: what they stand for, and what a linear layer makes of them.</summary>
public sealed class QuantizedTests
{
    private static readonly (int Outputs, int Inputs)[] Shapes = [(1, 1), (6, 5), (7, 64), (40, 33), (3, 100), (0, 8), (4, 0)];

    public static TheoryData<string> Kinds => [.. All.Keys];

    private static Dictionary<string, Quantization> All { get; } = new[]
    {
        Quantization.Int8, Quantization.Int8.WithGroupSize(16), Quantization.Int8Activations, Quantization.Int4, Quantization.Int4.WithGroupSize(0), Quantization.Int4.WithGroupSize(8),
    }.ToDictionary(q => q.Name);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_element_is_off_by_half_a_scale_at_most(string kind)
    {
        var quantization = All[kind];
        foreach (var (outputs, inputs) in Shapes)
        {
            var weight = Host.Random(new Random(outputs + inputs), outputs, inputs);
            var matrix = QuantizedMatrix.Quantize(weight.ToTensor(), quantization);
            Assert.Equal((outputs, inputs, quantization.Bits), (matrix.Outputs, matrix.Inputs, matrix.Bits));
            Assert.Equal([outputs, inputs], matrix.ToTensor().Shape.Lengths);
            var expected = Expected(matrix);
            expected.AssertEqual(matrix.ToTensor(), 1e-6);
            double[] scales = matrix.Scales.ToDoubles();
            for (int i = 0; i < weight.Data.Length; i++)
            {
                double scale = scales[i / inputs * matrix.Scales.Shape[1] + (matrix.GroupSize == 0 ? 0 : i % inputs / matrix.GroupSize)];
                Assert.True(Math.Abs(weight.Data[i] - expected.Data[i]) <= scale * 0.501, $"{outputs}x{inputs}, element {i}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_linear_layer_multiplies_by_what_the_integers_stand_for(string kind)
    {
        var random = new Random(3);
        foreach (var (outputs, inputs) in Shapes)
        {
            var matrix = QuantizedMatrix.Quantize(Host.Random(random, outputs, inputs).ToTensor(), All[kind]);
            var bias = Host.Random(random, outputs);
            foreach (int[] rows in new int[][] { [], [1], [3], [2, 11], [0] })
            {
                var x = Host.Random(random, [.. rows, inputs]);
                var product = Host.MatMul(x.Reshape(Host.Count(rows), inputs), Expected(matrix).Permute(1, 0)).Reshape([.. rows, outputs]);
                var expected = Host.Zip(product, bias, (a, b) => a + b);
                // Rounded activations are off by half of 1/127 of their largest, which is below 1.
                double tolerance = matrix.RoundsActivations ? 0.5 / 127 * inputs * 0.7 + 1e-5 : 1e-5;
                expected.AssertEqual(x.ToTensor().Linear(matrix, bias.ToTensor()), tolerance);
                expected.AssertEqual(x.ToTensor().Linear(matrix.ToTensor(), bias.ToTensor()), tolerance);
                // The tensor's elements were asked for in between: it keeps its integers.
                expected.AssertEqual(x.ToTensor().Linear(matrix.ToTensor().Realize(), bias.ToTensor()), tolerance);
            }
        }
    }

    [Fact]
    public void The_layer_is_one_kernel_with_its_epilogue()
    {
        var random = new Random(5);
        var x = Host.Random(random, 2, 9, 16).ToTensor();
        var weight = QuantizedMatrix.Quantize(Host.Random(random, 16, 16).ToTensor(), Quantization.Int8).ToTensor();
        var report = Device.Cpu.Explain((x.Linear(weight, Host.Random(random, 16).ToTensor()).Gelu() + x) / 1.5);
        var kernel = Assert.Single(report.Kernels);
        Assert.Equal("QuantizedGemm", kernel.Name);
        Assert.Equal(["Add", "Gelu", "Add", "Divide"], kernel.Fused);
        Assert.Equal("QuantizedGemm", Assert.Single(Device.Cpu.Explain(x.Linear(weight.Realize())).Kernels).Name);
    }

    [Fact]
    public void Half_and_double_activations_keep_their_type()
    {
        var random = new Random(6);
        var (x, w) = (Host.Random(random, 4, 24), Host.Random(random, 8, 24));
        var matrix = QuantizedMatrix.Quantize(w.ToTensor(), Quantization.Int8);
        var expected = Host.MatMul(x, Expected(matrix).Permute(1, 0));
        foreach (var (type, tolerance) in new[] { (ElementType.Float16, 1e-2), (ElementType.BFloat16, 6e-2), (ElementType.Float64, 1e-12) })
        {
            var y = x.ToTensor(type).Linear(matrix);
            Assert.Equal(type, y.ElementType);
            expected.AssertEqual(y.Cast(type == ElementType.Float64 ? type : ElementType.Float32), tolerance);
        }
    }

    [Fact]
    public void Gradients_go_through_to_activations_and_scales()
    {
        var random = new Random(7);
        var x = Host.Random(random, 2, 3, 20).ToTensor(ElementType.Float64);
        foreach (var kind in new[] { Quantization.Int8, Quantization.Int4.WithGroupSize(8) })
        {
            var matrix = QuantizedMatrix.Quantize(Host.Random(random, 5, 20).ToTensor(), kind);
            var scales = matrix.Scales.Cast(ElementType.Float64).Realize();
            var cotangent = Host.Random(random, 2, 3, 5).ToTensor(ElementType.Float64);
            Tensor Loss(Func<Tensor, QuantizedMatrix, Tensor> layer) => (layer(x, QuantizedMatrix.Of(matrix.Integers, scales, 20, kind.GroupSize)) * cotangent).Sum();
            var actual = Gradient.Of(Loss((t, m) => t.Linear(m)), x, scales);
            // The same layer from operations that have rules of their own.
            var expected = Gradient.Of(Loss((t, m) => Tensor.MatMul(t, Plain(m).Transpose())), x, scales);
            for (int i = 0; i < 2; i++)
                Assert.All(actual[i].ToDoubles().Zip(expected[i].ToDoubles()), pair => Assert.Equal(pair.Second, pair.First, 1e-9));
        }
        var rounded = QuantizedMatrix.Quantize(Host.Random(random, 5, 20).ToTensor(), Quantization.Int8Activations);
        Assert.Contains("weights only", Assert.Throws<NotSupportedException>(() => Gradient.Of(x.Linear(rounded).Sum(), x)).Message, StringComparison.Ordinal);

        // Products with ones are tensors without integers.
        static Tensor Plain(QuantizedMatrix m) => m.ToTensor() * 1.0;
    }

    [Fact]
    public void Parts_that_do_not_fit_are_refused()
    {
        var integers = Tensor.Zeros([4, 16], ElementType.Int8);
        void Refused<T>(string reason, Action action)
            where T : Exception => Assert.Contains(reason, Assert.Throws<T>(action).Message, StringComparison.Ordinal);
        Refused<TensorShapeException>("Int8 [outputs, 20]", () => QuantizedMatrix.Of(integers, Tensor.Ones([4, 1]), 20));
        Refused<TensorShapeException>("[4, 1]", () => QuantizedMatrix.Of(integers, Tensor.Ones([4, 2]), 16));
        Refused<TensorShapeException>("multiple of 8", () => QuantizedMatrix.Of(integers, Tensor.Ones([4, 4]), 16, 4));
        Refused<NotSupportedException>("one scale an output", () => QuantizedMatrix.Of(integers, Tensor.Ones([4, 2]), 16, 8, roundsActivations: true));
        Refused<TensorShapeException>("expected […, 16]", () => Tensor.Ones([2, 15]).Linear(QuantizedMatrix.Of(integers, Tensor.Ones([4, 1]), 16)));
        Refused<ArgumentException>("finite", () => QuantizedMatrix.Quantize(Tensor.From([1, float.NaN], [1, 2]), Quantization.Int8));
        Refused<TensorShapeException>("matrix", () => QuantizedMatrix.Quantize(Tensor.Ones([2]), Quantization.Int8));
        Refused<NotSupportedException>("None", () => QuantizedMatrix.Quantize(Tensor.Ones([2, 2]), Quantization.None));
        Refused<NotSupportedException>("one scale an output", () => Quantization.Int8Activations.WithGroupSize(8));
        Refused<ArgumentException>("multiple of 8", () => Quantization.Int4.WithGroupSize(12));
    }

    [Fact]
    public void A_name_gives_its_quantization()
    {
        foreach (var (name, quantization) in All)
            Assert.Equal((name, quantization.Bits, quantization.GroupSize, quantization.RoundsActivations), Parts(Quantization.ByName(name)));
        Assert.True(Quantization.ByName("").IsNone);
        foreach (string wrong in new[] { "int9", "int4-", "int4-12", "int4-x", "-8" })
            Assert.Throws<ArgumentException>(() => Quantization.ByName(wrong));

        static (string, int, int, bool) Parts(Quantization q) => (q.Name, q.Bits, q.GroupSize, q.RoundsActivations);
    }

    [Fact]
    public void Only_linear_layers_of_a_model_are_quantised()
    {
        var weights = ModelWeights.Of(new Dictionary<string, Tensor>
        {
            ["blocks.0.to_q.weight"] = Tensor.Ones([32, 64]).AsConstant(),
            ["blocks.0.to_q.bias"] = Tensor.Ones([32]).AsConstant(),
            ["conv.weight"] = Tensor.Ones([8, 4, 3, 3]).AsConstant(),
            ["embeddings.token_embedding.weight"] = Tensor.Ones([100, 64]).AsConstant(),
            ["time_embedding.linear_1.weight"] = Tensor.Ones([16, 64]).AsConstant(),
        });
        var quantized = weights.Quantized(Quantization.Int8);
        Assert.Equal(
            ["blocks.0.to_q.weight", "time_embedding.linear_1.weight"],
            quantized.Names.Where(name => !ReferenceEquals(quantized[name], weights[name])));
        Assert.Equal(weights.ByteLength - (32 + 16) * (64 * 3 - 4), quantized.ByteLength);
        Assert.Same(weights, weights.Quantized(Quantization.None));
        var own = weights.Quantized(Quantization.Int4.WithLayers(name => name.StartsWith("blocks", StringComparison.Ordinal)));
        Assert.Same(weights["time_embedding.linear_1.weight"], own["time_embedding.linear_1.weight"]);
        var bad = weights.With("blocks.0.to_q.weight", Tensor.Full(double.NaN, [2, 2]));
        Assert.Contains("to_q.weight", Assert.Throws<ArgumentException>(() => bad.Quantized(Quantization.Int8)).Message, StringComparison.Ordinal);
    }

    private static Host Expected(QuantizedMatrix matrix)
    {
        var integers = matrix.Integers.ToIntegers();
        var scales = matrix.Scales.ToDoubles();
        int stored = matrix.Integers.Shape[1], groups = matrix.Scales.Shape[1];
        return Host.Of([matrix.Outputs, matrix.Inputs], at =>
        {
            long q = matrix.Bits == 8 ? integers[at[0] * stored + at[1]] : integers[at[0] * stored + at[1] / 2] >> (at[1] % 2 * 4) & 15;
            if (matrix.Bits == 4 && q > 7)
                q -= 16;
            return q * scales[at[0] * groups + (matrix.GroupSize == 0 ? 0 : at[1] / matrix.GroupSize)];
        });
    }
}
