using Diffusion.Kernels.Cpu;

namespace Diffusion.Kernels.Reference;

/// <summary>An operand in host memory, read and written as float64 by index.</summary>
internal readonly unsafe struct ReferenceView(BufferSlice slice, Layout layout)
{
    private readonly byte* origin = (byte*)slice.Address;

    /// <summary>How it lies.</summary>
    public Layout Layout { get; } = layout;

    public double this[int a]
    {
        get => Read(a * Layout.Strides[0]);
        set => Write(a * Layout.Strides[0], value);
    }

    public double this[int a, int b]
    {
        get => Read(a * Layout.Strides[0] + b * Layout.Strides[1]);
        set => Write(a * Layout.Strides[0] + b * Layout.Strides[1], value);
    }

    public double this[int a, int b, int c] => Read(a * Layout.Strides[0] + b * Layout.Strides[1] + c * Layout.Strides[2]);

    public double this[int a, int b, int c, int d]
    {
        get => Read(a * Layout.Strides[0] + b * Layout.Strides[1] + c * Layout.Strides[2] + d * Layout.Strides[3]);
        set => Write(a * Layout.Strides[0] + b * Layout.Strides[1] + c * Layout.Strides[2] + d * Layout.Strides[3], value);
    }

    /// <summary>Elements from the first to the one with a logical (row-major) number.</summary>
    public long Offset(long index) => OffsetWithin(index, Layout.Rank);

    /// <summary>The same over the first <paramref name="axes"/> axes only, the others at 0.</summary>
    public long OffsetWithin(long index, int axes)
    {
        long offset = 0;
        for (int i = axes - 1; i >= 0; i--)
        {
            offset += index % Layout.Shape[i] * Layout.Strides[i];
            index /= Layout.Shape[i];
        }
        return offset;
    }

    /// <summary>The value at an offset in elements.</summary>
    public double Read(long offset)
    {
        byte* place = origin + offset * Layout.Type.Size();
        return Layout.Type == ElementType.Float64 ? *(double*)place
            : Layout.Type == ElementType.Int32 ? *(int*)place
            : Layout.Type == ElementType.Int64 ? *(long*)place
            : CpuConvert.LoadOne(Layout.Type, place);
    }

    /// <summary>The integer at an offset in elements.</summary>
    public long ReadInteger(long offset)
    {
        byte* place = origin + offset * Layout.Type.Size();
        return Layout.Type switch
        {
            ElementType.Int8 => *(sbyte*)place,
            ElementType.UInt8 => *place,
            ElementType.Int32 => *(int*)place,
            ElementType.Int64 => *(long*)place,
            _ => throw new InvalidOperationException($"Reference: {Layout.Type} isn't an integer type."),
        };
    }

    /// <summary>Stores a value in the operand's type.</summary>
    public void Write(long offset, double value)
    {
        byte* place = origin + offset * Layout.Type.Size();
        switch (Layout.Type)
        {
            case ElementType.Float64: *(double*)place = value; break;
            case ElementType.Float32: *(float*)place = (float)value; break;
            case ElementType.Float16: *(Half*)place = (Half)value; break;
            case ElementType.BFloat16: *(ushort*)place = ToBFloat16(value); break;
            // The casts of .NET go towards zero, saturate, and give 0 for NaN.
            default: WriteInteger(offset, (long)value); break;
        }
    }

    /// <summary>Stores an integer, saturating.</summary>
    public void WriteInteger(long offset, long value)
    {
        byte* place = origin + offset * Layout.Type.Size();
        switch (Layout.Type)
        {
            case ElementType.Int8: *(sbyte*)place = (sbyte)Math.Clamp(value, sbyte.MinValue, sbyte.MaxValue); break;
            case ElementType.UInt8: *place = (byte)Math.Clamp(value, byte.MinValue, byte.MaxValue); break;
            case ElementType.Int32: *(int*)place = (int)Math.Clamp(value, int.MinValue, int.MaxValue); break;
            case ElementType.Int64: *(long*)place = value; break;
            default: Write(offset, value); break;
        }
    }

    /// <summary>Rounds to nearest even once: an inexact float32 on the way is made odd, so that the second rounding sees it.</summary>
    private static ushort ToBFloat16(double value)
    {
        float single = (float)value;
        if (single != value && float.IsFinite(single))
        {
            uint bits = BitConverter.SingleToUInt32Bits(single);
            if (Math.Abs((double)single) > Math.Abs(value))
                bits--;
            single = BitConverter.UInt32BitsToSingle(bits | 1);
        }
        return CpuConvert.ToBFloat16(single);
    }
}
