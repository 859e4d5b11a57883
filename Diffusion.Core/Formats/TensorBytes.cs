using System.Buffers.Binary;
using System.Collections.Immutable;

namespace Diffusion.Core.Formats;

/// <summary>A tensor as a file holds it: a name, an element kind, a shape and little-endian, row-major bytes.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Dtype">The kind of its elements.</param>
/// <param name="Shape">Its sizes, outermost first; empty for a scalar.</param>
/// <param name="Bytes">Its elements.</param>
public sealed record TensorBytes(string Name, SafetensorsDtype Dtype, ImmutableArray<long> Shape, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>A float32 tensor.</summary>
    public static TensorBytes OfFloats(string name, ImmutableArray<long> shape, ReadOnlySpan<float> values)
    {
        var bytes = new byte[values.Length * sizeof(float)];
        for (var i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);

        return new TensorBytes(name, SafetensorsDtype.F32, shape, bytes);
    }

    /// <summary>A float16 tensor, each value rounded to the nearest.</summary>
    public static TensorBytes OfHalves(string name, ImmutableArray<long> shape, ReadOnlySpan<float> values)
    {
        var bytes = new byte[values.Length * sizeof(ushort)];
        for (var i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteHalfLittleEndian(bytes.AsSpan(i * sizeof(ushort)), (Half)values[i]);

        return new TensorBytes(name, SafetensorsDtype.F16, shape, bytes);
    }

    /// <summary>A tensor of signed 64-bit integers.</summary>
    public static TensorBytes OfInt64s(string name, ImmutableArray<long> shape, ReadOnlySpan<long> values)
    {
        var bytes = new byte[values.Length * sizeof(long)];
        for (var i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), values[i]);

        return new TensorBytes(name, SafetensorsDtype.I64, shape, bytes);
    }
}
