using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

public sealed class MatrixTests
{
    private static readonly Random Random = new(7);

    [Fact]
    public void Products_of_matrices()
    {
        foreach (var (left, right) in new (int[], int[])[]
        {
            ([3, 4], [4, 5]), ([1, 4], [4, 1]), ([1, 1], [1, 1]), ([2, 3, 4], [4, 5]), ([2, 3, 4, 5], [5, 6]), ([33, 17], [17, 40]), ([0, 4], [4, 5]), ([3, 0], [0, 5]),
            ([3, 4], [4, 0]), ([2, 3, 4], [4, 0]), ([2, 0, 4], [4, 3]), ([1, 70], [70, 130]),
        })
        {
            var (a, b) = (Host.Random(Random, left), Host.Random(Random, right));
            var expected = Host.MatMul(a, b);
            foreach (bool constant in new[] { false, true })
            {
                Tensor B(Tensor t) => constant ? t.AsConstant() : t;
                expected.AssertEqual(Tensor.MatMul(a.ToTensor(), B(b.ToTensor())), 1e-5);
                // Transposed in memory.
                expected.AssertEqual(Tensor.MatMul(a.ToTensor() + 0, B(b.Permute(1, 0).ToTensor()).Transpose()), 1e-5);
                expected.AssertEqual(Tensor.MatMul(Turned(a), B(b.ToTensor(ElementType.Float16)).Cast(ElementType.Float32)), 1e-2);
            }
            expected.AssertEqual(Tensor.MatMul(a.ToTensor(ElementType.Float64), b.ToTensor(ElementType.Float64)), 1e-12);
        }
    }

    [Fact]
    public void Batches_broadcast()
    {
        foreach (var (left, right, batch) in new (int[], int[], int[])[]
        {
            ([2, 3, 4], [2, 4, 5], [2]), ([3, 4], [2, 4, 5], [2]), ([2, 1, 3, 4], [3, 4, 5], [2, 3]), ([1, 3, 4], [2, 4, 5], [2]), ([2, 3, 2, 4], [2, 3, 4, 2], [2, 3]), ([0, 2, 3], [0, 3, 2], [0]),
        })
        {
            var (a, b) = (Host.Random(Random, left), Host.Random(Random, right));
            Host Whole(Host h) => Host.Zip(h, Host.Of([.. batch, 1, 1], _ => 0), (x, y) => x + y);
            var expected = Host.MatMul(Whole(a), Whole(b));
            foreach (bool constant in new[] { false, true })
            {
                var right1 = constant ? b.ToTensor().AsConstant() : b.ToTensor();
                expected.AssertEqual(Tensor.MatMul(a.ToTensor(), right1), 1e-5);
                expected.AssertEqual(Tensor.MatMul(Turned(a), constant ? Turned(b).AsConstant() : Turned(b)), 1e-5);
            }
        }
    }

    [Fact]
    public void Linear_layers()
    {
        var (w, b) = (Host.Random(Random, 6, 5), Host.Random(Random, 6));
        foreach (int[] shape in new int[][] { [5], [1, 5], [7, 5], [2, 3, 5], [0, 5] })
        {
            var x = Host.Random(Random, shape);
            var rows = x.Reshape(Host.Count(shape[..^1]), 5);
            var expected = Host.Zip(Host.MatMul(rows, w.Permute(1, 0)), b, (p, q) => p + q).Reshape([.. shape[..^1], 6]);
            foreach (var type in new[] { ElementType.Float32, ElementType.Float16, ElementType.BFloat16 })
            {
                var weight = w.ToTensor(type).AsConstant();
                expected.AssertEqual(x.ToTensor().Linear(weight, b.ToTensor(type)), type == ElementType.Float32 ? 1e-5 : 3e-2, $"{type}");
                Host.MatMul(rows, w.Permute(1, 0)).Reshape([.. shape[..^1], 6]).AssertEqual(x.ToTensor().Linear(weight), type == ElementType.Float32 ? 1e-5 : 3e-2);
            }
        }
    }

    [Fact]
    public void Parts_of_one_weight_are_packed_apart()
    {
        var w = Host.Random(Random, 96, 64);
        var x = Host.Random(Random, 40, 64);
        var whole = w.ToTensor().AsConstant();
        // Constants that share memory, each with another start.
        var parts = whole.Chunk(3, 0).Select(p => p.AsConstant()).ToArray();
        for (int i = 0; i < 3; i++)
            Host.MatMul(x, w.Slice(0, 32 * i, 32).Permute(1, 0)).AssertEqual(x.ToTensor().Linear(parts[i]), 1e-5, $"part {i}");
        // And the same as views in one plan.
        var together = Tensor.Concat(1, [.. whole.Chunk(3, 0).Select(p => x.ToTensor().Linear(p))]);
        Host.MatMul(x, w.Permute(1, 0)).AssertEqual(together, 1e-5);
    }

    [Fact]
    public void A_constant_batch_that_must_be_copied_is_a_plain_operand()
    {
        var (a, b) = (Host.Random(Random, 2, 3, 4, 5), Host.Random(Random, 3, 2, 5, 4));
        var constant = b.ToTensor().AsConstant();
        Host.MatMul(a, b.Permute(1, 0, 2, 3)).AssertEqual(Tensor.MatMul(a.ToTensor(), constant.Permute(1, 0, 2, 3)), 1e-5);
    }

    [Fact]
    public void Attention_hides_what_it_is_told_to()
    {
        foreach (var (queries, keys, size, valueSize) in new[] { (5, 5, 8, 8), (1, 7, 4, 3), (9, 4, 16, 16), (3, 1, 5, 5), (40, 40, 32, 32) })
        {
            var (q, k, v) = (Host.Random(Random, 2, 3, queries, size), Host.Random(Random, 2, 3, keys, size), Host.Random(Random, 2, 3, keys, valueSize));
            var mask = Host.Of([2, 1, 1, keys], i => i[3] > 0 && (i[0] + i[3]) % 3 == 0 ? double.NegativeInfinity : i[3] * 0.1);
            var wholeMask = Host.Zip(mask, Host.Of([2, 3, queries, keys], _ => 0), (m, _) => m);
            foreach (var type in new[] { ElementType.Float32, ElementType.Float64, ElementType.Float16 })
            {
                double tolerance = type switch { ElementType.Float64 => 1e-12, ElementType.Float32 => 1e-5, _ => 5e-3 };
                var (tq, tk, tv) = (q.ToTensor(type), k.ToTensor(type), v.ToTensor(type));
                Host.Attention(q, k, v, 1 / Math.Sqrt(size), null, false).AssertEqual(Tensor.Attention(tq, tk, tv), tolerance, $"plain {type}");
                Host.Attention(q, k, v, 0.3, wholeMask, false).AssertEqual(Tensor.Attention(tq, tk, tv, 0.3, mask.ToTensor(type)), tolerance, $"masked {type}");
                Host.Attention(q, k, v, 0.3, null, true).AssertEqual(Tensor.Attention(tq, tk, tv, 0.3, causal: true), tolerance, $"causal {type}");
            }
            // Heads as a view of tokens, and joined again.
            var (hq, hk, hv) = (Heads(q), Heads(k), Heads(v));
            var joined = Tensor.Attention(hq, hk, hv).Permute(0, 2, 1, 3).Reshape(2, queries, 3 * valueSize);
            Host.Attention(q, k, v, 1 / Math.Sqrt(size), null, false).Permute(0, 2, 1, 3).Reshape(2, queries, 3 * valueSize).AssertEqual(joined, 1e-5, "heads");
        }
    }

    // Tokens outside heads in memory.
    private static Tensor Heads(Host x) => x.Permute(0, 2, 1, 3).Reshape(x.Shape[0], x.Shape[2], x.Shape[1] * x.Shape[3]).ToTensor()
        .Reshape(x.Shape[0], x.Shape[2], x.Shape[1], x.Shape[3]).Permute(0, 2, 1, 3);

    // The same values, with the axes in the opposite order in memory.
    private static Tensor Turned(Host x)
    {
        int[] back = [.. Enumerable.Range(0, x.Rank).Reverse()];
        return x.Permute(back).ToTensor().Permute(back);
    }
}
