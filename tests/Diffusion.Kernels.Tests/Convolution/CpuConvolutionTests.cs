using System.Runtime.InteropServices;
using Diffusion.Kernels.Cpu;
using Diffusion.Kernels.Tests.Contracts;
using FsCheck.Xunit;

namespace Diffusion.Kernels.Tests.Convolution;

/// <summary>Convolutions of random geometry on the CPU, and which algorithm they get.</summary>
public sealed class CpuConvolutionTests : IDisposable
{
    private readonly CpuBackend backend = CpuBackend.Create(3);

    public void Dispose() => backend.Dispose();

    [Property(MaxTest = 50)]
    public void Any_geometry_agrees_with_the_reference(int seed) => ContractRunner.Check(backend, RandomCase(seed, tiled: false));

    [Property(MaxTest = 25)]
    public void Three_by_three_agrees_with_the_reference(int seed) => ContractRunner.Check(backend, RandomCase(seed, tiled: true));

    [Theory]
    [InlineData(64, 64, 32, "winograd-4x4")]
    [InlineData(128, 128, 8, "winograd-2x2")]
    [InlineData(1280, 1280, 8, "winograd-4x4-late")]
    [InlineData(1280, 1280, 16, "winograd-4x4-late")]
    [InlineData(640, 640, 32, "winograd-4x4", "winograd-4x4-late")]
    [InlineData(320, 320, 64, "winograd-4x4")]
    [InlineData(64, 3, 32, "few-outputs")]
    [InlineData(3, 64, 32, "implicit-gemm")]
    public void The_shape_chooses_the_algorithm(int channels, int outputs, int side, string expected, string? wide = null)
    {
        // Transforming taps in registers of 512 bits costs so little that fewer shapes are worth the memory of transformed ones.
        Assert.Equal(WinogradRows.IsSupported ? wide ?? expected : expected, backend.Prepare(Square(channels, outputs, side)).Algorithm);
    }

    [Theory]
    [InlineData(320, 320, 64, "winograd-2x2-strided")]
    [InlineData(128, 128, 33, "winograd-2x2-strided")]
    [InlineData(64, 3, 32, "few-outputs")]
    [InlineData(3, 64, 32, "implicit-gemm")]
    public void The_shape_chooses_the_algorithm_of_stride_2(int channels, int outputs, int side, string expected) =>
        Assert.Equal(expected, backend.Prepare(Square(channels, outputs, side, stride: 2)).Algorithm);

    [Fact]
    public void Unequal_strides_are_gathered() =>
        Assert.Equal("implicit-gemm", backend.Prepare(Square(64, 64, 32, stride: 2) with { Stride = (2, 1), Y = Make.Layout([1, 16, 32, 64]) }).Algorithm);

    [Fact]
    public void Exact_refuses_Winograd()
    {
        Assert.Equal("implicit-gemm", backend.Prepare(Square(64, 64, 32) with { Exact = true }).Algorithm);
        Assert.Equal("implicit-gemm", backend.Prepare(Square(64, 64, 32, stride: 2) with { Exact = true }).Algorithm);
    }

    [Theory]
    [InlineData(640, 640, 32)]
    [InlineData(1280, 1280, 8)]
    [InlineData(64, 48, 16)]
    public void A_lean_budget_takes_no_more_memory_than_the_stored_weights(int channels, int outputs, int side)
    {
        using var lean = CpuBackend.Create(new CpuOptions().WithThreads(1).WithWeights(WeightBudget.Lean));
        foreach (var type in new[] { ElementType.Float32, ElementType.Float16, ElementType.BFloat16 })
        {
            var spec = Square(channels, outputs, side);
            spec = spec with { W = spec.W with { Type = type } };
            Assert.Equal(spec.W.Count * type.Size(), Assert.Single(lean.Prepare(spec).Packings).Bytes);
        }
    }

    [Fact]
    public void Weights_of_16_bits_are_enlarged_less_readily()
    {
        using var balanced = CpuBackend.Create(1);
        var spec = Square(320, 320, 64);
        Assert.Equal("winograd-4x4", balanced.Prepare(spec).Algorithm);
        Assert.Equal("winograd-4x4-late", balanced.Prepare(spec with { W = spec.W with { Type = ElementType.Float16 } }).Algorithm);
    }

    [Fact]
    public void Memory_without_a_price_goes_to_transformed_weights()
    {
        using var unlimited = CpuBackend.Create(new CpuOptions { Threads = 1, Weights = WeightBudget.Unlimited });
        Assert.Equal("winograd-2x2", unlimited.Prepare(Square(128, 128, 8)).Algorithm);
        Assert.Throws<ArgumentOutOfRangeException>(() => WeightBudget.Of(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => WeightBudget.Of(double.NaN));
    }

    public static TheoryData<string, int, int, int, int, ElementType> Forced()
    {
        var data = new TheoryData<string, int, int, int, int, ElementType>();
        foreach (var algorithm in Enum.GetNames<ConvolutionAlgorithm>())
        {
            data.Add(algorithm, 1, 32, 64, 64, ElementType.Float32);
            data.Add(algorithm, 2, 9, 130, 40, ElementType.Float32);
            data.Add(algorithm, 1, 13, 37, 17, ElementType.Float16);
            data.Add(algorithm, 1, 30, 72, 96, ElementType.BFloat16);
            data.Add(algorithm, 1, 1, 9, 8, ElementType.Int8);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Forced))]
    public void Every_algorithm_agrees_with_the_reference(string algorithm, int samples, int side, int channels, int outputs, ElementType type)
    {
        using var forced = CpuBackend.Create(new CpuOptions { Threads = 2 }, Enum.Parse<ConvolutionAlgorithm>(algorithm));
        var spec = Square(channels, outputs, side, StrideOf(algorithm));
        spec = spec with
        {
            X = Make.Layout([samples, .. spec.X.Shape.AsSpan(1..)]),
            W = spec.W with { Type = type },
            Y = Make.Layout([samples, .. spec.Y.Shape.AsSpan(1..)]),
        };
        ContractRunner.Check(forced, new ContractCase($"{algorithm} {side} {channels} {type}", spec) { Tolerance = 2e-4 * Math.Max(1, Math.Sqrt(channels) / 2) });
    }

    // The random cases above allow for programs that enlarge errors; this states what each algorithm itself loses.
    [Theory]
    [InlineData(nameof(ConvolutionAlgorithm.Winograd4), 64, 64, 32, 3e-5)]
    [InlineData(nameof(ConvolutionAlgorithm.Winograd4), 160, 96, 36, 3e-5)]
    [InlineData(nameof(ConvolutionAlgorithm.Winograd4), 960, 40, 36, 3e-5)]
    [InlineData(nameof(ConvolutionAlgorithm.LateWinograd4), 160, 96, 36, 3e-5)]
    [InlineData(nameof(ConvolutionAlgorithm.LateWinograd4), 640, 64, 16, 3e-5)]
    [InlineData(nameof(ConvolutionAlgorithm.Winograd2), 128, 128, 8, 2e-6)]
    [InlineData(nameof(ConvolutionAlgorithm.LateWinograd2), 128, 128, 8, 2e-6)]
    [InlineData(nameof(ConvolutionAlgorithm.StridedWinograd2), 128, 128, 8, 2e-6)]
    [InlineData(nameof(ConvolutionAlgorithm.StridedWinograd2), 960, 40, 15, 2e-6)]
    [InlineData(nameof(ConvolutionAlgorithm.Direct), 64, 64, 32, 2e-6)]
    public void The_error_is_a_small_part_of_the_largest_value(string algorithm, int channels, int outputs, int side, double bound)
    {
        using var reference = new ReferenceBackend();
        using var backend = CpuBackend.Create(new CpuOptions { Threads = 2 }, Enum.Parse<ConvolutionAlgorithm>(algorithm));
        var test = new ContractCase($"accuracy {channels} {outputs} {side}", Square(channels, outputs, side, StrideOf(algorithm)));
        var expected = MemoryMarshal.Cast<byte, float>(ContractRunner.Output(reference, test));
        var actual = MemoryMarshal.Cast<byte, float>(ContractRunner.Output(backend, test));
        double largest = 0, error = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            // Memory around the output, filled with a pattern.
            if (BitConverter.SingleToUInt32Bits(expected[i]) == 0x5A5A5A5A)
                continue;
            largest = Math.Max(largest, Math.Abs(expected[i]));
            error = Math.Max(error, Math.Abs((double)expected[i] - actual[i]));
        }
        Assert.True(largest > 0);
        Assert.True(error <= bound * largest, $"{backend.Prepare(test.Spec).Algorithm}: {error / largest:E2} of the largest value, expected at most {bound:E0}.");
    }

    private static int StrideOf(string algorithm) => algorithm == nameof(ConvolutionAlgorithm.StridedWinograd2) ? 2 : 1;

    private static ConvolutionSpec Square(int channels, int outputs, int side, int stride = 1)
    {
        int after = (side + stride - 1) / stride;
        return new(Make.Layout([1, side, side, channels]), Make.Layout([outputs, channels, 3, 3]), Make.Layout([1, after, after, outputs]))
        {
            Stride = (stride, stride),
            Padding = (1, 1, 1, 1),
            ConstantW = true,
        };
    }

    private static ContractCase RandomCase(int seed, bool tiled)
    {
        var layouts = new RandomLayouts(seed);
        var random = layouts.Random;
        int groups = !tiled && layouts.Rarely(4) ? random.Next(2, 4) : 1, up = layouts.Rarely(3) ? random.Next(1, 4) : 1;
        int n = random.Next(1, 3), h = random.Next(1, tiled ? 20 : 12), w = random.Next(1, tiled ? 20 : 12);
        int channels = tiled ? random.Next(8, 48) : layouts.Length(40), outputs = tiled ? random.Next(8, 72) : Math.Max(1, layouts.Length(40));
        int kh = tiled ? 3 : random.Next(1, 5), kw = tiled ? 3 : random.Next(1, 5);
        (int, int) One() => tiled ? (1, 1) : (random.Next(1, 4), random.Next(1, 4));
        var (stride, dilation) = (tiled && layouts.Rarely(3) ? (2, 2) : One(), One());
        var spread = up == 1 && layouts.Rarely(3) ? One() : (1, 1);
        var padding = (Top: random.Next(3), Bottom: random.Next(3), Left: random.Next(3), Right: random.Next(3));
        int oh = ConvolutionSpec.OutputLength(h, kh, stride.Item1, padding.Top + padding.Bottom, dilation.Item1, spread.Item1, up);
        int ow = ConvolutionSpec.OutputLength(w, kw, stride.Item2, padding.Left + padding.Right, dilation.Item2, spread.Item2, up);
        int[] shape = [n, oh, ow, outputs * groups];
        var spec = new ConvolutionSpec(
            layouts.Layout(layouts.Type(), n, h, w, channels * groups),
            layouts.Layout(layouts.Type(), outputs * groups, channels, kh, kw),
            layouts.Rarely(3) ? layouts.Layout(ElementType.Float32, shape) : Make.Layout(shape))
        {
            Stride = stride,
            Dilation = dilation,
            InputDilation = spread,
            Upsample = up,
            Padding = padding,
            Groups = groups,
            ConstantW = tiled || layouts.Rarely(2),
            Exact = !tiled && layouts.Rarely(4),
            After = layouts.Epilogue(shape),
        };
        // Winograd by 4×4 loses about four binary digits of the largest sums.
        return new ContractCase($"random {seed}", spec) { Tolerance = (tiled ? 2e-4 : 1e-5) * Math.Max(1, Math.Sqrt(channels * kh * kw) / 4) };
    }
}
