using Diffusion.Core.Weights;
using Diffusion.Kernels;

namespace Diffusion.Core.Tensors;

/// <summary>
/// A weight [outputs, inputs] stored as small integers with scales: element [n, k] stands for Integers[n, k]·Scales[n, k / GroupSize]. A
/// linear layer computes with it directly (<see cref="Tensor.Linear(QuantizedMatrix, Tensor?)"/>); <see cref="ToTensor"/> makes it usable
/// wherever a tensor is. Immutable; see <see cref="QuantizedGemmSpec"/> for the arithmetic.
/// </summary>
public sealed record QuantizedMatrix
{
    private QuantizedMatrix(Tensor integers, Tensor scales, int inputs, int groupSize, bool roundsActivations)
    {
        Integers = integers;
        Scales = scales;
        Inputs = inputs;
        GroupSize = groupSize;
        RoundsActivations = roundsActivations;
    }

    /// <summary>Int8 [outputs, inputs], or UInt8 [outputs, ⌈inputs/2⌉] with two 4-bit integers (−8 … 7) a byte, the first in the low half.</summary>
    public Tensor Integers { get; }

    /// <summary>[outputs, groups], floating point.</summary>
    public Tensor Scales { get; }

    /// <summary>Rows.</summary>
    public int Outputs => Integers.Shape[0];

    /// <summary>Columns.</summary>
    public int Inputs { get; }

    /// <summary>How many consecutive inputs share a scale; 0 for one scale an output.</summary>
    public int GroupSize { get; }

    /// <summary>Whether a linear layer rounds each row of its input to int8 too.</summary>
    public bool RoundsActivations { get; }

    /// <summary>4 or 8.</summary>
    public int Bits => Integers.ElementType == ElementType.UInt8 ? 4 : 8;

    /// <summary>Bytes of integers and scales.</summary>
    public long ByteLength => Integers.Shape.Count * Integers.ElementType.Size() + Scales.Shape.Count * Scales.ElementType.Size();

    /// <summary>A matrix from its parts.</summary>
    /// <param name="integers">See <see cref="Integers"/>.</param>
    /// <param name="scales">See <see cref="Scales"/>.</param>
    /// <param name="inputs">Columns; an odd number can't be told from 4-bit integers.</param>
    /// <param name="groupSize">A multiple of 8, or 0 for one scale an output.</param>
    /// <param name="roundsActivations">See <see cref="RoundsActivations"/>; needs one scale an output.</param>
    /// <exception cref="TensorShapeException">The parts don't fit each other.</exception>
    public static QuantizedMatrix Of(Tensor integers, Tensor scales, int inputs, int groupSize = 0, bool roundsActivations = false)
    {
        ArgumentNullException.ThrowIfNull(integers);
        ArgumentNullException.ThrowIfNull(scales);
        Tensor.RequireSameDevice("QuantizedMatrix", integers, scales);
        bool isInt4 = integers.ElementType == ElementType.UInt8;
        if (integers.ElementType is not (ElementType.Int8 or ElementType.UInt8) || integers.Rank != 2 || inputs < 0
            || integers.Shape[1] != (isInt4 ? (inputs + 1L) / 2 : inputs))
            throw new TensorShapeException($"QuantizedMatrix: the integers are Int8 [outputs, {inputs}] or UInt8 [outputs, {(inputs + 1L) / 2}]; got {integers.ElementType}{integers.Shape}.");
        if (groupSize < 0 || groupSize % 8 != 0)
            throw new TensorShapeException($"QuantizedMatrix: a group is a multiple of 8 inputs, or 0 for one scale an output; got {groupSize}.");
        int groups = Groups(inputs, groupSize);
        if (!scales.ElementType.IsFloat() || scales.Shape != Shape.Of(integers.Shape[0], groups))
            throw new TensorShapeException($"QuantizedMatrix: the scales are floating point [{integers.Shape[0]}, {groups}]; got {scales.ElementType}{scales.Shape}.");
        if (roundsActivations && groupSize != 0)
            throw new NotSupportedException($"QuantizedMatrix: rounded activations need one scale an output; use a group size of 0 instead of {groupSize}.");
        if (roundsActivations && inputs > QuantizedGemmSpec.MaxDynamicDepth)
            throw new NotSupportedException($"QuantizedMatrix: sums over {inputs} inputs may exceed int32; leave activations as they are beyond {QuantizedGemmSpec.MaxDynamicDepth}.");
        return new QuantizedMatrix(integers, scales, inputs, groupSize, roundsActivations);
    }

    /// <summary>
    /// Rounds a matrix to the nearest integers, halves to even, with the scale of each group such that its largest magnitude becomes 127 (or 7 for
    /// 4 bits). An element's error is at most half a scale. Computed on the host.
    /// </summary>
    /// <param name="matrix">[outputs, inputs] of finite numbers.</param>
    /// <param name="quantization">Bits and groups.</param>
    /// <exception cref="TensorShapeException">It isn't a matrix.</exception>
    /// <exception cref="ArgumentException">A number isn't finite.</exception>
    public static QuantizedMatrix Quantize(Tensor matrix, Quantization quantization)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        ArgumentNullException.ThrowIfNull(quantization);
        if (quantization.IsNone)
            throw new NotSupportedException("QuantizedMatrix.Quantize: Quantization.None has no integers; use Int8, Int8Activations or Int4.");
        if (matrix.Rank != 2)
            throw new TensorShapeException($"QuantizedMatrix.Quantize: expected a matrix [outputs, inputs]; got {matrix.Shape}.");
        int outputs = matrix.Shape[0], inputs = matrix.Shape[1], groups = Groups(inputs, quantization.GroupSize);
        var rounding = MatrixRounding.Of(matrix.ToArray(), outputs, inputs, quantization, groups);
        bool isInt4 = quantization.Bits == 4;
        var integers = Tensor.FromBytes(rounding.Integers, isInt4 ? ElementType.UInt8 : ElementType.Int8, Shape.Of(outputs, isInt4 ? (inputs + 1) / 2 : inputs), matrix.Device);
        var scales = Tensor.FromBytes(rounding.Scales, rounding.ScaleType, Shape.Of(outputs, groups), matrix.Device);
        return Of(integers.AsConstant(), scales.AsConstant(), inputs, quantization.GroupSize, quantization.RoundsActivations);
    }

    /// <summary>
    /// The weight as a float32 tensor [outputs, inputs], computed where something asks for its elements. A linear layer that is given it
    /// computes with the integers.
    /// </summary>
    public Tensor ToTensor()
    {
        var q = Integers.ElementType == ElementType.UInt8 ? Unpacked() : Integers.Cast(ElementType.Float32);
        var s = Scales.Cast(ElementType.Float32);
        if (GroupSize > 0 && Inputs > 0)
        {
            int groups = Scales.Shape[1];
            s = s.Unsqueeze(2).Expand(Shape.Of(Outputs, groups, GroupSize)).Reshape(Outputs, groups * GroupSize).Slice(1, 0, Inputs);
        }
        else if (Inputs == 0)
        {
            s = Tensor.Ones(Shape.Of(Outputs, 1), device: s.Device);
        }
        return (q * s).WithQuantized(this);
    }

    /// <summary>The 4-bit integers as float32.</summary>
    private Tensor Unpacked()
    {
        var bytes = Integers.Cast(ElementType.Float32);
        var high = (bytes / 16).Floor();
        var nibbles = Tensor.Stack(2, bytes - high * 16, high).Reshape(Outputs, Integers.Shape[1] * 2).Slice(1, 0, Inputs);
        // Two's complement: from 8 on they are negative.
        return nibbles - (nibbles / 8).Floor() * 16;
    }

    private static int Groups(int inputs, int groupSize) => groupSize == 0 ? 1 : (int)(((long)inputs + groupSize - 1) / groupSize);
}
