using System.Runtime.InteropServices;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>The values as float32 in row-major order; computes them if need be.</summary>
    public float[] ToArray() => ToArray(CancellationToken.None);

    /// <summary>The values as float32 in row-major order; computes them if need be.</summary>
    public float[] ToArray(CancellationToken cancel) =>
        MemoryMarshal.Cast<byte, float>(ToBytes(ElementType.Float32, cancel)).ToArray();

    /// <summary>The values as float64 in row-major order; computes them if need be.</summary>
    public double[] ToDoubles() => MemoryMarshal.Cast<byte, double>(ToBytes(ElementType.Float64, CancellationToken.None)).ToArray();

    /// <summary>The values as 64-bit integers in row-major order (fractions cut off); computes them if need be.</summary>
    public long[] ToIntegers() => MemoryMarshal.Cast<byte, long>(ToBytes(ElementType.Int64, CancellationToken.None)).ToArray();

    /// <summary>The only value.</summary>
    public double ToScalar() => Shape.Count == 1 ? ToDoubles()[0]
        : throw new TensorShapeException($"Tensor.ToScalar: {Shape} has {Shape.Count} elements, expected 1.");

    /// <summary>The raw little-endian elements in row-major order; computes them if need be.</summary>
    public byte[] ToBytes(CancellationToken cancel = default)
    {
        var data = Realize(cancel).Storage!;
        if (!data.Layout.IsContiguous)
        {
            using var dense = Contiguous();
            return dense.ToBytes(cancel);
        }
        var bytes = new byte[Shape.Count * ElementType.Size()];
        data.Read(bytes);
        return bytes;
    }

    // What is made for reading only goes at once.
    private byte[] ToBytes(ElementType type, CancellationToken cancel)
    {
        if (type == ElementType)
            return ToBytes(cancel);
        using var converted = Realize(cancel).Cast(type);
        return converted.ToBytes(cancel);
    }
}
