using System.Runtime.InteropServices;
using Diffusion.Core.Weights;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

/// <summary>The host's part of <see cref="QuantizedMatrix.Quantize"/>: a matrix becomes integers and scales.</summary>
internal sealed class MatrixRounding
{
    // Float16 scales below this lose digits.
    private const float SmallestHalf = 6.103515625e-5f;

    private readonly float[] values;
    private readonly float[] scales;
    private readonly int outputs, inputs, groupSize, groups, rowBytes;
    private readonly bool isInt4;

    private MatrixRounding(float[] values, int outputs, int inputs, Quantization quantization, int groups)
    {
        this.values = values;
        this.outputs = outputs;
        this.inputs = inputs;
        this.groups = groups;
        groupSize = quantization.GroupSize == 0 ? Math.Max(1, inputs) : quantization.GroupSize;
        isInt4 = quantization.Bits == 4;
        rowBytes = isInt4 ? (inputs + 1) / 2 : inputs;
        scales = new float[(long)outputs * groups];
        Integers = new byte[(long)outputs * rowBytes];
    }

    /// <summary>The integers, row by row.</summary>
    public byte[] Integers { get; }

    /// <summary>Float16 for groups where that is exact enough: a scale an output is few numbers, a scale a group is many.</summary>
    public ElementType ScaleType { get; private set; } = ElementType.Float32;

    /// <summary>The scales, row by row.</summary>
    public byte[] Scales => ScaleType == ElementType.Float32
        ? MemoryMarshal.AsBytes(scales.AsSpan()).ToArray()
        : MemoryMarshal.AsBytes(scales.Select(scale => (Half)scale).ToArray().AsSpan()).ToArray();

    /// <summary>Rounds a matrix, rows in parallel.</summary>
    public static MatrixRounding Of(float[] values, int outputs, int inputs, Quantization quantization, int groups)
    {
        var rounding = new MatrixRounding(values, outputs, inputs, quantization, groups);
        if (!values.All(float.IsFinite))
            throw new ArgumentException("QuantizedMatrix.Quantize: a weight is NaN or infinite; only finite numbers can be quantised.");
        rounding.ForRows(rounding.Measure);
        if (groups > 1 && rounding.scales.All(scale => scale == 0 || scale is >= SmallestHalf and < 65504))
        {
            // Integers are to be the nearest to what they will stand for, so the scales are rounded first.
            rounding.ScaleType = ElementType.Float16;
            for (int i = 0; i < rounding.scales.Length; i++)
                rounding.scales[i] = (float)(Half)rounding.scales[i];
        }
        rounding.ForRows(rounding.Round);
        return rounding;
    }

    private void ForRows(Action<int> row) => Parallel.For(0, inputs == 0 ? 0 : outputs, row);

    private Span<float> Part(int row, int group) =>
        values.AsSpan(row * inputs + group * groupSize, Math.Min(groupSize, inputs - group * groupSize));

    private void Measure(int row)
    {
        for (int group = 0; group < groups; group++)
        {
            float largest = 0;
            foreach (float value in Part(row, group))
                largest = Math.Max(largest, Math.Abs(value));
            scales[row * groups + group] = largest / (isInt4 ? 7 : 127);
        }
    }

    private void Round(int row)
    {
        for (int group = 0; group < groups; group++)
        {
            var part = Part(row, group);
            float scale = scales[row * groups + group];
            for (int i = 0; i < part.Length; i++)
                Store(row, group * groupSize + i, scale == 0 ? 0 : (int)MathF.Round(part[i] / scale));
        }
    }

    private void Store(int row, int column, int value)
    {
        if (isInt4)
            Integers[(long)row * rowBytes + column / 2] |= (byte)((Math.Clamp(value, -8, 7) & 15) << (column % 2 * 4));
        else
            Integers[(long)row * rowBytes + column] = (byte)(sbyte)Math.Clamp(value, -127, 127);
    }
}
