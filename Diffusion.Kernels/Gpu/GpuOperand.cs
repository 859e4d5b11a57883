using ILGPU;

namespace Diffusion.Kernels.Gpu;

/// <summary>
/// An operand inside a kernel: 32-bit words (so that offsets reach 8 GB where a device counts them in 32 bits), how an element
/// is stored, and the strides of up to four axes in elements.
/// </summary>
internal struct GpuOperand
{
    /// <summary>Memory from the word that holds the first element.</summary>
    public ArrayView<uint> Words;

    /// <summary>An <see cref="ElementType"/>.</summary>
    public int Type;

    /// <summary>Elements between the first word's start and the first element (types narrower than a word).</summary>
    public int Start;

    /// <summary>Strides, outermost first.</summary>
    public long S0, S1, S2, S3;

    /// <summary>Elements from the first one to a place.</summary>
    public readonly long Offset(int i0, int i1, int i2, int i3) => i0 * S0 + i1 * S1 + i2 * S2 + i3 * S3;

    /// <summary>The element at an offset as float32.</summary>
    public readonly float Load(long offset)
    {
        long at = Start + offset;
        if (Type == (int)ElementType.Float32)
            return Words.Cast<float>()[at];
        if (Type == (int)ElementType.Float16)
            return DeviceMath.FromHalf(Words.Cast<ushort>()[at]);
        if (Type == (int)ElementType.BFloat16)
            return DeviceMath.FromBFloat16(Words.Cast<ushort>()[at]);
        return LoadInteger(offset);
    }

    /// <summary>The integer at an offset.</summary>
    public readonly long LoadInteger(long offset)
    {
        long at = Start + offset;
        if (Type == (int)ElementType.Int8)
            return Words.Cast<sbyte>()[at];
        if (Type == (int)ElementType.UInt8)
            return Words.Cast<byte>()[at] & 0xff;
        if (Type == (int)ElementType.Int32)
            return Words.Cast<int>()[at];
        return Words.Cast<long>()[at];
    }

    /// <summary>Stores a value in the operand's type: floats to nearest even, integers towards zero, saturating, NaN as 0.</summary>
    public readonly void Store(long offset, float value)
    {
        long at = Start + offset;
        if (Type == (int)ElementType.Float32)
            Words.Cast<float>()[at] = value;
        else if (Type == (int)ElementType.Float16)
            Words.Cast<ushort>()[at] = DeviceMath.ToHalf(value);
        else if (Type == (int)ElementType.BFloat16)
            Words.Cast<ushort>()[at] = DeviceMath.ToBFloat16(value);
        else
            StoreInteger(offset, ToInteger(value));
    }

    /// <summary>Stores an integer, saturating.</summary>
    public readonly void StoreInteger(long offset, long value)
    {
        long at = Start + offset;
        if (Type == (int)ElementType.Int8)
            Words.Cast<sbyte>()[at] = (sbyte)(int)Clamp(value, -128, 127);
        else if (Type == (int)ElementType.UInt8)
            Words.Cast<byte>()[at] = (byte)((int)Clamp(value, 0, 255) & 0xff);
        else if (Type == (int)ElementType.Int32)
            Words.Cast<int>()[at] = (int)Clamp(value, int.MinValue, int.MaxValue);
        else
            Words.Cast<long>()[at] = value;
    }

    private static long Clamp(long value, long least, long most) => value < least ? least : value > most ? most : value;

    private static long ToInteger(float value) =>
        DeviceMath.IsNaN(value) ? 0 : value >= 9.2233720e18f ? long.MaxValue : value <= -9.2233720e18f ? long.MinValue : (long)value;
}
