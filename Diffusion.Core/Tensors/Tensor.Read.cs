using System.Runtime.InteropServices;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>The values as float32 in row-major order; computes them if need be.</summary>
    public float[] ToArray() => ToArray(CancellationToken.None);

    /// <summary>The values as float32 in row-major order; computes them if need be.</summary>
    public float[] ToArray(CancellationToken cancel) =>
        MemoryMarshal.Cast<byte, float>(Cast(ElementType.Float32).ToBytes(cancel)).ToArray();

    /// <summary>The values as float64 in row-major order; computes them if need be.</summary>
    public double[] ToDoubles() => MemoryMarshal.Cast<byte, double>(Cast(ElementType.Float64).ToBytes()).ToArray();

    /// <summary>The values as 64-bit integers in row-major order (fractions cut off); computes them if need be.</summary>
    public long[] ToIntegers() => MemoryMarshal.Cast<byte, long>(Cast(ElementType.Int64).ToBytes()).ToArray();

    /// <summary>The only value.</summary>
    public double ToScalar() => Shape.Count == 1 ? ToDoubles()[0]
        : throw new TensorShapeException($"Tensor.ToScalar: {Shape} has {Shape.Count} elements, expected 1.");

    /// <summary>The raw little-endian elements in row-major order; computes them if need be.</summary>
    public byte[] ToBytes(CancellationToken cancel = default)
    {
        var dense = Realize(cancel).Storage!.Layout.IsContiguous ? this : Contiguous().Realize(cancel);
        var bytes = new byte[Shape.Count * ElementType.Size()];
        if (bytes.Length > 0)
            dense.Storage!.Read(bytes);
        return bytes;
    }
}
