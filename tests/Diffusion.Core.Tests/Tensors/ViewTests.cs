using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

public sealed class ViewTests
{
    private static readonly Host X = Host.Of([2, 3, 4, 5], i => i[0] * 1000 + i[1] * 100 + i[2] * 10 + i[3]);

    [Fact]
    public void Views_move_elements()
    {
        // As leaves, as results of a kernel, and with integers.
        foreach (var x in new[] { X.ToTensor(), X.ToTensor() + 0, X.ToTensor(ElementType.Int32), X.ToTensor(ElementType.Float64) })
        {
            X.Reshape(6, 20).AssertEqual(x.Reshape(6, 20), 0);
            X.Reshape(6, 20).AssertEqual(x.Reshape(-1, 20), 0);
            X.Reshape(2, 3, 4, 5, 1, 1).AssertEqual(x.Reshape(2, 3, 4, 5, 1, 1), 0);
            X.Permute(3, 1, 0, 2).AssertEqual(x.Permute(3, 1, 0, 2), 0);
            X.Permute(3, 1, 0, 2).AssertEqual(x.Permute(-1, -3, 0, -2), 0);
            X.Permute(0, 2, 3, 1).Reshape(2, 20, 3).AssertEqual(x.Permute(0, 2, 3, 1).Reshape(2, 20, 3), 0);
            X.Permute(0, 2, 1, 3).Reshape(8, 15).AssertEqual(x.Permute(0, 2, 1, 3).Reshape(8, 15), 0);
            X.Permute(3, 2, 1, 0).Reshape(120).AssertEqual(x.Permute(3, 2, 1, 0).Flatten(), 0);
            X.Permute(0, 1, 3, 2).AssertEqual(x.Transpose(), 0);
            X.Permute(2, 1, 0, 3).AssertEqual(x.Transpose(0, 2), 0);
            X.Slice(2, 1, 2).AssertEqual(x.Slice(2, 1, 2), 0);
            X.Slice(3, 1, 2, 3).AssertEqual(x.Slice(-1, 1, 2, 3), 0);
            X.Slice(3, 0, 3, 2).Slice(0, 1, 1).AssertEqual(x.Slice(3, 0, 3, 2).Slice(0, 1, 1), 0);
            X.Slice(1, 3, 0).AssertEqual(x.Slice(1, 3, 0), 0);
            X.Slice(3, 1, 3).Permute(0, 3, 1, 2).Reshape(2, 36).AssertEqual(x.Slice(3, 1, 3).Permute(0, 3, 1, 2).Reshape(2, 36), 0);
            X.Reshape(2, 12, 5).AssertEqual(x.Flatten(1, 2), 0);
            X.Reshape(2, 3, 1, 4, 5).AssertEqual(x.Unsqueeze(2), 0);
            X.Reshape(2, 3, 4, 5, 1).AssertEqual(x.Unsqueeze(-1), 0);
            X.AssertEqual(x.Unsqueeze(0).Squeeze(0), 0);
            X.Pick(1, [2, 1, 0]).AssertEqual(x.Flip(1), 0);
            X.Pick(3, [4, 3, 2, 1, 0]).AssertEqual(x.Flip(-1), 0);
        }
    }

    [Fact]
    public void Expanding_repeats()
    {
        var x = Host.Of([3, 1, 2], i => i[0] * 10 + i[2]);
        var expected = Host.Of([4, 3, 5, 2], i => i[1] * 10 + i[3]);
        foreach (var t in new[] { x.ToTensor(), x.ToTensor() + 0 })
        {
            expected.AssertEqual(t.Expand([4, 3, 5, 2]), 0);
            expected.Permute(2, 0, 3, 1).Reshape(5, 4, 6).AssertEqual(t.Expand([4, 3, 5, 2]).Permute(2, 0, 3, 1).Reshape(5, 4, 6), 0);
            expected.Slice(2, 1, 2).AssertEqual(t.Expand([4, 3, 5, 2]).Slice(2, 1, 2), 0);
            Host.Of([3, 0, 2], _ => 0).AssertEqual(t.Expand([3, 0, 2]), 0);
        }
        Host.Of([2, 3], _ => 7).AssertEqual(Tensor.Full(7, []).Expand([2, 3]), 0);
        Host.Of([2, 3], _ => 7).AssertEqual(Tensor.From([7f], []).Expand([2, 3]), 0);
        Host.Of([6], _ => 7).AssertEqual(Tensor.Full(7, [2, 1]).Expand([2, 3]).Flatten(), 0);
    }

    [Fact]
    public void Joining_splitting_repeating_padding()
    {
        foreach (var x in new[] { X.ToTensor(), X.ToTensor() + 0, X.ToTensor().Permute(0, 1, 3, 2).Contiguous().Permute(0, 1, 3, 2) })
        {
            for (int axis = 0; axis < 4; axis++)
            {
                var y = X.Slice(axis, 1, 1);
                Host.Concat(axis, X, y, X).AssertEqual(Tensor.Concat(axis, x, x.Slice(axis, 1, 1), x), 0);
                Host.Concat(axis, X, y).AssertEqual(Tensor.Concat(axis - 4, x, x.Slice(axis, 0, 0), x.Slice(axis, 1, 1)), 0);
            }
            Host.Concat(0, X.Reshape(1, 2, 3, 4, 5), X.Reshape(1, 2, 3, 4, 5)).AssertEqual(Tensor.Stack(0, x, x), 0);
            Host.Concat(4, X.Reshape(2, 3, 4, 5, 1), X.Reshape(2, 3, 4, 5, 1)).AssertEqual(Tensor.Stack(-1, x, x), 0);
            var chunks = x.Chunk(2, -2);
            X.Slice(2, 0, 2).AssertEqual(chunks[0], 0);
            X.Slice(2, 2, 2).AssertEqual(chunks[1], 0);
            Host.Concat(2, Host.Concat(0, X, X, X), Host.Concat(0, X, X, X)).AssertEqual(x.Repeat(3, 1, 2, 1), 0);
            Host.Of([2, 3, 4, 0], _ => 0).AssertEqual(x.Repeat(1, 1, 1, 0), 0);
            Host.Concat(3, Host.Of([2, 3, 4, 2], _ => -1), X, Host.Of([2, 3, 4, 1], _ => -1)).AssertEqual(x.Pad(-1, 2, 1, -1), 0);
            Host.Concat(0, X, Host.Of([1, 3, 4, 5], _ => 0)).AssertEqual(x.Pad(0, 0, 1), 0);
            X.Pick(3, [2, 1, 0, 1, 2, 3, 4, 3]).AssertEqual(x.Pad(3, 2, 1, PaddingMode.Reflect), 0);
            X.Pick(2, [0, 0, 0, 1, 2, 3, 3]).AssertEqual(x.Pad(2, 2, 1, PaddingMode.Replicate), 0);
            X.Pick(2, [2, 3, 0, 1, 2, 3, 0]).AssertEqual(x.Pad(2, 2, 1, PaddingMode.Circular), 0);
        }
    }

    [Fact]
    public void Gathering_picks_rows()
    {
        foreach (var x in new[] { X.ToTensor(), X.ToTensor() * 1, X.ToTensor(ElementType.Float64) })
        {
            for (int axis = 0; axis < 4; axis++)
            {
                int[] rows = [1, 0, 1, X.Shape[axis] - 1];
                foreach (var type in new[] { ElementType.Int32, ElementType.Int64 })
                    X.Pick(axis, rows).AssertEqual(x.Gather(axis, Tensor.FromIntegers([.. rows.Select(i => (long)i)], [4]).Cast(type)), 0);
                X.Pick(axis, []).AssertEqual(x.Gather(axis, Tensor.FromIntegers([], [0])), 0);
            }
        }
        // A strided index, computed.
        X.Pick(1, [0, 2]).AssertEqual(X.ToTensor().Gather(1, Tensor.FromIntegers([0, 9, 2, 9], [2, 2]).Slice(1, 0, 1).Reshape(2)), 0);
        var table = X.Reshape(6, 20);
        table.Pick(0, [5, 0, 5, 2]).Reshape(2, 2, 20).AssertEqual(table.ToTensor().Embed(Tensor.FromIntegers([5, 0, 5, 2], [2, 2])), 0);
        table.Slice(0, 3, 1).Reshape(20).AssertEqual(table.ToTensor().Embed(Tensor.FromIntegers([3], [])), 0);
    }

    [Fact]
    public void Empty_and_scalar_tensors_have_views()
    {
        var empty = Tensor.From([], [0, 3]);
        Assert.Empty(empty.Reshape(3, 0).Permute(1, 0).ToArray());
        Assert.Empty((empty + 1).Transpose().ToArray());
        Assert.Equal([1f, 2, 3], Tensor.Concat(0, empty, Tensor.From([1f, 2, 3], [1, 3])).ToArray());
        var scalar = Tensor.From([5f], []);
        Assert.Equal([5f], scalar.Reshape(1, 1).ToArray());
        Assert.Equal([5f], scalar.Flatten().ToArray());
        Assert.Equal(5, (scalar.Unsqueeze(0).Expand([3]).Sum() / 3).ToScalar());
    }

    [Fact]
    public void Raw_bytes_are_row_major_whatever_the_layout()
    {
        var x = Tensor.From([1f, 2, 3, 4, 5, 6], [2, 3]);
        Assert.Equal(Tensor.From([1f, 4, 2, 5, 3, 6], [3, 2]).ToBytes(), x.Transpose().ToBytes());
        Assert.Equal(Tensor.From([1f, 4, 2, 5, 3, 6], [3, 2]).ToBytes(), (x + 0).Transpose().ToBytes());
        Assert.Equal(x.ToBytes(), Tensor.FromBytes(x.ToBytes(), ElementType.Float32, [2, 3]).ToBytes());
        Assert.Equal(6, x.AsConstant().Slice(0, 1, 1).Slice(1, 2, 1).ToScalar());
    }
}
