using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>
/// How a kernel's operand lies in memory: its element type, its shape, and how many elements to advance for one step
/// along each axis. A stride of 0 repeats (broadcasts) the axis. Where the first element is, is said at launch by a
/// <see cref="BufferSlice"/>.
/// </summary>
/// <param name="Type">Storage type.</param>
/// <param name="Shape">Lengths of the axes, outermost first; each ≥ 0. Empty for a scalar.</param>
/// <param name="Strides">Elements (not bytes) per step, one an axis; ≥ 0.</param>
public sealed record Layout(ElementType Type, ImmutableArray<int> Shape, ImmutableArray<long> Strides)
{
    /// <summary>Number of axes.</summary>
    public int Rank => Shape.Length;

    /// <summary>Number of (logical) elements.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            foreach (int n in Shape)
                count = checked(count * n);
            return count;
        }
    }

    /// <summary>Elements of memory between the first and one past the last element that is touched; 0 when empty.</summary>
    public long Span
    {
        get
        {
            long last = 0;
            for (int i = 0; i < Rank; i++)
            {
                if (Shape[i] == 0)
                    return 0;
                last += (Shape[i] - 1) * Strides[i];
            }
            return last + 1;
        }
    }

    /// <summary>Whether the elements lie densely in row-major order (axes of length 1 may have any stride).</summary>
    public bool IsContiguous
    {
        get
        {
            long expected = 1;
            for (int i = Rank - 1; i >= 0; i--)
            {
                if (Shape[i] != 1 && Strides[i] != expected)
                    return false;
                expected *= Shape[i];
            }
            return true;
        }
    }

    /// <summary>A dense row-major layout.</summary>
    public static Layout Contiguous(ElementType type, ImmutableArray<int> shape)
    {
        var strides = new long[shape.Length];
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride = checked(stride * shape[i]);
        }
        return new Layout(type, shape, ImmutableArray.Create(strides));
    }

    /// <summary>A dense row-major layout.</summary>
    public static Layout Contiguous(ElementType type, params int[] shape) => Contiguous(type, ImmutableArray.Create(shape));

    /// <inheritdoc/>
    public bool Equals(Layout? other) =>
        other is not null && Type == other.Type && Shape.AsSpan().SequenceEqual(other.Shape.AsSpan())
        && Strides.AsSpan().SequenceEqual(other.Strides.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(Type);
        foreach (int n in Shape)
            hash.Add(n);
        foreach (long s in Strides)
            hash.Add(s);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Type}[{string.Join(", ", Shape)}]/({string.Join(", ", Strides)})";
}
