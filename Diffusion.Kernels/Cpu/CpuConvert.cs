using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Storage types from and to float32: to nearest even; integers towards zero, saturating, NaN gives 0.</summary>
internal static unsafe class CpuConvert
{
    /// <summary>Reads <paramref name="n"/> elements that are <paramref name="stride"/> elements apart.</summary>
    public static void Load(ElementType type, byte* source, long stride, float* target, nint n)
    {
        if (stride == 1)
            LoadDense(type, source, target, n);
        else if (stride == 0 && n > 0)
            new Span<float>(target, (int)n).Fill(LoadOne(type, source));
        else
            LoadStrided(type, source, stride, target, n);
    }

    /// <summary>Writes <paramref name="n"/> elements that are <paramref name="stride"/> elements apart.</summary>
    public static void Store(ElementType type, float* source, byte* target, long stride, nint n)
    {
        if (stride == 1)
            StoreDense(type, source, target, n);
        else
            StoreStrided(type, source, target, stride, n);
    }

    /// <summary>One element as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float LoadOne(ElementType type, byte* source) => type switch
    {
        ElementType.Float32 => *(float*)source,
        ElementType.Float16 => (float)*(Half*)source,
        ElementType.BFloat16 => BitConverter.UInt32BitsToSingle((uint)*(ushort*)source << 16),
        ElementType.Float64 => (float)*(double*)source,
        ElementType.Int8 => *(sbyte*)source,
        ElementType.UInt8 => *source,
        ElementType.Int32 => *(int*)source,
        _ => *(long*)source,
    };

    /// <summary>Rounds to nearest even.</summary>
    public static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>Stores one float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void StoreOne(ElementType type, float value, byte* target)
    {
        switch (type)
        {
            case ElementType.Float32: *(float*)target = value; break;
            case ElementType.Float16: *(Half*)target = (Half)value; break;
            case ElementType.BFloat16: *(ushort*)target = ToBFloat16(value); break;
            case ElementType.Float64: *(double*)target = value; break;
            // The casts of .NET saturate, and give 0 for NaN.
            case ElementType.Int8: *(sbyte*)target = (sbyte)Math.Clamp((int)value, sbyte.MinValue, sbyte.MaxValue); break;
            case ElementType.UInt8: *target = (byte)Math.Clamp((int)value, 0, byte.MaxValue); break;
            case ElementType.Int32: *(int*)target = (int)value; break;
            default: *(long*)target = (long)value; break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LoadStrided(ElementType type, byte* source, long stride, float* target, nint n)
    {
        if (type == ElementType.Float32)
        {
            float* values = (float*)source;
            for (nint i = 0; i < n; i++)
                target[i] = values[i * (nint)stride];
            return;
        }
        nint step = (nint)stride * type.Size();
        for (nint i = 0; i < n; i++)
            target[i] = LoadOne(type, source + i * step);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreStrided(ElementType type, float* source, byte* target, long stride, nint n)
    {
        if (type == ElementType.Float32)
        {
            float* values = (float*)target;
            for (nint i = 0; i < n; i++)
                values[i * (nint)stride] = source[i];
            return;
        }
        nint step = (nint)stride * type.Size();
        for (nint i = 0; i < n; i++)
            StoreOne(type, source[i], target + i * step);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LoadDense(ElementType type, byte* source, float* target, nint n)
    {
        int width = Vector<float>.Count, step = 0;
        nint i = 0;
        switch (type)
        {
            case ElementType.Float32:
                Buffer.MemoryCopy(source, target, n * sizeof(float), n * sizeof(float));
                return;
            case ElementType.Float16:
                for (step = 2 * width; i <= n - step; i += step)
                {
                    Vector.Widen(Vector.Load((ushort*)source + i), out var low, out var high);
                    Vector.Store(FromHalf(low), target + i);
                    Vector.Store(FromHalf(high), target + i + width);
                }
                break;
            case ElementType.BFloat16:
                for (step = 2 * width; i <= n - step; i += step)
                {
                    Vector.Widen(Vector.Load((ushort*)source + i), out var low, out var high);
                    Vector.Store(Vector.AsVectorSingle(Vector.ShiftLeft(low, 16)), target + i);
                    Vector.Store(Vector.AsVectorSingle(Vector.ShiftLeft(high, 16)), target + i + width);
                }
                break;
            case ElementType.Int8:
                for (step = 4 * width; i <= n - step; i += step)
                {
                    Vector.Widen(Vector.Load((sbyte*)source + i), out var low, out var high);
                    StoreWide(low, target + i);
                    StoreWide(high, target + i + 2 * width);
                }
                break;
            case ElementType.UInt8:
                for (step = 4 * width; i <= n - step; i += step)
                {
                    Vector.Widen(Vector.Load(source + i), out var low, out var high);
                    StoreWide(Vector.AsVectorInt16(low), target + i);
                    StoreWide(Vector.AsVectorInt16(high), target + i + 2 * width);
                }
                break;
            case ElementType.Int32:
                for (step = width; i <= n - step; i += step)
                    Vector.Store(Vector.ConvertToSingle(Vector.Load((int*)source + i)), target + i);
                break;
        }
        int size = type.Size();
        for (; i < n; i++)
            target[i] = LoadOne(type, source + i * size);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreWide(Vector<short> value, float* target)
    {
        Vector.Widen(value, out var low, out var high);
        Vector.Store(Vector.ConvertToSingle(low), target);
        Vector.Store(Vector.ConvertToSingle(high), target + Vector<float>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreDense(ElementType type, float* source, byte* target, nint n)
    {
        int width = Vector<float>.Count, step = 0;
        nint i = 0;
        switch (type)
        {
            case ElementType.Float32:
                Buffer.MemoryCopy(source, target, n * sizeof(float), n * sizeof(float));
                return;
            case ElementType.Float16:
                for (step = 2 * width; i <= n - step; i += step)
                    Vector.Store(Vector.Narrow(ToHalf(Vector.Load(source + i)), ToHalf(Vector.Load(source + i + width))), (ushort*)target + i);
                break;
            case ElementType.BFloat16:
                for (step = 2 * width; i <= n - step; i += step)
                    Vector.Store(Vector.Narrow(ToBFloat16(Vector.Load(source + i)), ToBFloat16(Vector.Load(source + i + width))), (ushort*)target + i);
                break;
            case ElementType.Int8:
                for (step = 4 * width; i <= n - step; i += step)
                    Vector.Store(Vector.Narrow(Clamped(source + i, -128, 127), Clamped(source + i + 2 * width, -128, 127)), (sbyte*)target + i);
                break;
            case ElementType.UInt8:
                for (step = 4 * width; i <= n - step; i += step)
                {
                    var low = Vector.AsVectorUInt16(Clamped(source + i, 0, 255));
                    Vector.Store(Vector.Narrow(low, Vector.AsVectorUInt16(Clamped(source + i + 2 * width, 0, 255))), target + i);
                }
                break;
            case ElementType.Int32:
                for (step = width; i <= n - step; i += step)
                    Vector.Store(Vector.ConvertToInt32(Vector.Load(source + i)), (int*)target + i);
                break;
        }
        int size = type.Size();
        for (; i < n; i++)
            StoreOne(type, source[i], target + i * size);
    }

    /// <summary>Two vectors towards zero, within bounds, NaN as 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<short> Clamped(float* source, int low, int high)
    {
        var first = Vector.ConvertToInt32(Vector.Load(source));
        var second = Vector.ConvertToInt32(Vector.Load(source + Vector<float>.Count));
        var min = new Vector<int>(low);
        var max = new Vector<int>(high);
        return Vector.Narrow(Vector.Min(Vector.Max(first, min), max), Vector.Min(Vector.Max(second, min), max));
    }

    /// <summary>Binary16 in the low halves: shifts the bits into place and lets a multiplication mend the exponent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> FromHalf(Vector<uint> half)
    {
        var sign = Vector.ShiftLeft(half & new Vector<uint>(0x8000), 16);
        var shifted = Vector.ShiftLeft(half & new Vector<uint>(0x7fff), 13);
        var value = Vector.AsVectorUInt32(Vector.AsVectorSingle(shifted) * new Vector<float>(5.192296858534828e33f));
        var special = Vector.GreaterThanOrEqual(shifted, new Vector<uint>(0x0f800000)) & new Vector<uint>(0x7f800000);
        return Vector.AsVectorSingle(value | special | sign);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> ToHalf(Vector<float> value)
    {
        var bits = Vector.AsVectorUInt32(value);
        var magnitude = bits & new Vector<uint>(0x7fffffff);
        var sign = Vector.ShiftRightLogical(bits ^ magnitude, 16);
        // Small: an addition aligns the mantissa at 2^-24 and rounds it. Normal: re-bias and round to even by hand.
        var magic = new Vector<float>(0.5f);
        var small = Vector.AsVectorUInt32(Vector.AsVectorSingle(magnitude) + magic) - Vector.AsVectorUInt32(magic);
        var odd = Vector.ShiftRightLogical(magnitude, 13) & Vector<uint>.One;
        var normal = Vector.ShiftRightLogical(magnitude + new Vector<uint>(0xC8000FFF) + odd, 13);
        var finite = Vector.ConditionalSelect(Vector.LessThan(magnitude, new Vector<uint>(0x38800000)), small, normal);
        var special = Vector.ConditionalSelect(Vector.GreaterThan(magnitude, new Vector<uint>(0x7f800000)), new Vector<uint>(0x7e00), new Vector<uint>(0x7c00));
        return sign | Vector.ConditionalSelect(Vector.GreaterThanOrEqual(magnitude, new Vector<uint>(0x47800000)), special, finite);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> ToBFloat16(Vector<float> value)
    {
        var bits = Vector.AsVectorUInt32(value);
        var top = Vector.ShiftRightLogical(bits, 16);
        var rounded = Vector.ShiftRightLogical(bits + new Vector<uint>(0x7fff) + (top & Vector<uint>.One), 16);
        return Vector.ConditionalSelect(Vector.AsVectorUInt32(Vector.Equals(value, value)), rounded, top | new Vector<uint>(0x40));
    }
}
