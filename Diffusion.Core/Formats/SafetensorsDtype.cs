namespace Diffusion.Core.Formats;

/// <summary>The element kinds of the safetensors format. All can be listed; see <see cref="SafetensorsDtypes.IsNumeric"/> for those that can be read.</summary>
public enum SafetensorsDtype
{
    /// <summary>Truth value, one byte of 0 or 1.</summary>
    Bool,

    /// <summary>4-bit float.</summary>
    F4,

    /// <summary>6-bit float, 2 exponent and 3 mantissa bits.</summary>
    F6E2M3,

    /// <summary>6-bit float, 3 exponent and 2 mantissa bits.</summary>
    F6E3M2,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>8-bit float, 5 exponent and 2 mantissa bits.</summary>
    F8E5M2,

    /// <summary>8-bit float, 4 exponent and 3 mantissa bits.</summary>
    F8E4M3,

    /// <summary>8-bit power of two (scale factors).</summary>
    F8E8M0,

    /// <summary>8-bit float, 4 exponent and 3 mantissa bits, finite only, no negative zero.</summary>
    F8E4M3Fnuz,

    /// <summary>8-bit float, 5 exponent and 2 mantissa bits, finite only, no negative zero.</summary>
    F8E5M2Fnuz,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>IEEE half precision float.</summary>
    F16,

    /// <summary>bfloat16: the upper half of a float32.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>IEEE single precision float.</summary>
    F32,

    /// <summary>Complex number of two float32.</summary>
    C64,

    /// <summary>IEEE double precision float.</summary>
    F64,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
}

/// <summary>Names and sizes of <see cref="SafetensorsDtype"/>.</summary>
public static class SafetensorsDtypes
{
    private static readonly (string Name, int Bits)[] Kinds =
    [
        ("BOOL", 8), ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6), ("U8", 8), ("I8", 8), ("F8_E5M2", 8), ("F8_E4M3", 8),
        ("F8_E8M0", 8), ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8), ("I16", 16), ("U16", 16), ("F16", 16), ("BF16", 16),
        ("I32", 32), ("U32", 32), ("F32", 32), ("C64", 64), ("F64", 64), ("I64", 64), ("U64", 64),
    ];

    /// <summary>The size of one element in bits: 4 to 64.</summary>
    public static int Bits(this SafetensorsDtype dtype) => Kinds[(int)dtype].Bits;

    /// <summary>The name in a file's header, e.g. <c>BF16</c>.</summary>
    public static string HeaderName(this SafetensorsDtype dtype) => Kinds[(int)dtype].Name;

    /// <summary>Whether the elements can be read as numbers here. The 4-, 6- and 8-bit floats and complex numbers can't.</summary>
    public static bool IsNumeric(this SafetensorsDtype dtype) => dtype
        is SafetensorsDtype.Bool or SafetensorsDtype.U8 or SafetensorsDtype.I8 or SafetensorsDtype.I16 or SafetensorsDtype.U16
        or SafetensorsDtype.F16 or SafetensorsDtype.BF16 or SafetensorsDtype.I32 or SafetensorsDtype.U32
        or SafetensorsDtype.F32 or SafetensorsDtype.F64 or SafetensorsDtype.I64 or SafetensorsDtype.U64;

    /// <summary>The kind of that header name (case matters).</summary>
    /// <exception cref="ArgumentException">The format has no such kind.</exception>
    public static SafetensorsDtype Parse(string name) => Find(name)
        ?? throw new ArgumentException(
            $"Unknown element kind {CheckpointException.Quote(name)}. The safetensors format has {KnownNames}.", nameof(name));

    internal static string KnownNames => string.Join(", ", Kinds.Select(kind => kind.Name));

    internal static SafetensorsDtype? Find(string name)
    {
        var index = Array.FindIndex(Kinds, kind => kind.Name == name);
        return index < 0 ? null : (SafetensorsDtype)index;
    }
}
