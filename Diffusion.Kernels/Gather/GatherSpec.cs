using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>
/// Y[o…, i, r…] = X[o…, index[i], r…] along one axis (an embedding lookup is axis 0 of a table). Operands: X, Index, Y. An
/// index outside 0 … length−1 throws <see cref="IndexOutOfRangeException"/> on the CPU and reads the nearest valid row on GPUs.
/// </summary>
/// <param name="X">[outer, length, inner].</param>
/// <param name="Index">[count], Int32 or Int64.</param>
/// <param name="Y">[outer, count, inner].</param>
public sealed record GatherSpec(Layout X, Layout Index, Layout Y) : KernelSpec
{
    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [X, Index, Y];

    /// <inheritdoc/>
    public override void Validate()
    {
        const string op = "Gather";
        Require(X.Rank == 3 && Index.Rank == 1 && Y.Rank == 3, op, $"X is [outer, length, inner], Index [count], Y [outer, count, inner]; got {X}, {Index}, {Y}.");
        Require(Index.Type is ElementType.Int32 or ElementType.Int64, op, $"indices are Int32 or Int64; got {Index}.");
        Require(X.Shape[0] == Y.Shape[0] && X.Shape[2] == Y.Shape[2] && Y.Shape[1] == Index.Shape[0], op, $"Y must be [{X.Shape[0]}, {Index.Shape[0]}, {X.Shape[2]}]; got {Y}.");
    }

    /// <summary>The error of an index that points nowhere.</summary>
    internal static Exception OutOfRange(long index, long position, int length) =>
#pragma warning disable CA2201 // the contract promises this type
        new IndexOutOfRangeException($"Gather: index {index} at position {position} isn't within 0 … {length - 1}.");
#pragma warning restore CA2201
}
