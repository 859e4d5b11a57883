namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>The cvt instructions, and the number formats that .NET does not have.</summary>
internal static class Conversions
{
    /// <summary>What a conversion does; null for one that is not known.</summary>
    public static Func<ulong, ulong, ulong, ulong>? Find(string[] parts) => string.Join('.', parts[1..]) switch
    {
        "rn.f16.f32" => (a, _, _) => BitConverter.HalfToUInt16Bits((Half)ScalarInstructions.Value(a)),
        "f32.f16" => (a, _, _) => ScalarInstructions.Bits((float)BitConverter.UInt16BitsToHalf((ushort)a)),
        "rn.bf16.f32" => (a, _, _) => BrainFloat(ScalarInstructions.Value(a)),
        // The first source becomes the upper half.
        "rn.f16x2.f32" => (a, b, _) => (ulong)BitConverter.HalfToUInt16Bits((Half)ScalarInstructions.Value(a)) << 16
            | BitConverter.HalfToUInt16Bits((Half)ScalarInstructions.Value(b)),
        "rn.bf16x2.f32" => (a, b, _) => (ulong)BrainFloat(ScalarInstructions.Value(a)) << 16 | BrainFloat(ScalarInstructions.Value(b)),
        "rna.tf32.f32" => (a, _, _) => TensorFloat32((uint)a),
        "rn.f32.s32" => (a, _, _) => ScalarInstructions.Bits((int)a),
        "rn.f32.u32" => (a, _, _) => ScalarInstructions.Bits((uint)a),
        "rzi.s32.f32" => (a, _, _) => (uint)(int)ScalarInstructions.Value(a),
        "s64.s32" => (a, _, _) => (ulong)(int)a,
        "u64.u32" or "u32.u64" or "s32.s64" or "u32.u32" => (a, _, _) => (uint)a,
        "u32.u16" => (a, _, _) => (ushort)a,
        "u32.u8" => (a, _, _) => (byte)a,
        "s32.s8" => (a, _, _) => (uint)(sbyte)a,
        "s32.s16" => (a, _, _) => (uint)(short)a,
        "u16.u32" => (a, _, _) => (ushort)a,
        _ => null,
    };

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
}
