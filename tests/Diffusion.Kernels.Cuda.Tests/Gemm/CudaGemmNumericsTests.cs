using Diffusion.Kernels.Cuda.Tests.Emulator;
using Diffusion.Kernels.Cuda.Tests.Offline;
using Diffusion.Kernels.Gemm;

namespace Diffusion.Kernels.Cuda.Tests.Gemm;

/// <summary>The compiled text of the product kernels, run by the emulator, against float64.</summary>
public sealed class CudaGemmNumericsTests
{
    public static IEnumerable<TheoryDataRow<string, string, int, int, int, int, int>> Cases()
    {
        foreach (string tile in new[] { nameof(SmallTile), nameof(LargeTile) })
        {
            foreach (string type in new[] { nameof(Float16Mma), nameof(BFloat16Mma), nameof(TensorFloat32Mma), nameof(SplitFloat32Mma), nameof(Int8Mma) })
            {
                // Odd depths make rows that aren't aligned; the last number shifts the operands.
                foreach (var (batch, m, n, k, shift) in new[] { (1, 65, 70, 80, 0), (2, 3, 130, 37, 0), (1, 1, 1, 1, 0), (1, 17, 24, 200, 4), (1, 5, 9, 0, 0) })
                    yield return new(tile, type, batch, m, n, k, shift);
            }
        }
        yield return new(nameof(LargeTile), nameof(Float16Mma), 1, 130, 129, 320, 0);
        yield return new(nameof(SmallTile), nameof(Float16Mma), 1, 600, 70, 16, 0);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_product_of_any_size_agrees_with_float64(string tile, string type, int batch, int m, int n, int k, int shift)
    {
        var format = ElementFormat.Of(type);
        var random = new Random(m * 1000 + n + k);
        double[] a = format.Random(random, batch * m * k), b = format.Random(random, batch * n * k);
        var kernel = typeof(CudaGemmKernels).GetMethod(nameof(CudaGemmKernels.Multiply))!
            .MakeGenericMethod(format.Mma, TileShape.Of(tile).Type, typeof(MatrixRows), typeof(MatrixCursor), typeof(PlainStore));
        var shape = TileShape.Of(tile);
        string text = PtxCompiler.Compile(kernel, shape.Threads);
        foreach (var ordering in Ordering.All)
        {
            var machine = new PtxMachine(text);
            var left = machine.Global.Add("A", format.Pack(a), shift);
            var right = machine.Global.Add("B", format.Pack(b), shift);
            var result = machine.Global.Add("C", Filled(batch * m * n * 4));
            int rowBytes = k * format.Size, alignment = Alignment(rowBytes | shift);
            int blocks = batch * ((m + shape.Rows - 1) / shape.Rows) * ((n + shape.Columns - 1) / shape.Columns);
            machine.Launch(
                blocks, shape.Threads, shape.SharedBytes, ordering,
                new CudaProductParameters<MatrixRows, PlainStore>
                {
                    A = Rows(left, m, rowBytes, alignment),
                    B = Rows(right, n, rowBytes, alignment),
                    Rows = m,
                    Columns = n,
                    Slabs = MmaTile.Slabs(rowBytes),
                    Store = new PlainStore { Address = (long)result.Start, BatchStep = m * n, RowStep = n },
                });
            for (int i = 0; i < batch * m * n; i++)
            {
                double expected = 0, magnitude = 0;
                int sample = i / (m * n), row = i / n % m, column = i % n;
                for (int d = 0; d < k; d++)
                {
                    double product = a[(sample * m + row) * k + d] * b[(sample * n + column) * k + d];
                    expected += product;
                    magnitude += Math.Abs(product);
                }
                double actual = BitConverter.ToSingle(result.Bytes, i * 4);
                Assert.True(
                    Math.Abs(actual - expected) <= format.Error * magnitude,
                    $"{ordering}: C[{sample}, {row}, {column}] is {actual}, expected {expected}.");
            }
        }
    }

    private static MatrixRows Rows(Memory memory, int rows, int rowBytes, int alignment) => new()
    {
        Address = (long)memory.Start,
        BatchBytes = (long)rows * rowBytes,
        RowBytes = rowBytes,
        Rows = rows,
        Depth = rowBytes,
        Alignment = alignment,
    };

    private static int Alignment(int bits) => bits % 16 == 0 ? 16 : bits % 4 == 0 ? 4 : 1;

    private static byte[] Filled(int bytes)
    {
        var result = new byte[bytes];
        Array.Fill(result, (byte)0xFF);
        return result;
    }
}
