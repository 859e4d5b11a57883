using System.Collections;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Diffusion.Core.Tensors;

/// <summary>The lengths of a tensor's axes, outermost first; empty for a scalar.</summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>, IReadOnlyList<int>
{
    private readonly ImmutableArray<int> lengths;

    /// <summary>A shape of the given lengths.</summary>
    /// <exception cref="TensorShapeException">A length is negative, or there are 2⁶³ elements or more.</exception>
    public Shape(ImmutableArray<int> lengths)
    {
        long count = 1;
        foreach (int n in lengths)
        {
            if (n < 0)
                throw new TensorShapeException($"Shape: lengths are at least 0; got [{string.Join(", ", lengths)}].");
            if (n > 0 && count > long.MaxValue / n)
                throw new TensorShapeException($"Shape: [{string.Join(", ", lengths)}] has more elements than can be counted.");
            count *= n;
        }
        this.lengths = lengths;
        Count = count;
    }

    /// <summary>A scalar's shape.</summary>
    public static Shape Scalar { get; } = new([]);

    /// <summary>The lengths.</summary>
    public ImmutableArray<int> Lengths => lengths.IsDefault ? [] : lengths;

    /// <summary>Number of axes.</summary>
    public int Rank => Lengths.Length;

    /// <summary>Number of elements.</summary>
    public long Count => lengths.IsDefault ? 1 : field;

    /// <summary>The length of an axis; negative numbers count from the end.</summary>
    public int this[int axis] => Lengths[Axis(axis, "Shape")];

    /// <inheritdoc/>
    int IReadOnlyCollection<int>.Count => Rank;

    /// <summary>A shape of the given lengths.</summary>
    public static Shape Of(params int[] lengths) => new([.. lengths]);

    /// <summary>A shape of the given lengths (for collection expressions).</summary>
    public static Shape Create(ReadOnlySpan<int> lengths) => new([.. lengths]);

    /// <summary>A shape of the given lengths.</summary>
    public static implicit operator Shape(int[] lengths) => new([.. lengths]);

    /// <summary>The axis counted from the front.</summary>
    /// <exception cref="TensorShapeException">There is no such axis.</exception>
    public int Axis(int axis, string operation)
    {
        int rank = Rank, index = axis < 0 ? axis + rank : axis;
        return (uint)index < (uint)rank ? index
            : throw new TensorShapeException($"{operation}: axis {axis} doesn't exist in {this}; axes are {-rank} … {rank - 1}.");
    }

    /// <summary>The same shape with one axis' length replaced.</summary>
    public Shape With(int axis, int length) => new(Lengths.SetItem(Axis(axis, "Shape.With"), length));

    /// <summary>The shape that both broadcast to, by numpy's rule.</summary>
    /// <exception cref="TensorShapeException">They don't.</exception>
    public static Shape Broadcast(Shape a, Shape b, string operation)
    {
        if (a == b)
            return a;
        int rank = Math.Max(a.Rank, b.Rank);
        var lengths = new int[rank];
        for (int i = 1; i <= rank; i++)
        {
            int m = i <= a.Rank ? a.Lengths[^i] : 1, n = i <= b.Rank ? b.Lengths[^i] : 1;
            if (m != n && m != 1 && n != 1)
                throw new TensorShapeException($"{operation}: shapes {a} and {b} don't fit: lengths {m} and {n} at axis −{i}. Reshape, or expand a length of 1.");
            lengths[rank - i] = m == 1 ? n : m;
        }
        return new Shape(ImmutableArray.Create(lengths));
    }

    /// <inheritdoc/>
    public bool Equals(Shape other) => Lengths.AsSpan().SequenceEqual(other.Lengths.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (int n in Lengths)
            hash.Add(n);
        return hash.ToHashCode();
    }

    /// <summary>Whether the lengths are the same.</summary>
    public static bool operator ==(Shape a, Shape b) => a.Equals(b);

    /// <summary>Whether the lengths differ.</summary>
    public static bool operator !=(Shape a, Shape b) => !a.Equals(b);

    /// <inheritdoc/>
    public override string ToString() => $"[{string.Join(", ", Lengths)}]";

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)Lengths).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>Shapes, types or devices of an operation's tensors don't fit; raised where the operation was written.</summary>
public sealed class TensorShapeException(string message) : ArgumentException(message);
