using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Rows of activations of a <see cref="QuantizedGemmSpec"/>, as they are or rounded to integers.</summary>
internal sealed unsafe class QuantizedRows
{
    private readonly RowMap map;
    private readonly ElementType type;
    private readonly long stride;

    public QuantizedRows(Layout a)
    {
        map = RowMap.Create(a.Shape, a.Strides, 2);
        type = a.Type;
        Depth = a.Shape[2];
        stride = Depth == 1 ? 1 : a.Strides[2];
    }

    /// <summary>Columns of A.</summary>
    public int Depth { get; }

    /// <summary>A row as float32: where it lies, or converted into scratch of <see cref="Depth"/> floats.</summary>
    public float* Row(byte* a, long row, float* scratch)
    {
        byte* source = a + map.Offset(row) * type.Size();
        if (type == ElementType.Float32 && stride == 1)
            return (float*)source;
        CpuConvert.Load(type, source, stride, scratch, Depth);
        return scratch;
    }

    /// <summary>A row's integers and what they stand for.</summary>
    /// <param name="a">The activations.</param>
    /// <param name="row">Row over all batches.</param>
    /// <param name="target">The integers, followed by zeros up to <paramref name="room"/>.</param>
    /// <param name="room">At least <see cref="Depth"/>.</param>
    /// <param name="scratch"><see cref="Depth"/> floats.</param>
    public float Round(byte* a, long row, short* target, int room, float* scratch)
    {
        float* values = Row(a, row, scratch);
        var scale = RowScale.Of(Largest(values, Depth));
        if (scale.Inverse == 0)
            new Span<short>(target, Depth).Clear();
        else
            Round(values, scale.Inverse, target, Depth);
        new Span<short>(target + Depth, room - Depth).Clear();
        return scale.Scale;
    }

    /// <summary>Largest magnitude; NaN or infinite when any is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Largest(float* values, int n)
    {
        // As integers, magnitudes keep their order, and NaN and infinity are above all others.
        var largest = Vector<int>.Zero;
        var magnitude = new Vector<int>(int.MaxValue);
        int i = 0, most = 0;
        for (int width = Vector<int>.Count; i <= n - width; i += width)
            largest = Vector.Max(largest, Vector.Load((int*)values + i) & magnitude);
        for (int lane = 0; lane < Vector<int>.Count; lane++)
            most = Math.Max(most, largest[lane]);
        for (; i < n; i++)
            most = Math.Max(most, BitConverter.SingleToInt32Bits(values[i]) & int.MaxValue);
        return BitConverter.Int32BitsToSingle(most);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round(float* values, float inverse, short* target, int n)
    {
        // Adding 1.5·2^23 rounds to the nearest integer, halves to even, and leaves it in the low bits.
        const float magic = 12582912f;
        const int magicBits = 0x4B400000;
        var factor = new Vector<float>(inverse);
        var shift = new Vector<float>(magic);
        var bits = new Vector<int>(magicBits);
        int i = 0;
        for (int width = Vector<short>.Count, half = width / 2; i <= n - width; i += width)
        {
            // A product and a sum, not one fused step: the definition rounds in between.
            var low = Vector.AsVectorInt32(Vector.Load(values + i) * factor + shift) - bits;
            var high = Vector.AsVectorInt32(Vector.Load(values + i + half) * factor + shift) - bits;
            Vector.Store(Vector.Narrow(low, high), target + i);
        }
        for (; i < n; i++)
            target[i] = (short)(BitConverter.SingleToInt32Bits(values[i] * inverse + magic) - magicBits);
    }
}
