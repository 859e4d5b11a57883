using System.Numerics;

namespace Diffusion.Kernels.Cuda.Tests.Emulator;

/// <summary>Instructions that work on each lane by itself: arithmetic, comparisons, conversions. Registers hold a value's bits.</summary>
internal static class ScalarInstructions
{
    /// <summary>What an instruction does.</summary>
    public static Action<Warp, uint> Find(PtxInstruction instruction)
    {
        string[] parts = instruction.Name.Split('.');
        var operands = instruction.Operands;
        if (operands.Length == 0)
            throw new PtxException($"Unknown instruction {instruction.Name}.");
        var function = Function(parts) ?? throw new PtxException($"Unknown instruction {instruction.Name}.");
        int target = operands[0].Register;
        Source a = new(operands[1]), b = new(operands.Length > 2 ? operands[2] : None), c = new(operands.Length > 3 ? operands[3] : None);
        return (warp, mask) =>
        {
            Span<ulong> result = warp.Row(target);
            ReadOnlySpan<ulong> x = a.Row(warp)[..Warp.Lanes], y = b.Row(warp)[..Warp.Lanes], z = c.Row(warp)[..Warp.Lanes];
            if (mask == uint.MaxValue)
            {
                for (int lane = 0; lane < result.Length; lane++)
                    result[lane] = function(x[lane], y[lane], z[lane]);
                return;
            }
            for (uint left = mask; left != 0; left &= left - 1)
            {
                int lane = BitOperations.TrailingZeroCount(left);
                result[lane] = function(x[lane], y[lane], z[lane]);
            }
        };
    }

    /// <summary>An operand's values in all lanes.</summary>
    private sealed class Source(Operand operand)
    {
        private readonly ulong[] constant = [.. Enumerable.Repeat(operand.Value, Warp.Lanes)];

        public ReadOnlySpan<ulong> Row(Warp warp)
        {
            if (operand.Kind == OperandKind.Immediate)
                return constant;
            if (operand.Kind == OperandKind.Register && !operand.Negated)
                return warp.Row(operand.Register);
            var values = new ulong[Warp.Lanes];
            for (int lane = 0; lane < values.Length; lane++)
                values[lane] = warp.Read(operand, lane);
            return values;
        }
    }

    private static readonly Operand None = new(OperandKind.Immediate);

    private static Func<ulong, ulong, ulong, ulong>? Function(string[] parts)
    {
        string type = parts[^1];
        return parts[0] switch
        {
            "cvt" => Conversions.Find(parts),
            // Global and generic addresses are the same numbers here; other spaces have no generic address.
            "cvta" when parts[^2] == "global" => (a, _, _) => a,
            "setp" => Comparison(parts[1], type) is { } compare ? Combined(compare, parts.Length == 4 ? parts[2] : "") : null,
            "testp" when type == "f32" => parts[1] switch
            {
                "notanumber" => (a, _, _) => float.IsNaN(Value(a)) ? 1ul : 0,
                "infinite" => (a, _, _) => float.IsInfinity(Value(a)) ? 1ul : 0,
                "finite" => (a, _, _) => float.IsFinite(Value(a)) ? 1ul : 0,
                _ => null,
            },
            "selp" => (a, b, p) => p != 0 ? a : b,
            _ => type switch
            {
                "f32" => Float(parts),
                "pred" => Bits(parts[0], 1),
                "s16" or "u16" or "b16" => Bits(parts[0], ushort.MaxValue),
                "b32" => Bits(parts[0], uint.MaxValue) ?? Integer(parts, signed: false, wide: false),
                "b64" => Bits(parts[0], ulong.MaxValue) ?? Integer(parts, signed: false, wide: true),
                "u32" => Integer(parts, signed: false, wide: false),
                "s32" => Integer(parts, signed: true, wide: false),
                "u64" => Integer(parts, signed: false, wide: true),
                "s64" => Integer(parts, signed: true, wide: true),
                _ => null,
            },
        };
    }

    /// <summary>A comparison, possibly combined with a third operand's truth.</summary>
    private static Func<ulong, ulong, ulong, ulong>? Combined(Func<ulong, ulong, bool> compare, string with) => with switch
    {
        "" => (a, b, _) => compare(a, b) ? 1ul : 0,
        "or" => (a, b, c) => compare(a, b) || c != 0 ? 1ul : 0,
        "and" => (a, b, c) => compare(a, b) && c != 0 ? 1ul : 0,
        "xor" => (a, b, c) => compare(a, b) != (c != 0) ? 1ul : 0,
        _ => null,
    };

    private static Func<ulong, ulong, ulong, ulong>? Bits(string name, ulong mask) => name switch
    {
        "mov" => (a, _, _) => a & mask,
        "and" => (a, b, _) => a & b & mask,
        "or" => (a, b, _) => (a | b) & mask,
        "xor" => (a, b, _) => (a ^ b) & mask,
        "not" => (a, _, _) => ~a & mask,
        _ => null,
    };

    private static Func<ulong, ulong, ulong, ulong>? Integer(string[] parts, bool signed, bool wide)
    {
        ulong mask = wide ? ulong.MaxValue : uint.MaxValue;
        int bits = wide ? 64 : 32;
        long S(ulong value) => wide ? (long)value : (int)value;
        ulong U(ulong value) => value & mask;
        return string.Join('.', parts[..^1]) switch
        {
            "mov" => (a, _, _) => a & mask,
            "add" => (a, b, _) => (a + b) & mask,
            "sub" => (a, b, _) => (a - b) & mask,
            "neg" => (a, _, _) => (0 - a) & mask,
            "abs" => (a, _, _) => (ulong)Math.Abs(S(a)) & mask,
            "mul.lo" => (a, b, _) => (a * b) & mask,
            "mad.lo" => (a, b, c) => (a * b + c) & mask,
            // Not for 64 bits: the product of two 32-bit numbers fits 64.
            "mul.wide" when !wide => signed ? (a, b, _) => (ulong)(S(a) * S(b)) : (a, b, _) => U(a) * U(b),
            "mul.hi" when !wide => signed ? (a, b, _) => (uint)(S(a) * S(b) >> 32) : (a, b, _) => U(a) * U(b) >> 32,
            "div" => signed ? (a, b, _) => (ulong)(S(a) / S(b)) & mask : (a, b, _) => U(a) / U(b),
            "rem" => signed ? (a, b, _) => (ulong)(S(a) % S(b)) & mask : (a, b, _) => U(a) % U(b),
            "min" => signed ? (a, b, _) => (ulong)Math.Min(S(a), S(b)) & mask : (a, b, _) => Math.Min(U(a), U(b)),
            "max" => signed ? (a, b, _) => (ulong)Math.Max(S(a), S(b)) & mask : (a, b, _) => Math.Max(U(a), U(b)),
            // Shifts by more than the width give what all bits shifted out give.
            "shl" => (a, b, _) => (uint)b >= bits ? 0 : (a << (int)b) & mask,
            "shr" => signed
                ? (a, b, _) => (ulong)(S(a) >> (int)Math.Min((uint)b, (uint)bits - 1)) & mask
                : (a, b, _) => (uint)b >= bits ? 0 : U(a) >> (int)b,
            _ => null,
        };
    }

    private static Func<ulong, ulong, ulong, ulong>? Float(string[] parts)
    {
        static Func<ulong, ulong, ulong, ulong> One(Func<float, float> f) => (a, _, _) => Bits(f(Value(a)));
        static Func<ulong, ulong, ulong, ulong> Two(Func<float, float, float> f) => (a, b, _) => Bits(f(Value(a), Value(b)));
        // Rounding is to nearest whether the text says so or not; the approximate functions may differ from the hardware's last bits.
        return string.Join('.', parts[..^1].Where(p => p is not ("rn" or "ftz"))) switch
        {
            "mov" => (a, _, _) => a & uint.MaxValue,
            "add" => Two((a, b) => a + b),
            "sub" => Two((a, b) => a - b),
            "mul" => Two((a, b) => a * b),
            "div" or "div.approx" or "div.full" => Two((a, b) => a / b),
            "fma" => (a, b, c) => Bits(MathF.FusedMultiplyAdd(Value(a), Value(b), Value(c))),
            // As IEEE 754's minimumNumber: a number wins over not-a-number.
            "max" => Two((a, b) => float.MaxNumber(a, b)),
            "min" => Two((a, b) => float.MinNumber(a, b)),
            "neg" => One(a => -a),
            "abs" => One(MathF.Abs),
            "sqrt" or "sqrt.approx" => One(MathF.Sqrt),
            "rcp" or "rcp.approx" => One(a => 1 / a),
            "rsqrt.approx" => One(a => 1 / MathF.Sqrt(a)),
            "ex2.approx" => One(a => (float)Math.Pow(2, a)),
            "lg2.approx" => One(a => (float)Math.Log2(a)),
            "tanh.approx" => One(a => (float)Math.Tanh(a)),
            _ => null,
        };
    }

    private static Func<ulong, ulong, bool>? Comparison(string name, string type)
    {
        Func<ulong, ulong, int>? order = type switch
        {
            "s16" => (a, b) => ((short)a).CompareTo((short)b),
            "u16" or "b16" => (a, b) => ((ushort)a).CompareTo((ushort)b),
            "s32" => (a, b) => ((int)a).CompareTo((int)b),
            "u32" or "b32" => (a, b) => ((uint)a).CompareTo((uint)b),
            "s64" => (a, b) => ((long)a).CompareTo((long)b),
            "u64" or "b64" => (a, b) => a.CompareTo(b),
            _ => null,
        };
        if (type is "f32" or "f64")
        {
            Func<ulong, double> value = type == "f32" ? bits => Value(bits) : BitConverter.UInt64BitsToDouble;
            // With a "u", what can't be compared counts as true.
            return name switch
            {
                "eq" => (a, b) => value(a) == value(b),
                "ne" => (a, b) => value(a) < value(b) || value(a) > value(b),
                "lt" => (a, b) => value(a) < value(b),
                "le" => (a, b) => value(a) <= value(b),
                "gt" => (a, b) => value(a) > value(b),
                "ge" => (a, b) => value(a) >= value(b),
                "equ" => (a, b) => !(value(a) < value(b) || value(a) > value(b)),
                "neu" => (a, b) => value(a) != value(b),
                "ltu" => (a, b) => !(value(a) >= value(b)),
                "leu" => (a, b) => !(value(a) > value(b)),
                "gtu" => (a, b) => !(value(a) <= value(b)),
                "geu" => (a, b) => !(value(a) < value(b)),
                "nan" => (a, b) => double.IsNaN(value(a)) || double.IsNaN(value(b)),
                "num" => (a, b) => !double.IsNaN(value(a)) && !double.IsNaN(value(b)),
                _ => null,
            };
        }
        return order is null ? null : name switch
        {
            "eq" => (a, b) => order(a, b) == 0,
            "ne" => (a, b) => order(a, b) != 0,
            "lt" or "lo" => (a, b) => order(a, b) < 0,
            "le" or "ls" => (a, b) => order(a, b) <= 0,
            "gt" or "hi" => (a, b) => order(a, b) > 0,
            "ge" or "hs" => (a, b) => order(a, b) >= 0,
            _ => null,
        };
    }

    /// <summary>The float32 in a register.</summary>
    public static float Value(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    /// <summary>A float32's bits.</summary>
    public static ulong Bits(float value) => BitConverter.SingleToUInt32Bits(value);
}
