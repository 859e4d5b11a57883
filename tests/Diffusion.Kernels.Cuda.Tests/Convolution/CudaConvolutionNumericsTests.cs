using Diffusion.Kernels.Convolution;
using Diffusion.Kernels.Cuda.Tests.Emulator;
using Diffusion.Kernels.Cuda.Tests.Offline;
using Diffusion.Kernels.Gemm;

namespace Diffusion.Kernels.Cuda.Tests.Convolution;

/// <summary>The compiled text of the convolution kernels, run by the emulator, against float64.</summary>
public sealed class CudaConvolutionNumericsTests
{
    /// <summary>A convolution: sizes, window, and how it moves.</summary>
    public sealed record Shape(int N, int H, int W, int C, int O, int KH = 3, int KW = 3)
    {
        public int Stride { get; init; } = 1;

        public int Padding { get; init; } = 1;

        public int Dilation { get; init; } = 1;

        public int Upsample { get; init; } = 1;

        public int OutputHeight => ConvolutionSpec.OutputLength(H, KH, Stride, 2 * Padding, Dilation, 1, Upsample);

        public int OutputWidth => ConvolutionSpec.OutputLength(W, KW, Stride, 2 * Padding, Dilation, 1, Upsample);
    }

    private static readonly Dictionary<string, Shape> Shapes = new()
    {
        ["3x3"] = new(2, 7, 6, 16, 40),
        ["few channels"] = new(1, 6, 9, 4, 24),
        ["odd channels"] = new(1, 5, 6, 11, 7),
        ["stride 2"] = new(2, 9, 8, 24, 20) { Stride = 2 },
        ["upsampled"] = new(1, 5, 4, 16, 24) { Upsample = 2 },
        ["1x1"] = new(1, 9, 8, 40, 70, 1, 1) { Padding = 0 },
        ["dilated 2x5"] = new(1, 8, 12, 8, 8, 2, 5) { Padding = 3, Dilation = 2 },
    };

    public static IEnumerable<TheoryDataRow<string, string, string>> Cases() =>
        from name in Shapes.Keys
        from type in new[] { nameof(Float16Mma), nameof(BFloat16Mma), nameof(TensorFloat32Mma) }
        select new TheoryDataRow<string, string, string>(name, type, type == nameof(BFloat16Mma) ? nameof(LargeTile) : nameof(SmallTile));

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_convolution_agrees_with_float64(string name, string type, string tile)
    {
        var s = Shapes[name];
        var format = ElementFormat.Of(type);
        var tileShape = TileShape.Of(tile);
        var random = new Random(name.Length);
        double[] x = format.Random(random, s.N * s.H * s.W * s.C), w = format.Random(random, s.O * s.KH * s.KW * s.C);
        var kernel = typeof(CudaGemmKernels).GetMethod(nameof(CudaGemmKernels.Multiply))!
            .MakeGenericMethod(format.Mma, tileShape.Type, typeof(PatchRows), typeof(PatchCursor), typeof(PlainStore));
        string text = PtxCompiler.Compile(kernel, tileShape.Threads);

        // The weight, [O][taps][channels padded to whole chunks].
        int pixelBytes = s.C * format.Size, padded = (pixelBytes + 15) / 16 * 16, depth = s.KH * s.KW * padded, perTap = padded / format.Size;
        var packed = new double[s.O * s.KH * s.KW * perTap];
        for (int i = 0; i < w.Length; i++)
            packed[i / s.C * perTap + i % s.C] = w[i];

        int rows = s.N * s.OutputHeight * s.OutputWidth;
        foreach (var ordering in Ordering.All)
        {
            var machine = new PtxMachine(text);
            var picture = machine.Global.Add("X", format.Pack(x));
            var weight = machine.Global.Add("W", format.Pack(packed));
            var result = machine.Global.Add("Y", Filled(rows * s.O * 4));
            machine.Launch(
                (rows + tileShape.Rows - 1) / tileShape.Rows * ((s.O + tileShape.Columns - 1) / tileShape.Columns), tileShape.Threads, tileShape.SharedBytes, ordering,
                new CudaProductParameters<PatchRows, PlainStore>
                {
                    A = new PatchRows
                    {
                        Address = (long)picture.Start,
                        SampleBytes = (long)s.H * s.W * pixelBytes,
                        RowBytes = (long)s.W * pixelBytes,
                        PixelBytes = pixelBytes,
                        Height = s.H * s.Upsample,
                        Width = s.W * s.Upsample,
                        UpsampleShift = s.Upsample - 1,
                        ChannelBytes = pixelBytes,
                        PaddedChannelBytes = padded,
                        KernelHeight = s.KH,
                        KernelWidth = s.KW,
                        StrideY = s.Stride,
                        StrideX = s.Stride,
                        PadTop = s.Padding,
                        PadLeft = s.Padding,
                        DilationY = s.Dilation,
                        DilationX = s.Dilation,
                        OutputHeight = s.OutputHeight,
                        OutputWidth = s.OutputWidth,
                        Rows = rows,
                        Alignment = pixelBytes % 16 == 0 ? 16 : pixelBytes % 4 == 0 ? 4 : 1,
                    },
                    B = new MatrixRows { Address = (long)weight.Start, RowBytes = depth, Rows = s.O, Depth = depth, Alignment = 16 },
                    Rows = rows,
                    Columns = s.O,
                    Slabs = MmaTile.Slabs(depth),
                    Store = new PlainStore { Address = (long)result.Start, RowStep = s.O },
                });
            for (int i = 0; i < rows * s.O; i++)
            {
                var (expected, magnitude) = Expected(s, x, w, i);
                double actual = BitConverter.ToSingle(result.Bytes, i * 4);
                Assert.True(Math.Abs(actual - expected) <= format.Error * magnitude, $"{ordering}: result {i} is {actual}, expected {expected}.");
            }
        }
    }

    private static (double Sum, double Magnitude) Expected(Shape s, double[] x, double[] w, int index)
    {
        int o = index % s.O, pixel = index / s.O, ox = pixel % s.OutputWidth, oy = pixel / s.OutputWidth % s.OutputHeight, n = pixel / s.OutputWidth / s.OutputHeight;
        double sum = 0, magnitude = 0;
        for (int i = 0; i < s.KH; i++)
        {
            for (int j = 0; j < s.KW; j++)
            {
                int y = oy * s.Stride - s.Padding + i * s.Dilation, column = ox * s.Stride - s.Padding + j * s.Dilation;
                if (y < 0 || column < 0 || y >= s.H * s.Upsample || column >= s.W * s.Upsample)
                    continue;
                for (int c = 0; c < s.C; c++)
                {
                    double product = x[((n * s.H + y / s.Upsample) * s.W + column / s.Upsample) * s.C + c] * w[((o * s.KH + i) * s.KW + j) * s.C + c];
                    sum += product;
                    magnitude += Math.Abs(product);
                }
            }
        }
        return (sum, magnitude);
    }

    private static byte[] Filled(int bytes)
    {
        var result = new byte[bytes];
        Array.Fill(result, (byte)0xFF);
        return result;
    }
}
