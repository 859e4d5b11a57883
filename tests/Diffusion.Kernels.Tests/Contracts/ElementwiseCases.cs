namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Elementwise programs, copies and casts.</summary>
public static class ElementwiseCases
{
    public static CaseList All { get; } = new(List());

    private static ElementType[] Types =>
    [
        ElementType.Float32, ElementType.Float16, ElementType.BFloat16, ElementType.Float64, ElementType.Int8, ElementType.UInt8, ElementType.Int32, ElementType.Int64,
    ];

    private static IEnumerable<ContractCase> List()
    {
        foreach (var op in Enum.GetValues<ElementwiseOp>())
            yield return Operation(op);
        foreach (var from in Types)
        {
            foreach (var to in Types)
            {
                yield return Copy($"cast {from} to {to}", Make.Layout(from, 3, 77), Make.Layout(to, 3, 77));
                yield return Copy($"cast {from} to {to}, transposed", Make.Layout([9, 13], Lie.Reversed, from), Make.Layout(to, 9, 13));
            }
        }
        foreach (var type in new[] { ElementType.Float32, ElementType.Float16, ElementType.UInt8, ElementType.Int64 })
        {
            yield return Copy($"NCHW to NHWC {type}", Make.Ordered([2, 35, 33, 37], [0, 3, 1, 2], type), Make.Layout(type, 2, 35, 33, 37));
            yield return Copy($"NHWC to NCHW {type}", Make.Layout(type, 2, 35, 33, 37), Make.Ordered([2, 35, 33, 37], [0, 3, 1, 2], type));
            yield return Copy($"heads {type}", Make.Ordered([2, 8, 33, 40], [0, 2, 1, 3], type), Make.Layout(type, 2, 8, 33, 40));
            yield return Copy($"reversed {type}", Make.Layout([5, 6, 7, 8], Lie.Reversed, type), Make.Layout(type, 5, 6, 7, 8));
            yield return Copy($"narrow {type}", Make.Ordered([1, 3, 50, 60], [0, 3, 1, 2], type), Make.Layout(type, 1, 3, 50, 60));
            yield return Copy($"large {type}", Make.Layout(type, 300, 401), Make.Layout(type, 300, 401));
            yield return Copy($"large transposed {type}", Make.Layout([300, 401], Lie.Reversed, type), Make.Layout(type, 300, 401));
            yield return Copy($"into gaps {type}", Make.Layout(type, 11, 12, 13), Make.Layout([11, 12, 13], Lie.Padded, type));
            yield return Copy($"spread {type}", Make.Layout([11, 12, 13], Lie.Spread, type), Make.Layout([11, 12, 13], Lie.Spread, type));
            yield return Copy($"repeated {type}", Make.Layout([11, 12, 13], Lie.RepeatedRows, type), Make.Layout(type, 11, 12, 13));
            yield return Copy($"one everywhere {type}", Make.Layout([11, 12, 13], Lie.Single, type), Make.Layout(type, 11, 12, 13));
        }
        yield return Copy("scalar", Make.Layout(ElementType.Float32), Make.Layout(ElementType.Float16));
        yield return Copy("empty", Make.Layout(ElementType.Float32, 3, 0, 2), Make.Layout(ElementType.Float32, 3, 0, 2));
        foreach (var shape in new int[][] { [1], [7], [1025], [3, 5], [2, 3, 4, 5, 6], [40, 1030], [1, 200_000], [70_000, 2], [] })
        {
            foreach (var lie in new[] { Lie.Dense, Lie.RepeatedRows, Lie.RepeatedLast, Lie.Reversed, Lie.Single })
                yield return Program($"program {string.Join('x', shape)} {lie}", shape, lie, ElementType.Float32, ElementType.Float32);
        }
        foreach (var type in Types)
            yield return Program($"program with {type}", [5, 300], Lie.Dense, type, type);
        yield return new ContractCase("constant alone", new ElementwiseSpec(new ElementwiseProgram(0, [new(ElementwiseOp.Constant, Immediate: -3.25)]), [], Make.Layout([7, 9], Lie.Padded)));
        yield return new ContractCase("last of two inputs", new ElementwiseSpec(new ElementwiseProgram(2, []), [Make.Layout([7, 9]), Make.Layout([7, 9], Lie.Reversed)], Make.Layout([7, 9])));
        yield return new ContractCase("many inputs", Many(20));
        yield return new ContractCase("more inputs than a launch's table", Many(40));
        yield return new ContractCase("special values", new ElementwiseSpec(ElementwiseProgram.Identity, [Make.Layout([200])], Make.Layout(ElementType.Float16, 200))) { Data = Special };
        yield return new ContractCase("special values to bfloat", new ElementwiseSpec(ElementwiseProgram.Identity, [Make.Layout([200])], Make.Layout(ElementType.BFloat16, 200))) { Data = Special };
        foreach (var type in new[] { ElementType.Int8, ElementType.UInt8, ElementType.Int32, ElementType.Int64 })
            yield return new ContractCase($"special values to {type}", new ElementwiseSpec(ElementwiseProgram.Identity, [Make.Layout([200])], Make.Layout(type, 200))) { Data = Special, ExactIntegers = true };
        foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16 })
            yield return new ContractCase($"special values from {type}", new ElementwiseSpec(ElementwiseProgram.Identity, [Make.Layout(type, 200)], Make.Layout([200]))) { Data = Special };
    }

    private static double Special(int operand, long index, Random random)
    {
        double[] values =
        [
            0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, 65504, 65519.9, 65520, 70000, -1e9, 1e-8, 6e-8, 5.97e-8, 3e-5, -6.1e-5, 1e-40, -1e-45, double.NaN,
            double.PositiveInfinity, double.NegativeInfinity, 127.5, 128, -128.9, -129, 255.7, 256, -0.99, 2147483520, 2147483648, -2147483648, 9e18, 1e19, -1e19, 3.4e38,
        ];
        return index < 3 * values.Length ? values[index % values.Length] : (random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-30, 20));
    }

    private static ElementwiseSpec Many(int inputs)
    {
        var code = Enumerable.Range(0, inputs - 1).Select(i => new Instruction(ElementwiseOp.Add, i == 0 ? 0 : inputs + i - 1, i + 1));
        return new ElementwiseSpec(new ElementwiseProgram(inputs, [.. code]), [.. Enumerable.Range(0, inputs).Select(_ => Make.Layout([3, 50]))], Make.Layout([3, 50]));
    }

    private static ContractCase Copy(string name, Layout from, Layout to) =>
        new(name, new ElementwiseSpec(ElementwiseProgram.Identity, [from], to))
        {
            ExactIntegers = true,
            Tolerance = 1e-7,
            Data = (_, _, random) => from.Type is ElementType.Int32 ? random.Next() - (1 << 30)
                : from.Type is ElementType.Int64 ? random.NextInt64(1L << 50)
                : from.Type is ElementType.Int8 or ElementType.UInt8 ? random.Next(-128, 128)
                : random.NextDouble() * 400 - 200,
        };

    private static ContractCase Operation(ElementwiseOp op)
    {
        int arity = op.Arity();
        var program = new ElementwiseProgram(arity, [op switch
        {
            ElementwiseOp.Constant => new(op, Immediate: 1.75),
            ElementwiseOp.Scalar => new(op, 1),
            _ => new(op, 0, arity > 1 ? 1 : 0, arity > 2 ? 2 : 0),
        }]);
        return new ContractCase($"operation {op}", new ElementwiseSpec(program, [.. Enumerable.Range(0, arity).Select(_ => Make.Layout([5, 131]))], Make.Layout([5, 131])))
        {
            Scalars = op == ElementwiseOp.Scalar ? [0, -2.5] : [],
            Data = (operand, index, random) => index % 3 == 0 && op is ElementwiseOp.Equal or ElementwiseOp.Select or ElementwiseOp.LessOrEqual or ElementwiseOp.Sign
                ? index % 2
                : op is ElementwiseOp.Log or ElementwiseOp.Sqrt or ElementwiseOp.ReciprocalSqrt || (op == ElementwiseOp.Power && operand == 0)
                    ? random.NextDouble() * 9 + 0.01
                    : random.NextDouble() * 8 - 4,
        };
    }

    /// <summary>silu(a)·s0 + b·c, and a use of a register long after it was made.</summary>
    private static ContractCase Program(string name, int[] shape, Lie lie, ElementType input, ElementType output)
    {
        var program = new ElementwiseProgram(3,
        [
            new(ElementwiseOp.Silu, 0), new(ElementwiseOp.Scalar, 0), new(ElementwiseOp.Multiply, 3, 4), new(ElementwiseOp.MultiplyAdd, 1, 2, 5),
            new(ElementwiseOp.Constant, Immediate: 0.5), new(ElementwiseOp.Multiply, 4, 7), new(ElementwiseOp.Subtract, 6, 8), new(ElementwiseOp.Add, 9, 3),
        ]);
        var spec = new ElementwiseSpec(program, [Make.Layout(shape), Make.Layout(shape, lie, input), Make.Layout(shape, lie)], Make.Layout(shape, Lie.Dense, output));
        return new ContractCase(name, spec) { Scalars = [1.5] };
    }
}
