using System.Runtime.Intrinsics;
using Diffusion.Kernels.Cpu;

namespace Diffusion.Kernels.Tests.Attention;

/// <summary>Powers of two that weigh scores, against float64.</summary>
public sealed unsafe class ScoresTests
{
    [Theory]
    [InlineData(-126, 127)]
    [InlineData(-60, 60)]
    [InlineData(-1, 1)]
    public void Powers_are_within_two_and_a_half_units_in_the_last_place(double low, double high)
    {
        var random = new Random(7);
        var power = PowerOfTwo.Load();
        double worst = 0;
        for (int i = 0; i < 40_000; i++)
        {
            float x = (float)(low + (high - low) * random.NextDouble());
            double expected = Math.Pow(2, x), unit = MathF.BitIncrement((float)expected) - (float)expected;
            worst = Math.Max(worst, Math.Abs(power.Of(Vector256.Create(x))[3] - expected) / unit);
            if (x <= 0)
                Assert.Equal(power.Of(Vector256.Create(x))[0], power.OrZero(Vector256.Create(x))[0]);
        }
        Assert.True(worst <= 2.5, $"{worst:F2} units");
    }

    [Fact]
    public void Whole_powers_are_exact_and_what_vanishes_is_zero()
    {
        var power = PowerOfTwo.Load();
        for (int n = -126; n <= 127; n++)
            Assert.Equal(MathF.ScaleB(1, n), power.Of(Vector256.Create((float)n))[0]);
        Assert.Equal(0, power.OrZero(Vector256.Create(-126.5f))[0]);
        Assert.Equal(0, power.OrZero(Vector256.Create(float.NegativeInfinity))[0]);
        Assert.Equal(float.NaN, power.Of(Vector256.Create(float.NaN))[0]);
        Assert.Equal(float.NaN, power.OrZero(Vector256.Create(float.NaN))[0]);
    }

    [Fact]
    public void Wide_powers_are_the_same_to_the_bit()
    {
        var random = new Random(11);
        var (narrow, wide) = (PowerOfTwo.Load(), PowerOfTwoWide.Load());
        for (int i = 0; i < 4000; i++)
        {
            float x = (float)(-126 + 253 * random.NextDouble());
            Assert.Equal(narrow.Of(Vector256.Create(x))[0], wide.Of(Vector512.Create(x))[15]);
        }
    }

    [Theory]
    [InlineData(5, 16)]
    [InlineData(3, 77)]
    [InlineData(2, 250)]
    public void Wide_rows_have_the_weights_and_sums_of_narrow_ones(int rows, int count)
    {
        int step = (count + 15) & ~15;
        var random = new Random(count);
        float[] narrow = [.. Enumerable.Range(0, rows * step).Select(_ => (float)(random.NextDouble() * 20 - 10))], wide = [.. narrow], totals = new float[rows], others = new float[rows];
        fixed (float* s = narrow, w = wide, t = totals, o = others)
        {
            Scores.NarrowPowers(s, step, rows, count, t);
            Scores.WidePowers(w, step, rows, count, o);
        }
        Assert.Equal(totals, others);
        for (int i = 0; i < rows; i++)
            Assert.Equal(narrow[(i * step)..(i * step + count)], wide[(i * step)..(i * step + count)]);
    }

    [Theory]
    [InlineData(0, 16)]
    [InlineData(1, 1)]
    [InlineData(3, 7)]
    [InlineData(2, 8)]
    [InlineData(5, 9)]
    [InlineData(1, 16)]
    [InlineData(4, 24)]
    [InlineData(7, 77)]
    [InlineData(24, 256)]
    public void Rows_become_weights_and_their_sums_are_added(int rows, int count)
    {
        const int spare = 3;
        int padded = (count + 15) & ~15, step = padded + spare;
        var random = new Random(count);
        float[] scores = [.. Enumerable.Range(0, (rows + 1) * step).Select(_ => (float)(random.NextDouble() * 20 - 10))], before = [.. scores], totals = [.. Enumerable.Repeat(0.5f, rows + 1)];
        fixed (float* s = scores, t = totals)
            Scores.Powers(s, step, rows, count, t);
        for (int i = 0; i < rows; i++)
        {
            double sum = 0;
            for (int j = 0; j < count; j++)
            {
                double expected = Math.Pow(2, before[i * step + j]);
                Assert.Equal(expected, scores[i * step + j], 3e-7 * expected);
                sum += expected;
            }
            Assert.Equal(sum + 0.5, totals[i], 1e-6 * sum + 1e-6);
            for (int j = count; j < (count + 7) / 8 * 8; j++)
                Assert.InRange(scores[i * step + j], 0, 1e-30f);
            Assert.Equal(before[(i * step + padded)..((i + 1) * step)], scores[(i * step + padded)..((i + 1) * step)]);
        }
        Assert.Equal(before[(rows * step)..], scores[(rows * step)..]);
        Assert.Equal(0.5f, totals[rows]);
    }
}
