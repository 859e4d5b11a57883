using Diffusion.Kernels.Attention;
using Diffusion.Kernels.Cuda.Tests.Emulator;
using Diffusion.Kernels.Cuda.Tests.Offline;

namespace Diffusion.Kernels.Cuda.Tests.Attention;

/// <summary>The compiled text of the attention kernels, run by the emulator, against float64.</summary>
public sealed class CudaAttentionNumericsTests
{
    private enum Masking
    {
        None,
        Causal,
        Additive,
        HiddenRows,
    }

    public static IEnumerable<TheoryDataRow<string, int, int, int, string, bool>> Cases()
    {
        foreach (int size in new[] { 8, 40, 48, 64, 72, 80, 128, 160, 200, 256 })
            yield return new(size % 16 == 0 ? nameof(Float16Mma) : nameof(BFloat16Mma), 21, 70, size, nameof(Masking.None), size % 3 == 0);
        yield return new(nameof(Float16Mma), 130, 130, 40, nameof(Masking.Causal), false);
        yield return new(nameof(Float16Mma), 70, 20, 24, nameof(Masking.Causal), false);
        yield return new(nameof(BFloat16Mma), 20, 77, 160, nameof(Masking.Causal), false);
        yield return new(nameof(Float16Mma), 21, 150, 48, nameof(Masking.Additive), true);
        yield return new(nameof(Float16Mma), 9, 40, 256, nameof(Masking.Additive), true);
        yield return new(nameof(Float16Mma), 21, 90, 64, nameof(Masking.HiddenRows), true);
        // Three values of two bytes: nothing is aligned.
        yield return new(nameof(Float16Mma), 5, 7, 3, nameof(Masking.None), false);
        yield return new(nameof(BFloat16Mma), 1, 1, 1, nameof(Masking.None), false);
        yield return new(nameof(Float16Mma), 9, 0, 8, nameof(Masking.None), false);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Attention_agrees_with_float64(string type, int queries, int keys, int size, string masking, bool tokensFirst)
    {
        const int samples = 2, heads = 2;
        var format = ElementFormat.Of(type);
        var tile = HeadShape.For(size);
        var random = new Random(size * 100 + keys);
        double[] q = format.Random(random, samples * heads * queries * size), k = format.Random(random, samples * heads * keys * size),
            v = format.Random(random, samples * heads * keys * size);
        float[] mask = [.. Enumerable.Range(0, heads * queries * keys).Select(i => MaskValue(masking, i / keys % queries, i % keys, random))];
        bool masked = masking is nameof(Masking.Additive) or nameof(Masking.HiddenRows), causal = masking == nameof(Masking.Causal);
        double scale = 1 / Math.Sqrt(size);
        double[] expected = Expected(samples * heads, queries, keys, size, q, k, v, scale, (matrix, i, j) =>
            causal && j > i ? double.NegativeInfinity : masked ? mask[(matrix % heads * queries + i) * keys + j] : 0);
        var kernel = typeof(CudaAttentionKernels).GetMethod(nameof(CudaAttentionKernels.Attend))!
            .MakeGenericMethod(type == nameof(Float16Mma) ? typeof(Float16Attention) : typeof(BFloat16Attention), tile.Type, typeof(PlainStore));
        string text = PtxCompiler.Compile(kernel, tile.Threads);
        foreach (var ordering in Ordering.All)
        {
            var machine = new PtxMachine(text);
            var result = machine.Global.Add("O", new byte[expected.Length * 4]);
            Array.Fill(result.Bytes, (byte)0xFF);
            HeadRows Rows(string name, double[] values, int tokens)
            {
                // Either (sample, head, token) or (sample, token, head), which a projection leaves.
                var memory = machine.Global.Add(name, format.Pack(tokensFirst ? TokensFirst(values, samples, heads, tokens, size) : values));
                long row = size * format.Size;
                return new HeadRows
                {
                    Address = (long)memory.Start,
                    Depth = size * format.Size,
                    Alignment = row % 16 == 0 ? 16 : row % 4 == 0 ? 4 : 1,
                    SampleBytes = heads * tokens * row,
                    HeadBytes = tokensFirst ? row : tokens * row,
                    RowBytes = tokensFirst ? heads * row : row,
                };
            }
            var maskMemory = machine.Global.Add("mask", System.Runtime.InteropServices.MemoryMarshal.AsBytes(mask.AsSpan()).ToArray());
            int blocks = samples * heads * ((queries + tile.Queries - 1) / tile.Queries) * ((size + tile.Columns - 1) / tile.Columns);
            machine.Launch(blocks, tile.Threads, tile.SharedBytes, ordering, new CudaAttentionParameters<PlainStore>
            {
                Q = Rows("Q", q, queries),
                K = Rows("K", k, keys),
                V = Rows("V", v, keys),
                Mask = masked ? new MaskRows { Address = (long)maskMemory.Start, HeadBytes = 4L * queries * keys, QueryBytes = 4L * keys, KeyBytes = 4 } : default,
                Store = new PlainStore { Address = (long)result.Start, BatchStep = (long)queries * size, RowStep = size },
                Heads = heads,
                Queries = queries,
                Keys = keys,
                Columns = size,
                Causal = causal ? 1 : 0,
                Scale = (float)(scale * Math.Log2(Math.E)),
            });
            // Weights are rounded to the operands' type before they multiply the values, which are at most 2.
            double error = 2 * (type == nameof(Float16Mma) ? 1.0 / 2048 : 1.0 / 256);
            for (int i = 0; i < expected.Length; i++)
            {
                double actual = BitConverter.ToSingle(result.Bytes, i * 4);
                Assert.True(Math.Abs(actual - expected[i]) <= error, $"{ordering}: result {i} is {actual}, expected {expected[i]}.");
            }
        }
    }

    private static float MaskValue(string masking, int query, int key, Random random) => masking switch
    {
        nameof(Masking.Additive) => (float)(random.NextDouble() * 8 - 4),
        // Every third query sees nothing at all; the others nothing in the first tile of keys.
        nameof(Masking.HiddenRows) => query % 3 == 0 || key < 64 ? float.NegativeInfinity : 0,
        _ => 0,
    };

    private static double[] TokensFirst(double[] values, int samples, int heads, int tokens, int size)
    {
        var result = new double[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            int d = i % size, token = i / size % tokens, head = i / size / tokens % heads, sample = i / size / tokens / heads;
            result[((sample * tokens + token) * heads + head) * size + d] = values[i];
        }
        Assert.Equal(samples * heads * tokens * size, values.Length);
        return result;
    }

    private static double[] Expected(
        int matrices, int queries, int keys, int size, double[] q, double[] k, double[] v, double scale, Func<int, int, int, double> mask)
    {
        var result = new double[matrices * queries * size];
        var scores = new double[keys];
        for (int row = 0; row < matrices * queries; row++)
        {
            int matrix = row / queries;
            for (int j = 0; j < keys; j++)
            {
                double dot = 0;
                for (int d = 0; d < size; d++)
                    dot += q[row * size + d] * k[(matrix * keys + j) * size + d];
                scores[j] = dot * scale + mask(matrix, row % queries, j);
            }
            double largest = scores.DefaultIfEmpty(double.NegativeInfinity).Max();
            if (double.IsNegativeInfinity(largest))
                continue;
            double total = scores.Sum(s => Math.Exp(s - largest));
            for (int j = 0; j < keys; j++)
            {
                for (int d = 0; d < size; d++)
                    result[row * size + d] += Math.Exp(scores[j] - largest) / total * v[(matrix * keys + j) * size + d];
            }
        }
        return result;
    }

    /// <summary>A head tile's numbers, read off its type.</summary>
    private sealed record HeadShape(Type Type, int Queries, int Columns, int Threads, int SharedBytes)
    {
        public static HeadShape For(int size) => size switch
        {
            <= 48 => Of<Head48>(),
            <= 64 => Of<Head64>(),
            <= 80 => Of<Head80>(),
            <= 128 => Of<Head128>(),
            <= 160 => Of<Head160>(),
            _ => Of<Head256>(),
        };

        private static HeadShape Of<THead>()
            where THead : struct, IHeadTile => new(
            typeof(THead), THead.Queries, 16 * THead.ValuePairs, CudaAttentionKernels.Threads<THead>(), CudaAttentionKernels.SharedBytes<THead>());
    }
}
