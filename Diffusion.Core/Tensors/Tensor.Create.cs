using System.Runtime.InteropServices;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors.Graph;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

public sealed partial class Tensor
{
    /// <summary>A tensor of float32 values in row-major order. The values are copied.</summary>
    /// <param name="values">As many values as the shape has elements.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="device">Where to put it; the CPU when none is given.</param>
    public static Tensor From(ReadOnlySpan<float> values, Shape shape, Device? device = null) =>
        FromBytes(MemoryMarshal.AsBytes(values), ElementType.Float32, shape, device);

    /// <summary>A tensor of float32 values in row-major order. The values are copied.</summary>
    public static Tensor From(float[] values, Shape shape, Device? device = null) => From(values.AsSpan(), shape, device);

    /// <summary>A tensor of float64 values in row-major order. The values are copied.</summary>
    public static Tensor FromDoubles(double[] values, Shape shape, Device? device = null) =>
        FromBytes(MemoryMarshal.AsBytes(values.AsSpan()), ElementType.Float64, shape, device);

    /// <summary>A tensor of 64-bit integers (indices, token ids) in row-major order. The values are copied.</summary>
    public static Tensor FromIntegers(long[] values, Shape shape, Device? device = null) =>
        FromBytes(MemoryMarshal.AsBytes(values.AsSpan()), ElementType.Int64, shape, device);

    /// <summary>A tensor from raw little-endian elements in row-major order. The bytes are copied.</summary>
    public static Tensor FromBytes(ReadOnlySpan<byte> bytes, ElementType type, Shape shape, Device? device = null)
    {
        if (bytes.Length != shape.Count * type.Size())
            throw new TensorShapeException($"Tensor.From: {bytes.Length / type.Size()} values were given for shape {shape}, which has {shape.Count}.");
        var place = device ?? Device.Cpu;
        var buffer = place.Allocate(bytes.Length);
        if (bytes.Length > 0)
            place.Backend.Upload(bytes, new BufferSlice(buffer, 0));
        return new Tensor(new Storage(place, buffer, 0, Layout.Contiguous(type, shape.Lengths)), shape, place);
    }

    /// <summary>A tensor over host memory that stays valid as long as <paramref name="owner"/> lives; not copied on the CPU.</summary>
    /// <param name="address">First element, row-major.</param>
    /// <param name="bytes">Length of the memory.</param>
    /// <param name="type">Element type.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="owner">Kept alive by the tensor.</param>
    /// <param name="device">Where to put it; the CPU when none is given.</param>
    /// <param name="constant">The data never changes: kernels may keep a repacked copy (weights).</param>
    public static Tensor Map(nint address, long bytes, ElementType type, Shape shape, object owner, Device? device = null, bool constant = true)
    {
        if (bytes != shape.Count * type.Size())
            throw new TensorShapeException($"Tensor.Map: {bytes} bytes were given for {type}{shape}, which takes {shape.Count * type.Size()}.");
        var place = device ?? Device.Cpu;
        var buffer = place.Backend.Map(address, bytes, owner);
        return new Tensor(new Storage(place, buffer, 0, Layout.Contiguous(type, shape.Lengths), pooled: false, constant), shape, place);
    }

    /// <summary>A tensor full of one value. Takes no memory.</summary>
    public static Tensor Full(double value, Shape shape, ElementType type = ElementType.Float32, Device? device = null) =>
        new(new ConstantOp(Stored(value, type)), [], shape, type, device ?? Device.Cpu);

    // What reading the value back gives.
    private static double Stored(double value, ElementType type) => type switch
    {
        ElementType.Float64 => value,
        ElementType.Float32 => (float)value,
        ElementType.Float16 => (double)(Half)(float)value,
        ElementType.BFloat16 => double.IsNaN(value) ? value : UpperHalf(BitConverter.SingleToUInt32Bits((float)value)),
        _ when double.IsNaN(value) => 0,
        ElementType.Int8 => (sbyte)Math.Clamp(value, sbyte.MinValue, sbyte.MaxValue),
        ElementType.UInt8 => (byte)Math.Clamp(value, byte.MinValue, byte.MaxValue),
        ElementType.Int32 => (int)Math.Clamp(value, int.MinValue, int.MaxValue),
        _ => Math.Truncate(value),
    };

    // Rounded to the nearest, halves to even.
    private static double UpperHalf(uint bits) => BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);

    /// <summary>A tensor of zeros. Takes no memory.</summary>
    public static Tensor Zeros(Shape shape, ElementType type = ElementType.Float32, Device? device = null) => Full(0, shape, type, device);

    /// <summary>A tensor of ones. Takes no memory.</summary>
    public static Tensor Ones(Shape shape, ElementType type = ElementType.Float32, Device? device = null) => Full(1, shape, type, device);

    /// <summary>The same values, which never change from now on: kernels may keep a repacked copy of them (weights).</summary>
    public Tensor AsConstant()
    {
        var data = Realize().Storage!;
        return new Tensor(data.Share(constant: true), Shape, Device);
    }

    /// <summary>The same values on another device.</summary>
    public Tensor To(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device == Device ? this : FromBytes(ToBytes(), ElementType, Shape, device);
    }
}
