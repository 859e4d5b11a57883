using System.Numerics;
using System.Runtime.CompilerServices;

namespace Diffusion.Kernels.Cpu;

/// <summary>Weights of a <see cref="QuantizedGemmSpec"/> as they are stored, read a piece of a row at a time.</summary>
internal sealed unsafe class QuantizedWeights
{
    private readonly bool isInt4;
    private readonly int depth, rowBytes, groupSize, groups;
    private readonly ElementType scaleType;

    public QuantizedWeights(QuantizedGemmSpec spec)
    {
        isInt4 = spec.IsInt4;
        depth = spec.A.Shape[2];
        Columns = spec.C.Shape[2];
        rowBytes = spec.W.Shape[1];
        groupSize = spec.GroupSize == 0 ? Math.Max(depth, 1) : spec.GroupSize;
        groups = spec.Groups;
        scaleType = spec.Scales.Type;
    }

    /// <summary>Output channels.</summary>
    public int Columns { get; }

    /// <summary>One output channel's first scale.</summary>
    public float Scale(byte* scales, int column) => CpuConvert.LoadOne(scaleType, scales + (long)column * groups * scaleType.Size());

    /// <summary>Integers of one output channel from an even k on.</summary>
    /// <param name="w">The weights.</param>
    /// <param name="column">Output channel.</param>
    /// <param name="k">First, even.</param>
    /// <param name="n">How many are there.</param>
    /// <param name="target">They are followed by zeros up to <paramref name="room"/>.</param>
    /// <param name="room">Even, at least <paramref name="n"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Integers(byte* w, int column, int k, int n, short* target, int room)
    {
        if (isInt4)
        {
            Nibbles(w + (long)column * rowBytes + k / 2, (n + 1) / 2, target);
        }
        else
        {
            sbyte* source = (sbyte*)w + (long)column * rowBytes + k;
            int i = 0;
            for (int width = Vector<sbyte>.Count; i <= n - width; i += width)
            {
                Vector.Widen(Vector.Load(source + i), out var low, out var high);
                Vector.Store(low, target + i);
                Vector.Store(high, target + i + Vector<short>.Count);
            }
            for (; i < n; i++)
                target[i] = source[i];
        }
        for (int i = n; i < room; i++)
            target[i] = 0;
    }

    /// <summary>Weights of one output channel, scaled, from an even k on.</summary>
    /// <param name="w">The weights.</param>
    /// <param name="scales">Their scales.</param>
    /// <param name="column">Output channel.</param>
    /// <param name="k">First, even.</param>
    /// <param name="n">How many.</param>
    /// <param name="target">Room for <paramref name="n"/> floats, rounded up to a whole vector.</param>
    /// <param name="scratch">Room for as many shorts.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Floats(byte* w, byte* scales, int column, int k, int n, float* target, short* scratch)
    {
        Integers(w, column, k, n, scratch, (n + 15) & ~15);
        byte* scale = scales + (long)column * groups * scaleType.Size();
        for (int i = 0; i < n;)
        {
            int group = (k + i) / groupSize;
            int end = Math.Min(n, (int)Math.Min(((long)group + 1) * groupSize - k, n));
            Scaled(scratch + i, CpuConvert.LoadOne(scaleType, scale + group * scaleType.Size()), target + i, end - i);
            i = end;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scaled(short* source, float scale, float* target, int n)
    {
        var factor = new Vector<float>(scale);
        int i = 0;
        for (int width = Vector<short>.Count; i <= n - width; i += width)
        {
            Vector.Widen(Vector.Load(source + i), out var low, out var high);
            Vector.Store(Vector.ConvertToSingle(low) * factor, target + i);
            Vector.Store(Vector.ConvertToSingle(high) * factor, target + i + Vector<float>.Count);
        }
        for (; i < n; i++)
            target[i] = source[i] * scale;
    }

    /// <summary>Bytes into pairs of integers: a byte becomes an int whose halves are its nibbles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Nibbles(byte* source, int bytes, short* target)
    {
        int i = 0, step = Vector<uint>.Count;
        for (int width = Vector<byte>.Count; i <= bytes - width; i += width)
        {
            Vector.Widen(Vector.Load(source + i), out var low, out var high);
            Vector.Widen(low, out var first, out var second);
            Vector.Widen(high, out var third, out var fourth);
            Vector.Store(Pairs(first), target + 2 * i);
            Vector.Store(Pairs(second), target + 2 * (i + step));
            Vector.Store(Pairs(third), target + 2 * (i + 2 * step));
            Vector.Store(Pairs(fourth), target + 2 * (i + 3 * step));
        }
        for (; i < bytes; i++)
        {
            target[2 * i] = (short)(((source[i] & 15) ^ 8) - 8);
            target[2 * i + 1] = (short)(((source[i] >> 4) ^ 8) - 8);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<short> Pairs(Vector<uint> bytes)
    {
        var halves = Vector.AsVectorInt16((bytes & new Vector<uint>(15)) | (Vector.ShiftLeft(bytes, 12) & new Vector<uint>(0xF0000)));
        return (halves ^ new Vector<short>(8)) - new Vector<short>(8);
    }
}
