using Diffusion.Kernels.Cpu;

namespace Diffusion.Kernels.Tests.Gemm;

/// <summary>Each micro-kernel by itself, also those that this machine's processor would not choose.</summary>
public sealed unsafe class MicroKernelTests
{
    // Room to the right and below, which must stay as it is.
    private const int Stride = 37;

    public static TheoryData<string, int, bool, bool> Packed()
    {
        var data = new TheoryData<string, int, bool, bool>();
        // 512-bit vectors run as pairs where there are none.
        string[] kernels = MicroKernel.IsFma ? ["fma", "fma of 4", "wide", "wide of 4", "portable"] : ["portable"];
        foreach (string kernel in kernels)
        {
            foreach (int depth in new[] { 0, 4, 8, 12, 24, 36, 72 })
            {
                data.Add(kernel, depth, false, false);
                data.Add(kernel, depth, true, false);
                data.Add(kernel, depth, false, true);
                data.Add(kernel, depth, true, true);
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Packed))]
    public void Packed_tiles_agree_with_the_definition(string kernel, int depth, bool startsFrom, bool hasBias)
    {
        var random = new Random(depth);
        float[] a = Numbers(random, 6 * depth), b = Numbers(random, 16 * depth), c = Numbers(random, 8 * Stride), before = [.. c], bias = Numbers(random, 16);
        fixed (float* pa = a, pb = b, pc = c, pBias = bias)
        {
            float* start = startsFrom ? pc : null, added = hasBias ? pBias : null;
            if (kernel == "portable")
                MicroKernelPortable.Packed6x16(pa, pb, depth, pc, Stride, start, Stride, added);
            else if (kernel == "wide")
                MicroKernelWide.Column6x16(pa, 0, pb, depth, 1, pc, Stride, start, Stride, added, pb);
            else if (kernel == "wide of 4")
                MicroKernelWide.Tile4x16(pa, pb, depth, pc, Stride, start, Stride, added);
            else if (kernel == "fma of 4")
                MicroKernelFma.Tile4x16(pa, pb, depth, pc, Stride, start, Stride, added);
            else
                MicroKernelFma.Column6x16(pa, 0, pb, depth, 1, pc, Stride, start, Stride, added, pb);
        }
        Check(c, before, kernel.EndsWith(" of 4", StringComparison.Ordinal) ? 4 : 6, 16, depth, (i, k) => a[6 * k + i], (k, j) => b[16 * k + j], (i, j) => (startsFrom ? before[i * Stride + j] : 0) + (hasBias ? bias[j] : 0));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void A_column_is_its_tiles(bool startsFrom, bool hasBias)
    {
        const int tiles = 3, depth = 24, tileFloats = 6 * depth + 5;
        var random = new Random(1);
        float[] a = Numbers(random, tiles * tileFloats), b = Numbers(random, 16 * depth), whole = Numbers(random, 6 * tiles * Stride), single = [.. whole], bias = Numbers(random, 16);
        fixed (float* pa = a, pb = b, pWhole = whole, pSingle = single, pBias = bias)
        {
            float* added = hasBias ? pBias : null;
            MicroKernel.Column(pa, tileFloats, pb, depth, tiles, pWhole, Stride, startsFrom ? pWhole : null, Stride, added, pb);
            for (int i = 0; i < tiles; i++)
            {
                float* c = pSingle + i * 6 * Stride;
                MicroKernel.Tile(pa + i * tileFloats, pb, depth, c, Stride, startsFrom ? c : null, Stride, added);
            }
        }
        Assert.Equal(single, whole);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(200)]
    public void A_row_has_the_same_sums_in_a_tile_of_four_and_of_six(int depth)
    {
        Assert.SkipUnless(MicroKernel.HasTile4, "Needs AVX2 and FMA.");
        var random = new Random(depth);
        float[] a = Numbers(random, 6 * depth), b = Numbers(random, 16 * depth), six = new float[6 * 16], four = new float[6 * 16];
        fixed (float* pa = a, pb = b, pSix = six, pFour = four)
        {
            MicroKernel.Tile(pa, pb, depth, pSix, 16, null, 0, null);
            MicroKernel.Tile4(pa, pb, depth, pFour, 16, null, 0, null);
        }
        Assert.Equal(six[..64], four[..64]);
    }

    public static TheoryData<string, int, int, int, bool> Strided()
    {
        var data = new TheoryData<string, int, int, int, bool>();
        foreach (int depth in new[] { 0, 1, 2, 7, 8, 43 })
        {
            foreach (bool add in new[] { false, true })
            {
                foreach (string kernel in MicroKernel.IsFma ? ["fma", "portable"] : new[] { "portable" })
                {
                    data.Add(kernel, depth, 6, 16, add);
                    data.Add(kernel, depth, 4, 24, add);
                }
                data.Add("wide", depth, 6, 16, add);
                data.Add("wide", depth, 6, 32, add);
                data.Add("wide", depth, 4, 16, add);
                data.Add("wide", depth, 4, 32, add);
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Strided))]
    public void Strided_tiles_agree_with_the_definition(string kernel, int depth, int rows, int columns, bool add)
    {
        var random = new Random(depth);
        int lda = depth + 3;
        float[] a = Numbers(random, rows * lda), b = Numbers(random, columns * depth), c = Numbers(random, 8 * Stride), before = [.. c];
        fixed (float* pa = a, pb = b, pc = c)
        {
            if (kernel == "portable")
                MicroKernelPortable.Strided(pa, lda, pb, depth, pc, Stride, rows, columns, add);
            else if (kernel == "wide" && rows == 4)
                MicroKernel.Strided4(columns, pa, lda, pb, depth, pc, Stride, add);
            else if (columns == 32)
                MicroKernelWide.Strided6x32(pa, lda, pb, depth, pc, Stride, add);
            else if (kernel == "wide")
                MicroKernelWide.Strided6x16(pa, lda, pb, depth, pc, Stride, add);
            else if (columns == 16)
                MicroKernelFma.Strided6x16(pa, lda, pb, depth, pc, Stride, add);
            else
                MicroKernelFma.Strided4x24(pa, lda, pb, depth, pc, Stride, add);
        }
        Check(c, before, rows, columns, depth, (i, k) => a[i * lda + k], (k, j) => b[columns * k + j], (i, j) => add ? before[i * Stride + j] : 0);
    }

    [Theory]
    [InlineData(0, 24)]
    [InlineData(1, 24)]
    [InlineData(77, 24)]
    [InlineData(0, 32)]
    [InlineData(1, 32)]
    [InlineData(77, 32)]
    public void A_tile_that_packs_leaves_what_the_next_tiles_need(int depth, int columns)
    {
        Assert.SkipUnless(MicroKernel.IsFma || columns == 32, "Needs AVX2 and FMA.");
        const int ldb = 37;
        var random = new Random(depth);
        int lda = depth + 3, rows = columns == 32 ? 6 : 4;
        float[] a = Numbers(random, rows * lda), b = Numbers(random, ldb * depth), c = Numbers(random, 8 * Stride), before = [.. c], packed = Numbers(random, columns * depth), last = [packed[^1]];
        fixed (float* pa = a, pb = b, pc = c, pp = packed)
            MicroKernel.Packing(columns, pa, lda, pb, ldb, pp, depth, pc, Stride);
        Check(c, before, rows, columns, depth, (i, k) => a[i * lda + k], (k, j) => b[ldb * k + j], (_, _) => 0);
        for (int k = 0; k < depth; k++)
            Assert.Equal(b[(ldb * k)..(ldb * k + columns)], packed[(columns * k)..(columns * k + columns)]);
        Assert.Equal(last[0], packed[^1]);
    }

    private static float[] Numbers(Random random, int count)
    {
        // One more, so that fixed never sees an empty array.
        var values = new float[count + 1];
        foreach (ref float value in values.AsSpan())
            value = random.NextSingle() * 2 - 1;
        return values;
    }

    private static void Check(
        float[] c, float[] before, int rows, int columns, int depth, Func<int, int, double> a, Func<int, int, double> b, Func<int, int, double> start)
    {
        for (int i = 0; i < 8; i++)
        {
            for (int j = 0; j < Stride; j++)
            {
                if (i >= rows || j >= columns)
                {
                    Assert.Equal(before[i * Stride + j], c[i * Stride + j]);
                    continue;
                }
                double sum = start(i, j);
                for (int k = 0; k < depth; k++)
                    sum += a(i, k) * b(k, j);
                Assert.Equal(sum, c[i * Stride + j], 1e-5);
            }
        }
    }
}
