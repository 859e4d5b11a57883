using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

public sealed class ElementwiseTests
{
    private static readonly ElementType[] Floats = [ElementType.Float32, ElementType.Float16, ElementType.BFloat16, ElementType.Float64];

    public static TheoryData<string> UnaryNames => [.. Unary.Keys];

    public static TheoryData<string> BinaryNames => [.. Binary.Keys];

    private static Dictionary<string, (Func<Tensor, Tensor> Op, Func<double, double> Meaning)> Unary { get; } = new()
    {
        ["negate"] = (x => -x, v => -v),
        ["abs"] = (x => x.Abs(), Math.Abs),
        ["sign"] = (x => x.Sign(), v => Math.Sign(v)),
        ["exp"] = (x => x.Exp(), Math.Exp),
        ["log"] = (x => x.Log(), Math.Log),
        ["sqrt"] = (x => x.Sqrt(), Math.Sqrt),
        ["rsqrt"] = (x => x.ReciprocalSqrt(), v => 1 / Math.Sqrt(v)),
        ["reciprocal"] = (x => x.Reciprocal(), v => 1 / v),
        ["square"] = (x => x.Square(), v => v * v),
        ["sin"] = (x => x.Sin(), Math.Sin),
        ["cos"] = (x => x.Cos(), Math.Cos),
        ["tanh"] = (x => x.Tanh(), Math.Tanh),
        ["erf"] = (x => x.Erf(), Erf),
        ["sigmoid"] = (x => x.Sigmoid(), Sigmoid),
        ["silu"] = (x => x.Silu(), v => v * Sigmoid(v)),
        ["relu"] = (x => x.Relu(), v => Math.Max(v, 0)),
        ["gelu"] = (x => x.Gelu(), v => 0.5 * v * (1 + Erf(v / Math.Sqrt(2)))),
        ["gelu tanh"] = (x => x.GeluTanh(), v => 0.5 * v * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v)))),
        ["quick gelu"] = (x => x.QuickGelu(), v => v * Sigmoid(1.702 * v)),
        ["mish"] = (x => x.Mish(), v => v * Math.Tanh(Math.Log(1 + Math.Exp(v)))),
        ["softplus"] = (x => x.Softplus(), v => Math.Log(1 + Math.Exp(v))),
        ["floor"] = (x => x.Floor(), Math.Floor),
        ["ceiling"] = (x => x.Ceiling(), Math.Ceiling),
        ["round"] = (x => x.Round(), Math.Round),
        ["clamp"] = (x => x.Clamp(-0.5, 0.75), v => Math.Clamp(v, -0.5, 0.75)),
        ["power 3"] = (x => x.Power(3), v => v * v * v),
        ["plus 2"] = (x => x + 2, v => v + 2),
        ["2 plus"] = (x => 2 + x, v => 2 + v),
        ["minus 2"] = (x => x - 2, v => v - 2),
        ["2 minus"] = (x => 2 - x, v => 2 - v),
        ["times 3"] = (x => x * 3, v => v * 3),
        ["3 times"] = (x => 3 * x, v => v * 3),
        ["over 3"] = (x => x / 3, v => v / 3),
        ["3 over"] = (x => 3 / x, v => 3 / v),
        ["flip"] = (x => x.Flip(0).Flip(0), v => v),
        ["contiguous"] = (x => x.Contiguous(), v => v),
    };

    private static Dictionary<string, (Func<Tensor, Tensor, Tensor> Op, Func<double, double, double> Meaning)> Binary { get; } = new()
    {
        ["add"] = ((a, b) => a + b, (a, b) => a + b),
        ["subtract"] = ((a, b) => a - b, (a, b) => a - b),
        ["multiply"] = ((a, b) => a * b, (a, b) => a * b),
        ["divide"] = ((a, b) => a / b, (a, b) => a / b),
        ["minimum"] = (Tensor.Minimum, Math.Min),
        ["maximum"] = (Tensor.Maximum, Math.Max),
        ["power"] = ((a, b) => Tensor.Power(a.Abs(), b), (a, b) => Math.Pow(Math.Abs(a), b)),
        ["less"] = (Tensor.IsLess, (a, b) => a < b ? 1 : 0),
        ["less or equal"] = (Tensor.IsLessOrEqual, (a, b) => a <= b ? 1 : 0),
        ["equal"] = (Tensor.IsEqual, (a, b) => a == b ? 1 : 0),
        ["where"] = ((a, b) => Tensor.Where(Tensor.IsLess(a, b), a, b * 2), (a, b) => a < b ? a : b * 2),
        ["multiply add"] = ((a, b) => Tensor.MultiplyAdd(a, b, a), (a, b) => a * b + a),
    };

    [Theory]
    [MemberData(nameof(UnaryNames))]
    public void One_operand(string name)
    {
        var (op, meaning) = Unary[name];
        var random = new Random(1);
        foreach (var type in Floats)
        {
            foreach (int[] shape in new int[][] { [7], [3, 5], [2, 1, 37], [1], [0, 4], [2, 3, 2, 2] })
            {
                // Representable in all types.
                bool positive = name is "log" or "sqrt" or "rsqrt" or "reciprocal" or "3 over";
                var x = Host.Of(shape, _ => (positive ? 0.25 : -2) + random.Next(1, 30) / 8.0);
                var y = op(x.ToTensor(type));
                Assert.Equal(type, y.ElementType);
                x.Map(meaning).AssertEqual(y, Tolerance(type), $"{name} {type}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(BinaryNames))]
    public void Two_operands_broadcast(string name)
    {
        var (op, meaning) = Binary[name];
        var random = new Random(2);
        foreach (var type in Floats)
        {
            foreach (var (left, right) in new (int[], int[])[]
            {
                ([4, 5], [4, 5]), ([4, 5], [5]), ([4, 1], [1, 5]), ([3, 1, 2], [4, 1]), ([1], [6, 2]), ([0, 3], [1, 3]), ([0, 3], [3]), ([2, 0], [1]), ([2, 3, 4, 5], [3, 1, 1]),
            })
            {
                var a = Host.Of(left, _ => random.Next(1, 20) / 4.0 * (random.Next(2) * 2 - 1));
                var b = Host.Of(right, _ => random.Next(1, 16) / 4.0 * (random.Next(2) * 2 - 1));
                var expected = Host.Zip(a, b, meaning);
                expected.AssertEqual(op(a.ToTensor(type), b.ToTensor(type)), Tolerance(type), $"{name} {type}");
            }
        }
    }

    [Theory]
    [InlineData(ElementType.Int8)]
    [InlineData(ElementType.UInt8)]
    [InlineData(ElementType.Int32)]
    [InlineData(ElementType.Int64)]
    public void Integers_take_part_as_float32(ElementType type)
    {
        var x = Host.Of([2, 5], i => i[0] * 5 + i[1] + 1);
        var t = x.ToTensor(type);
        Assert.Equal(type, t.ElementType);
        x.AssertEqual(t, 0);
        var y = (t + 0.5) / t;
        Assert.Equal(ElementType.Float32, y.ElementType);
        x.Map(v => (v + 0.5) / v).AssertEqual(y, 1e-6);
        x.AssertEqual(t.Permute(1, 0).Contiguous().Permute(1, 0), 0);
        Host.Concat(1, x, x).AssertEqual(Tensor.Concat(1, t, t), 0);
        x.Pick(0, [1, 1, 0]).AssertEqual(t.Gather(0, Tensor.FromIntegers([1, 1, 0], [3])), 0);
    }

    [Fact]
    public void Integers_convert_exactly()
    {
        var big = Tensor.FromIntegers([long.MaxValue, -(1L << 60) - 1, 3], [3]);
        Assert.Equal([long.MaxValue, -(1L << 60) - 1, 3], big.Contiguous().ToIntegers());
        Assert.Equal([1L << 40, 300], Tensor.FromIntegers([1L << 40, 300], [2]).ToIntegers());
        Assert.Equal([int.MaxValue, 300], Tensor.FromIntegers([1L << 40, 300], [2]).Cast(ElementType.Int32).ToIntegers());
        Assert.Equal([127, -128, 5], Tensor.FromIntegers([1000, -1000, 5], [3]).Cast(ElementType.Int8).ToIntegers());
    }

    [Fact]
    public void Floats_convert_to_integers_by_cutting_and_saturating()
    {
        var x = Tensor.From([1.9f, -1.9f, 300, -300, float.NaN, float.PositiveInfinity], [6]);
        Assert.Equal([1, -1, 127, -128, 0, 127], x.Cast(ElementType.Int8).ToIntegers());
        Assert.Equal([1, 0, 255, 0, 0, 255], x.Cast(ElementType.UInt8).ToIntegers());
        Assert.Equal([1, -1, 300, -300, 0, int.MaxValue], x.Cast(ElementType.Int32).ToIntegers());
        // Cut in between, whatever is fused.
        Assert.Equal([2f, -2, 254, -256, 0, 254], (x.Cast(ElementType.Int8) * 2).ToArray());
    }

    [Fact]
    public void Constants_are_what_their_type_can_store()
    {
        Assert.Equal([1f, 1], Tensor.Full(1.7, [2], ElementType.Int32).Cast(ElementType.Float32).ToArray());
        Assert.Equal([2.5f, 2.5f], (Tensor.Full(1.7, [2], ElementType.Int32) + 1.5).ToArray());
        Assert.Equal([2.5f, 2.5f], (Tensor.Full(1.7, [2]).Cast(ElementType.Int32) + 1.5).ToArray());
        Assert.Equal([2.5f, 2.5f], (Tensor.Full(1.7, [2, 1]).Reshape(2).Cast(ElementType.Int32) + 1.5).ToArray());
        Assert.Equal((float)(Half)0.1f, Tensor.Full(0.1, [1], ElementType.Float16).Cast(ElementType.Float32).ToArray()[0]);
        Assert.Equal(0.10009765625f, Tensor.Full(0.1, [1], ElementType.BFloat16).Cast(ElementType.Float32).ToArray()[0]);
        Assert.Equal((double)0.1f, Tensor.Full(0.1, [1]).Cast(ElementType.Float64).ToDoubles()[0]);
        Assert.Equal(0.1, Tensor.Full(0.1, [1], ElementType.Float64).ToDoubles()[0]);
        Assert.Equal([255L, 0], Tensor.Concat(0, Tensor.Full(999, [1], ElementType.UInt8), Tensor.Full(-1, [1], ElementType.UInt8)).ToIntegers());
    }

    [Fact]
    public void A_number_beside_a_half_keeps_its_precision()
    {
        var x = Tensor.From([1000], [1]).Cast(ElementType.Float16);
        // In half precision 0.1 is 0.09998, and the product would be 99.975.
        Assert.Equal((float)(Half)100f, (x * 0.1).ToArray()[0]);
    }

    [Fact]
    public void Types_that_meet_become_the_wider()
    {
        var (f16, bf16, f32, f64) = (Tensor.Ones([2], ElementType.Float16), Tensor.Ones([2], ElementType.BFloat16), Tensor.Ones([2]), Tensor.Ones([2], ElementType.Float64));
        Assert.Equal(ElementType.Float16, (f16 + f16).ElementType);
        Assert.Equal(ElementType.Float32, (f16 + bf16).ElementType);
        Assert.Equal(ElementType.Float32, (f16 + f32).ElementType);
        Assert.Equal(ElementType.Float64, (f32 + f64).ElementType);
        Assert.Equal([2.0, 2.0], (f16 + f64).ToDoubles());
    }

    [Fact]
    public void Special_values_follow_ieee()
    {
        var x = Tensor.From([float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f], [4]);
        var y = Tensor.From([1f, 1, 1, 1], [4]);
        Assert.Equal([float.NaN, 1, float.NegativeInfinity, 0], Tensor.Minimum(x, y).ToArray());
        Assert.Equal([float.NaN, float.PositiveInfinity, 1, 1], Tensor.Maximum(x, y).ToArray());
        Assert.Equal([float.NaN, 1, 0, 0.5f], x.Sigmoid().ToArray());
        Assert.Equal([float.NaN, float.PositiveInfinity, 0, 1], x.Exp().ToArray());
        Assert.Equal([0f, 0, 0, 1], Tensor.IsEqual(x, x * 0 + 0).ToArray());
        Assert.Equal([-1f, 0, 1], Tensor.From([-5f, 0, 2], [3]).Sign().ToArray());
        Assert.Equal([-2f, 0, 2, 2], Tensor.From([-1.5f, 0.5f, 1.5f, 2.5f], [4]).Round().ToArray());
    }

    [Theory]
    [InlineData("silu")]
    [InlineData("swish")]
    [InlineData("gelu")]
    [InlineData("gelu_new")]
    [InlineData("quick_gelu")]
    [InlineData("relu")]
    [InlineData("mish")]
    [InlineData("tanh")]
    [InlineData("sigmoid")]
    [InlineData("linear")]
    public void Activations_have_names(string name)
    {
        var x = Tensor.From([-1f, 0.5f, 2], [3]);
        var expected = name switch
        {
            "silu" or "swish" => x.Silu(),
            "gelu" => x.Gelu(),
            "gelu_new" => x.GeluTanh(),
            "quick_gelu" => x.QuickGelu(),
            "relu" => x.Relu(),
            "mish" => x.Mish(),
            "tanh" => x.Tanh(),
            "sigmoid" => x.Sigmoid(),
            _ => x,
        };
        Assert.Equal(expected.ToArray(), x.Activate(name).ToArray());
    }

    [Fact]
    public void A_chain_of_very_many_operations_is_computed()
    {
        var x = Tensor.From([1f, 2], [2]);
        var y = x;
        for (int i = 0; i < 5000; i++)
            y = y + x;
        Assert.Equal([5001f, 10002], y.ToArray());
    }

    [Fact]
    public void A_sum_of_many_tensors_is_computed()
    {
        var random = new Random(3);
        var parts = Enumerable.Range(0, 70).Select(_ => Host.Random(random, 3, 4)).ToArray();
        var sum = parts.Skip(1).Aggregate(parts[0], (a, b) => Host.Zip(a, b, (x, y) => x + y * 0.5));
        sum.AssertEqual(parts.Skip(1).Aggregate(parts[0].ToTensor(), (a, b) => a + b.ToTensor() * 0.5), 1e-5);
    }

    private static double Tolerance(ElementType type) => type switch
    {
        ElementType.Float64 => 1e-12,
        ElementType.Float32 => 3e-6,
        ElementType.Float16 => 1e-3,
        _ => 8e-3,
    };

    private static double Sigmoid(double v) => 1 / (1 + Math.Exp(-v));

    // Maclaurin's series; exact enough for |v| < 4.
    private static double Erf(double v)
    {
        double term = v, sum = v;
        for (int n = 1; n < 120; n++)
        {
            term *= -v * v / n;
            sum += term / (2 * n + 1);
        }
        return 2 / Math.Sqrt(Math.PI) * sum;
    }
}
