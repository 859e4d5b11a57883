using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Diffusion.Core.Formats;

/// <summary>Reads the little-endian elements of checkpoints as managed numbers.</summary>
internal static class Elements
{
    // Read in parts so that a tensor of more than 2 GiB needs no span of its size.
    private const int PartElements = 1 << 20;

    private delegate T Decode<T>(ReadOnlySpan<byte> element);

    public static float[] ToFloats(MemoryLease bytes, SafetensorsDtype dtype, long count, string what) => dtype switch
    {
        SafetensorsDtype.F32 when BitConverter.IsLittleEndian => Copy<float>(bytes, count, what),
        SafetensorsDtype.F16 => Read(bytes, dtype, count, what, static e => (float)BinaryPrimitives.ReadHalfLittleEndian(e)),
        SafetensorsDtype.BF16 => Read(bytes, dtype, count, what, BFloat16),
        SafetensorsDtype.I64 => Read(bytes, dtype, count, what, static e => (float)BinaryPrimitives.ReadInt64LittleEndian(e)),
        SafetensorsDtype.U64 => Read(bytes, dtype, count, what, static e => (float)BinaryPrimitives.ReadUInt64LittleEndian(e)),
        _ => Array.ConvertAll(ToDoubles(bytes, dtype, count, what), static value => (float)value),
    };

    public static double[] ToDoubles(MemoryLease bytes, SafetensorsDtype dtype, long count, string what) => dtype switch
    {
        SafetensorsDtype.F64 when BitConverter.IsLittleEndian => Copy<double>(bytes, count, what),
        SafetensorsDtype.F64 => Read(bytes, dtype, count, what, BinaryPrimitives.ReadDoubleLittleEndian),
        SafetensorsDtype.F32 => Read(bytes, dtype, count, what, static e => (double)BinaryPrimitives.ReadSingleLittleEndian(e)),
        SafetensorsDtype.F16 => Read(bytes, dtype, count, what, static e => (double)BinaryPrimitives.ReadHalfLittleEndian(e)),
        SafetensorsDtype.BF16 => Read(bytes, dtype, count, what, static e => (double)BFloat16(e)),
        SafetensorsDtype.U64 => Read(bytes, dtype, count, what, static e => (double)BinaryPrimitives.ReadUInt64LittleEndian(e)),
        _ => Array.ConvertAll(ToInt64s(bytes, dtype, count, what), static value => (double)value),
    };

    public static long[] ToInt64s(MemoryLease bytes, SafetensorsDtype dtype, long count, string what) => dtype switch
    {
        SafetensorsDtype.I64 when BitConverter.IsLittleEndian => Copy<long>(bytes, count, what),
        SafetensorsDtype.I64 => Read(bytes, dtype, count, what, BinaryPrimitives.ReadInt64LittleEndian),
        SafetensorsDtype.I32 => Read(bytes, dtype, count, what, static e => (long)BinaryPrimitives.ReadInt32LittleEndian(e)),
        SafetensorsDtype.U32 => Read(bytes, dtype, count, what, static e => (long)BinaryPrimitives.ReadUInt32LittleEndian(e)),
        SafetensorsDtype.I16 => Read(bytes, dtype, count, what, static e => (long)BinaryPrimitives.ReadInt16LittleEndian(e)),
        SafetensorsDtype.U16 => Read(bytes, dtype, count, what, static e => (long)BinaryPrimitives.ReadUInt16LittleEndian(e)),
        SafetensorsDtype.I8 => Read(bytes, dtype, count, what, static e => (long)(sbyte)e[0]),
        SafetensorsDtype.U8 => Read(bytes, dtype, count, what, static e => (long)e[0]),
        SafetensorsDtype.Bool => Read(bytes, dtype, count, what, static e => e[0] == 0 ? 0L : 1L),
        SafetensorsDtype.U64 => Read(bytes, dtype, count, what, e => SignedOrThrow(BinaryPrimitives.ReadUInt64LittleEndian(e), what)),
        _ when dtype.IsNumeric() => throw new InvalidOperationException(
            $"{what} holds {dtype.HeaderName()}, not whole numbers. Read it with ToFloats or ToDoubles."),
        _ => throw new NotSupportedException(
            $"{what} holds {dtype.HeaderName()}, which can't be read as numbers yet. Convert the file to F16, BF16 or F32."),
    };

    private static float BFloat16(ReadOnlySpan<byte> element) =>
        BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadInt16LittleEndian(element) << 16);

    private static long SignedOrThrow(ulong value, string what) => value <= long.MaxValue
        ? (long)value
        : throw new OverflowException($"{what} holds {value}, more than a signed 64-bit integer can. Read it with ToDoubles.");

    private static T[] Copy<T>(MemoryLease bytes, long count, string what)
        where T : unmanaged
    {
        var result = NewArray<T>(count, what);
        for (var start = 0; start < result.Length; start += PartElements)
        {
            var length = Math.Min(PartElements, result.Length - start);
            var part = bytes.Slice((long)start * Unsafe.SizeOf<T>(), length * Unsafe.SizeOf<T>());
            part.CopyTo(MemoryMarshal.AsBytes(result.AsSpan(start, length)));
        }

        return result;
    }

    private static T[] Read<T>(MemoryLease bytes, SafetensorsDtype dtype, long count, string what, Decode<T> decode)
    {
        var size = dtype.Bits() / 8;
        var result = NewArray<T>(count, what);
        for (var start = 0; start < result.Length; start += PartElements)
        {
            var values = result.AsSpan(start, Math.Min(PartElements, result.Length - start));
            var part = bytes.Slice((long)start * size, values.Length * size);
            for (var i = 0; i < values.Length; i++)
                values[i] = decode(part.Slice(i * size, size));
        }

        return result;
    }

    private static T[] NewArray<T>(long count, string what) => count <= Array.MaxLength
        ? new T[count]
        : throw new NotSupportedException($"{what} has {count} elements, more than an array can hold ({Array.MaxLength}). Read its bytes in parts.");
}
