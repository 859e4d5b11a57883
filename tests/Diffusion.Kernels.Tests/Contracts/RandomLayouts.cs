namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Random shapes, strides and storage types, from a seed.</summary>
public sealed class RandomLayouts(int seed)
{
    private static readonly ElementType[] Types =
        [ElementType.Float32, ElementType.Float32, ElementType.Float32, ElementType.Float16, ElementType.BFloat16, ElementType.Int8, ElementType.UInt8];

    /// <summary>The random numbers.</summary>
    public Random Random { get; } = new(seed);

    /// <summary>Mostly small; often 0, 1 or an edge of the kernels' tiles.</summary>
    public int Length(int most) => Random.Next(6) switch
    {
        0 => Random.Next(3),
        1 => Math.Min(most, new[] { 6, 7, 8, 15, 16, 17, 24, 32 }[Random.Next(8)]),
        _ => Random.Next(1, most + 1),
    };

    /// <summary>True once in so many times.</summary>
    public bool Rarely(int times) => Random.Next(times) == 0;

    /// <summary>Usually float32.</summary>
    public ElementType Type() => Types[Random.Next(Types.Length)];

    /// <summary>Axes in usual or random order, dense or with gaps.</summary>
    public Layout Layout(ElementType type, params int[] shape)
    {
        var order = Enumerable.Range(0, shape.Length).ToArray();
        if (Rarely(3))
            Random.Shuffle(order);
        var strides = new long[shape.Length];
        long stride = Rarely(8) ? 2 : 1;
        foreach (int axis in order.Reverse())
        {
            strides[axis] = stride;
            stride = stride * Math.Max(1, shape[axis]) + (Rarely(4) ? Random.Next(5) : 0);
        }
        return new Layout(type, [.. shape], [.. strides]);
    }

    /// <summary>None, bias, bias and residual, bias by sample, or something that kernels don't fuse.</summary>
    public Epilogue Epilogue(int[] output)
    {
        int columns = output[^1];
        var bias = Make.Layout(output, Lie.RepeatedRows);
        var sample = new Layout(ElementType.Float32, [.. output], [.. output.Select((_, i) => i == 0 ? columns : i == output.Length - 1 ? 1L : 0)]);
        return Random.Next(7) switch
        {
            0 => Kernels.Epilogue.None,
            1 => Make.Bias(output),
            2 => new Epilogue(new ElementwiseProgram(3, [new(ElementwiseOp.Add, 2, 0), new(ElementwiseOp.Add, 3, 1)]), [bias, Layout(ElementType.Float32, output)]),
            3 => new Epilogue(new ElementwiseProgram(3, [new(ElementwiseOp.Add, 0, 1), new(ElementwiseOp.Add, 3, 2)]), [bias, sample]),
            4 => new Epilogue(new ElementwiseProgram(2, [new(ElementwiseOp.Add, 0, 1)]), [Layout(ElementType.Float32, output)]),
            5 => new Epilogue(new ElementwiseProgram(2, [new(ElementwiseOp.Add, 0, 0), new(ElementwiseOp.Add, 2, 1)]), [bias]),
            _ => Make.BiasActivationResidual(output, ElementwiseOp.Silu),
        };
    }
}
