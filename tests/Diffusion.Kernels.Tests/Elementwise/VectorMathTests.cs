using System.Numerics;
using Diffusion.Kernels.Cpu;
using Diffusion.Kernels.Reference;

namespace Diffusion.Kernels.Tests.Elementwise;

/// <summary>The SIMD functions against float64, over random and special arguments.</summary>
public sealed class VectorMathTests
{
    // Operation, range, allowed units in the last place. Cancelling forms (mish, the gelus) are bounded where they are not tiny.
    public static TheoryData<ElementwiseOp, double, double, double> Bounds { get; } = new()
    {
        { ElementwiseOp.Exp, -87, 88.7, 2 },
        { ElementwiseOp.Exp, -1, 1, 2 },
        { ElementwiseOp.Log, 1e-37, 1e37, 2 },
        { ElementwiseOp.Log, 0.5, 2, 2 },
        { ElementwiseOp.Sqrt, 0, 1e30, 0.5001 },
        { ElementwiseOp.ReciprocalSqrt, 1e-30, 1e30, 1.5 },
        { ElementwiseOp.Sin, -10, 10, 1 },
        { ElementwiseOp.Sin, -1e9, 1e9, 1 },
        { ElementwiseOp.Cos, -10, 10, 1 },
        { ElementwiseOp.Cos, -400_000, 400_000, 1 },
        { ElementwiseOp.Tanh, -10, 10, 3 },
        { ElementwiseOp.Tanh, -0.7, 0.7, 3 },
        { ElementwiseOp.Erf, -4.5, 4.5, 2 },
        { ElementwiseOp.Erf, -1, 1, 2 },
        { ElementwiseOp.Sigmoid, -80, 80, 4 },
        { ElementwiseOp.Silu, -80, 80, 4 },
        { ElementwiseOp.Gelu, -4, 8, 24 },
        { ElementwiseOp.Gelu, -12.5, -4, 256 },
        { ElementwiseOp.Softplus, -80, 80, 4 },
        { ElementwiseOp.Mish, -20, 40, 8 },
        { ElementwiseOp.QuickGelu, -10, 40, 24 },
        { ElementwiseOp.GeluTanh, -2, 8, 16 },
    };

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Stays_within_its_bound(ElementwiseOp op, double low, double high, double ulps)
    {
        var random = new Random((int)op);
        double worst = 0, at = 0;
        for (int i = 0; i < 40_000; i++)
        {
            float x = (float)(low + (high - low) * random.NextDouble());
            double expected = ReferenceProgram.Apply(op, x, 0, 0);
            double error = Math.Abs(Apply(op, x) - expected) / Ulp(expected);
            if (error > worst)
                (worst, at) = (error, x);
        }
        Assert.True(worst <= ulps, $"{op} is {worst:F2} ulp wrong at {at:R}.");
    }

    [Fact]
    public void Power_is_close_everywhere()
    {
        var random = new Random(5);
        for (int i = 0; i < 20_000; i++)
        {
            float x = (float)Math.Exp(random.NextDouble() * 20 - 10), y = (float)(random.NextDouble() * 12 - 6);
            double expected = Math.Pow(x, y);
            Assert.True(Math.Abs(Apply(ElementwiseOp.Power, x, y) - expected) <= Ulp(expected), $"{x:R}^{y:R}");
        }
        foreach (float x in Specials)
        {
            foreach (float y in Specials)
                Assert.Equal((float)Math.Pow(x, y), Apply(ElementwiseOp.Power, x, y));
        }
    }

    [Theory]
    [InlineData(ElementwiseOp.Exp)]
    [InlineData(ElementwiseOp.Log)]
    [InlineData(ElementwiseOp.Sqrt)]
    [InlineData(ElementwiseOp.Reciprocal)]
    [InlineData(ElementwiseOp.Sin)]
    [InlineData(ElementwiseOp.Cos)]
    [InlineData(ElementwiseOp.Tanh)]
    [InlineData(ElementwiseOp.Erf)]
    [InlineData(ElementwiseOp.Sigmoid)]
    [InlineData(ElementwiseOp.Relu)]
    [InlineData(ElementwiseOp.Softplus)]
    [InlineData(ElementwiseOp.Sign)]
    [InlineData(ElementwiseOp.Abs)]
    [InlineData(ElementwiseOp.Floor)]
    [InlineData(ElementwiseOp.Ceiling)]
    [InlineData(ElementwiseOp.Round)]
    [InlineData(ElementwiseOp.Square)]
    public void Special_arguments_give_what_float64_gives(ElementwiseOp op)
    {
        foreach (float x in Specials)
        {
            float expected = (float)ReferenceProgram.Apply(op, x, 0, 0), actual = Apply(op, x);
            bool close = expected.Equals(actual) || Math.Abs(expected - actual) <= 2e-6 * Math.Abs(expected) || (Math.Abs(expected) < 1e-37f && Math.Abs(actual) < 1e-37f);
            Assert.True(close, $"{op}({x:R}) is {actual:R}, expected {expected:R}.");
        }
    }

    [Theory]
    [InlineData(ElementwiseOp.Minimum)]
    [InlineData(ElementwiseOp.Maximum)]
    [InlineData(ElementwiseOp.Less)]
    [InlineData(ElementwiseOp.LessOrEqual)]
    [InlineData(ElementwiseOp.Equal)]
    [InlineData(ElementwiseOp.Add)]
    [InlineData(ElementwiseOp.Divide)]
    public void Special_pairs_give_what_float64_gives(ElementwiseOp op)
    {
        foreach (float x in Specials)
        {
            foreach (float y in Specials)
                Assert.Equal((float)ReferenceProgram.Apply(op, x, y, 0), Apply(op, x, y));
        }
    }

    [Fact]
    public void Lanes_and_tails_give_the_same_bits()
    {
        var random = new Random(3);
        foreach (var op in Enum.GetValues<ElementwiseOp>().Where(op => op.Arity() == 1))
        {
            var x = Enumerable.Range(0, 67).Select(_ => (float)(random.NextDouble() * 6 - 3)).ToArray();
            var whole = Apply(op, x);
            for (int i = 0; i < x.Length; i++)
                Assert.Equal(BitConverter.SingleToInt32Bits(whole[i]), BitConverter.SingleToInt32Bits(Apply(op, x[i])));
        }
    }

    [Theory]
    [InlineData(ElementwiseOp.Silu)]
    [InlineData(ElementwiseOp.Gelu)]
    [InlineData(ElementwiseOp.GeluTanh)]
    [InlineData(ElementwiseOp.QuickGelu)]
    public unsafe void Vectors_of_512_bits_give_the_same_bits(ElementwiseOp op)
    {
        var random = new Random(5);
        float[] x = [.. Specials, .. Enumerable.Range(0, 4000).Select(_ => (float)(random.NextDouble() * 40 - 20))], wide = new float[x.Length + 1], narrow = [.. wide];
        fixed (float* a = x, w = wide, n = narrow)
        {
            CpuWideOps.Loop(op)(w, a, a, a, x.Length);
            CpuTileOps.NarrowLoop(op)(n, a, a, a, x.Length);
        }
        Assert.Equal(narrow, wide);
        const int rows = 3, stride = 37, columns = 35;
        float[] gatedWide = new float[rows * stride], gatedNarrow = [.. gatedWide];
        fixed (float* a = x, w = gatedWide, n = gatedNarrow)
        {
            CpuWideOps.Gate(op)(w, stride, a + 500, a + 1000, 64, rows, columns);
            CpuTileOps.NarrowGate(op)(n, stride, a + 500, a + 1000, 64, rows, columns);
        }
        Assert.Equal(gatedNarrow, gatedWide);
        Assert.All([35, 36, 72, 73], i => Assert.Equal(0, gatedWide[i]));
    }

    private static readonly float[] Specials =
    [
        0f, -0f, 1f, -1f, 0.5f, -0.5f, 1.5f, 2.5f, -2.5f, 2f, 3f, -3f, 100f, -100f, 1e-40f, 1e-30f, -1e-30f, 1e30f, -1e30f, 600_000f,
        float.MaxValue, float.MinValue, float.Epsilon, float.PositiveInfinity, float.NegativeInfinity, float.NaN,
    ];

    private static double Ulp(double value)
    {
        float magnitude = Math.Max((float)Math.Abs(value), 1.1754944e-38f);
        return (double)MathF.BitIncrement(magnitude) - magnitude;
    }

    private static float Apply(ElementwiseOp op, float x, float y = 0) => Apply(op, [x], y)[0];

    private static unsafe float[] Apply(ElementwiseOp op, float[] x, float y = 0)
    {
        var result = new float[x.Length];
        var second = new float[x.Length];
        Array.Fill(second, y);
        fixed (float* a = x, b = second, target = result)
            CpuTileOps.Loop(op)(target, a, b, b, x.Length);
        return result;
    }

    [Fact]
    public void Vectors_are_as_wide_as_the_hardware_says() => Assert.True(Vector<float>.Count >= 4);
}
