namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>How an operand lies.</summary>
public enum Lie
{
    /// <summary>Dense, row-major.</summary>
    Dense,

    /// <summary>The first axis is the fastest.</summary>
    Reversed,

    /// <summary>Row-major with gaps after each axis.</summary>
    Padded,

    /// <summary>Every element apart from the next, also along the last axis.</summary>
    Spread,

    /// <summary>The last axis dense, all others repeated.</summary>
    RepeatedRows,

    /// <summary>The first axis repeated.</summary>
    RepeatedFirst,

    /// <summary>The last axis repeated.</summary>
    RepeatedLast,

    /// <summary>One element everywhere.</summary>
    Single,
}

/// <summary>Layouts and epilogues for the cases.</summary>
public static class Make
{
    /// <summary>A layout of a shape.</summary>
    public static Layout Layout(int[] shape, Lie lie = Lie.Dense, ElementType type = ElementType.Float32)
    {
        int rank = shape.Length;
        var strides = new long[rank];
        long stride = lie == Lie.Spread ? 3 : 1;
        for (int k = 0; k < rank; k++)
        {
            int axis = lie == Lie.Reversed ? k : rank - 1 - k;
            bool repeated = lie switch
            {
                Lie.RepeatedRows => axis != rank - 1,
                Lie.RepeatedFirst => axis == 0,
                Lie.RepeatedLast => axis == rank - 1,
                Lie.Single => true,
                _ => false,
            };
            strides[axis] = repeated ? 0 : stride;
            if (!repeated)
                stride = stride * Math.Max(shape[axis], 1) + (lie == Lie.Padded ? 5 : 0);
        }
        return new Layout(type, [.. shape], [.. strides]);
    }

    /// <summary>A dense layout of a type.</summary>
    public static Layout Layout(ElementType type, params int[] shape) => Layout(shape, Lie.Dense, type);

    /// <summary>A layout with an inner order of axes, e.g. tokens within heads: strides dense in the order given (outermost first).</summary>
    public static Layout Ordered(int[] shape, int[] order, ElementType type = ElementType.Float32)
    {
        var strides = new long[shape.Length];
        long stride = 1;
        foreach (int axis in order.Reverse())
        {
            strides[axis] = stride;
            stride *= Math.Max(shape[axis], 1);
        }
        return new Layout(type, [.. shape], [.. strides]);
    }

    /// <summary>result + bias.</summary>
    public static Epilogue Bias(int[] output, ElementType type = ElementType.Float32) =>
        new(new ElementwiseProgram(2, [new(ElementwiseOp.Add, 0, 1)]), [Layout(output, Lie.RepeatedRows, type)]);

    /// <summary>activation(result + bias) + residual, where the residual lies as given.</summary>
    public static Epilogue BiasActivationResidual(int[] output, ElementwiseOp activation, Lie residual = Lie.Dense, ElementType type = ElementType.Float32) => new(
        new ElementwiseProgram(3, [new(ElementwiseOp.Add, 0, 1), new(activation, 3), new(ElementwiseOp.Add, 4, 2)]),
        [Layout(output, Lie.RepeatedRows), Layout(output, residual, type)]);

    /// <summary>result·scalar0·scale[column] + bias: an int8 product with its scales.</summary>
    public static Epilogue ScaledBias(int[] output) => new(
        new ElementwiseProgram(3, [new(ElementwiseOp.Scalar, 0), new(ElementwiseOp.Multiply, 0, 3), new(ElementwiseOp.MultiplyAdd, 4, 1, 2)]),
        [Layout(output, Lie.RepeatedRows), Layout(output, Lie.RepeatedRows, ElementType.Float16)]);

    /// <summary>(value + bias)·gelu(gate + bias): two results of a paired product.</summary>
    public static Epilogue Gated(int[] output) => new(
        new ElementwiseProgram(
            4,
            [new(ElementwiseOp.Add, 0, 2), new(ElementwiseOp.Add, 1, 3), new(ElementwiseOp.Gelu, 5), new(ElementwiseOp.Multiply, 4, 6)]),
        [Layout(output, Lie.RepeatedRows), Layout(output, Lie.RepeatedRows)]);

    /// <summary>The same value whatever came in: even then everything must be stored.</summary>
    public static Epilogue Constant(double value) => new(new ElementwiseProgram(1, [new(ElementwiseOp.Constant, Immediate: value)]), []);
}
