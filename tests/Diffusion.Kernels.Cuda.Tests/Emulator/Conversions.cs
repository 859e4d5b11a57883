using System.Globalization;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>The cvt instructions, and the number formats that .NET does not have.</summary>
internal static class Conversions
{
    /// <summary>What a conversion does; null for one that is not known.</summary>
    public static Func<ulong, ulong, ulong, ulong>? Find(string[] parts)
    {
        switch (string.Join('.', parts[1..]))
        {
            // The first source becomes the upper half.
            case "rn.f16x2.f32": return (a, b, _) => (ulong)Half(Float(a)) << 16 | Half(Float(b));
            case "rn.bf16x2.f32": return (a, b, _) => (ulong)BrainFloat(Float(a)) << 16 | BrainFloat(Float(b));
            case "rn.bf16.f32": return (a, _, _) => BrainFloat(Float(a));
            case "rna.tf32.f32": return (a, _, _) => TensorFloat32((uint)a);
        }
        string to = parts[^2], from = parts[^1], rounding = parts.Length == 4 ? parts[1] : "";
        return (IsFloat(to), IsFloat(from)) switch
        {
            (false, false) => (a, _, _) => Truncate(to, Extend(from, a)),
            (true, false) when rounding == "rn" => from[0] == 'u' ? (a, _, _) => ToBits(to, (double)Extend(from, a), (float)Extend(from, a)) : (a, _, _) => Signed(to, (long)Extend(from, a)),
            (false, true) when Round(rounding) is { } round => (a, _, _) => Truncate(to, Saturate(to, round(ToDouble(from, a)))),
            (true, true) when to != from && rounding is "" or "rn" => (a, _, _) => ToBits(to, ToDouble(from, a), (float)ToDouble(from, a)),
            (true, true) when Round(rounding) is { } round => (a, _, _) => ToBits(to, round(ToDouble(from, a)), (float)round(ToDouble(from, a))),
            _ => null,
        };
    }

    /// <summary>A bfloat16's bits: the upper half of a float32, rounded to nearest even.</summary>
    public static ushort BrainFloat(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)0x7FFF : (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
    }

    /// <summary>The number that a bfloat16 means.</summary>
    public static float FromBrainFloat(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>A float32 with 10 bits of fraction, rounded to nearest, halves away from zero.</summary>
    public static uint TensorFloat32(uint bits)
    {
        bool finite = (bits & 0x7F80_0000) != 0x7F80_0000;
        return (finite ? bits + 0x1000 : bits) & ~0x1FFFu;
    }

    private static bool IsFloat(string type) => type[0] == 'f';

    private static int Width(string type) => int.Parse(type.AsSpan(1), CultureInfo.InvariantCulture);

    private static float Float(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    private static ushort Half(float value) => BitConverter.HalfToUInt16Bits((Half)value);

    private static double ToDouble(string type, ulong bits) => type switch
    {
        "f16" => (double)BitConverter.UInt16BitsToHalf((ushort)bits),
        "f32" => Float(bits),
        _ => BitConverter.UInt64BitsToDouble(bits),
    };

    private static ulong ToBits(string type, double wide, float narrow) => type switch
    {
        "f16" => BitConverter.HalfToUInt16Bits((Half)narrow),
        "f32" => BitConverter.SingleToUInt32Bits(narrow),
        _ => BitConverter.DoubleToUInt64Bits(wide),
    };

    private static ulong Signed(string type, long value) => ToBits(type, value, value);

    // An integer's bits, extended to 64 by its sign or by zeros.
    private static ulong Extend(string type, ulong bits)
    {
        int shift = 64 - Width(type);
        return type[0] == 's' ? (ulong)((long)(bits << shift) >> shift) : bits << shift >> shift;
    }

    // A register of 16 or 32 bits holds a narrower signed integer with its sign.
    private static ulong Truncate(string type, ulong value) => Width(type) switch
    {
        8 => type[0] == 's' ? (uint)(sbyte)value : (byte)value,
        16 => (ushort)value,
        32 => (uint)value,
        _ => value,
    };

    private static ulong Saturate(string type, double value) => type switch
    {
        _ when double.IsNaN(value) => 0,
        "s64" => (ulong)(long)value,
        "u64" => (ulong)value,
        _ when type[0] == 's' => (ulong)(long)Math.Clamp(value, -Math.Pow(2, Width(type) - 1), Math.Pow(2, Width(type) - 1) - 1),
        _ => (ulong)Math.Clamp(value, 0, Math.Pow(2, Width(type)) - 1),
    };

    private static Func<double, double>? Round(string rounding) => rounding switch
    {
        "rzi" => Math.Truncate,
        "rni" => value => Math.Round(value, MidpointRounding.ToEven),
        "rmi" => Math.Floor,
        "rpi" => Math.Ceiling,
        _ => null,
    };
}
