using System.Collections.Immutable;
using Diffusion.Core.Formats;

namespace Diffusion.Core.Weights;

/// <summary>
/// A tensor of a checkpoint that hasn't been read yet: its kind, its shape, and how to get at its bytes. Values of this type cost
/// nothing but the description; the bytes stay in the mapped file until somebody leases or reads them.
/// </summary>
public sealed class RawTensor
{
    private readonly Func<MemoryLease> _lease;

    private RawTensor(string source, string name, SafetensorsDtype dtype, ImmutableArray<long> shape, long byteLength, Func<MemoryLease> lease)
    {
        Source = source;
        Name = name;
        Dtype = dtype;
        Shape = shape;
        ByteLength = byteLength;
        _lease = lease;
    }

    /// <summary>Where the tensor comes from: a file's path, or <c>memory</c>.</summary>
    public string Source { get; }

    /// <summary>The name in <see cref="Source"/>. In a store it may have another one, when names were changed.</summary>
    public string Name { get; }

    /// <summary>The kind of its elements.</summary>
    public SafetensorsDtype Dtype { get; }

    /// <summary>Its sizes, outermost first; empty for a scalar.</summary>
    public ImmutableArray<long> Shape { get; }

    /// <summary>How many bytes it has.</summary>
    public long ByteLength { get; }

    /// <summary>The number of elements: the product of <see cref="Shape"/>.</summary>
    public long ElementCount => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>A tensor of an open file. It can be read as long as the file is open.</summary>
    public static RawTensor Of(SafetensorsFile file, string name)
    {
        var entry = file.Entry(name);
        return new RawTensor(file.Path, name, entry.Dtype, entry.Shape, entry.ByteLength, () => file.Lease(name));
    }

    /// <summary>A tensor in memory.</summary>
    public static RawTensor Of(TensorBytes tensor) =>
        new("memory", tensor.Name, tensor.Dtype, tensor.Shape, tensor.Bytes.Length, () => MemoryLease.Over(tensor.Bytes));

    /// <summary>The same elements in another shape; nothing is copied.</summary>
    /// <param name="shape">Sizes of the same number of elements.</param>
    /// <exception cref="ArgumentException">The number of elements differs.</exception>
    public RawTensor Reshape(params ImmutableArray<long> shape) =>
        shape.All(size => size >= 0) && shape.Aggregate(1L, (product, size) => checked(product * size)) == ElementCount
            ? new RawTensor(Source, Name, Dtype, shape, ByteLength, _lease)
            : throw new ArgumentException($"{Source}: tensor {this} has {ElementCount} elements, which don't make [{string.Join(", ", shape)}].", nameof(shape));

    /// <summary>A range of the first axis; nothing is copied.</summary>
    /// <param name="start">The first row, from 0.</param>
    /// <param name="count">How many rows.</param>
    /// <exception cref="ArgumentException">The tensor has no such rows.</exception>
    public RawTensor Rows(long start, long count)
    {
        if (Shape.IsEmpty || start < 0 || count < 0 || start > Shape[0] - count || ByteLength % Math.Max(1, Shape[0]) != 0)
            throw new ArgumentException($"{Source}: tensor {this} has no rows {start} to {start + count - 1}.", nameof(start));
        var row = Shape[0] == 0 ? 0 : ByteLength / Shape[0];
        return new RawTensor(Source, Name, Dtype, Shape.SetItem(0, count), row * count, () => _lease().Part(row * start, row * count));
    }

    /// <summary>The transpose of a matrix; it is copied whenever its bytes are leased.</summary>
    /// <exception cref="ArgumentException">The tensor isn't a matrix of whole bytes.</exception>
    public RawTensor Transpose()
    {
        if (Shape.Length != 2 || ByteLength % Math.Max(1, ElementCount) != 0)
            throw new ArgumentException($"{Source}: tensor {this} can't be transposed; expected a matrix.");
        return new RawTensor(Source, Name, Dtype, [Shape[1], Shape[0]], ByteLength, Transposed);
    }

    /// <summary>
    /// The bytes, little-endian and row-major, without a copy. They stay valid until the lease is disposed, also when the file is
    /// closed before; keep the lease as long as a tensor looks at them.
    /// </summary>
    /// <exception cref="CheckpointException">The file was cut off after it was opened.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public MemoryLease Lease() => _lease();

    /// <summary>The elements widened or rounded to float32.</summary>
    /// <exception cref="NotSupportedException">The element kind can't be read as numbers.</exception>
    public float[] ToFloats() => Read(Elements.ToFloats);

    /// <summary>The elements as float64.</summary>
    /// <exception cref="NotSupportedException">The element kind can't be read as numbers.</exception>
    public double[] ToDoubles() => Read(Elements.ToDoubles);

    /// <summary>The elements of a tensor of whole numbers or truth values (0 and 1).</summary>
    /// <exception cref="InvalidOperationException">The tensor holds floats.</exception>
    /// <exception cref="NotSupportedException">The element kind can't be read as numbers.</exception>
    public long[] ToInt64s() => Read(Elements.ToInt64s);

    /// <summary>How many elements are NaN or infinite: not an error of a file, but seldom meant.</summary>
    /// <exception cref="NotSupportedException">The element kind can't be read as numbers.</exception>
    public long CountNonFinite() => ToDoubles().LongCount(value => !double.IsFinite(value));

    /// <summary>E.g. <c>F16 [320, 4, 3, 3] conv_in.weight</c>.</summary>
    public override string ToString() => $"{Dtype.HeaderName()} [{string.Join(", ", Shape)}] {Name}";

    private T[] Read<T>(Func<MemoryLease, SafetensorsDtype, long, string, T[]> read)
    {
        using var bytes = Lease();
        return read(bytes, Dtype, ElementCount, $"{Source}: tensor {CheckpointException.Quote(Name)}");
    }

    private MemoryLease Transposed()
    {
        using var lease = _lease();
        var (rows, columns) = (checked((int)Shape[0]), checked((int)Shape[1]));
        var size = ElementCount == 0 ? 0 : checked((int)(ByteLength / ElementCount));
        var bytes = new byte[ByteLength];
        for (var i = 0; i < rows; i++)
        {
            var row = lease.Slice((long)i * columns * size, columns * size);
            for (var j = 0; j < columns; j++)
                row.Slice(j * size, size).CopyTo(bytes.AsSpan(((j * rows) + i) * size));
        }

        return MemoryLease.Over(bytes);
    }
}
