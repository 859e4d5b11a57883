using Diffusion.Kernels.Cpu;
using Diffusion.Kernels.Tests.Contracts;
using FsCheck.Xunit;

namespace Diffusion.Kernels.Tests.Gemm;

/// <summary>Matrix products of random shapes and strides on the CPU.</summary>
public sealed class CpuGemmTests : IDisposable
{
    private readonly CpuBackend backend = CpuBackend.Create(3);

    public void Dispose() => backend.Dispose();

    [Property(MaxTest = 80)]
    public void Agrees_with_the_reference(int seed) => ContractRunner.Check(backend, RandomCase(seed));

    [Fact]
    public void Products_deeper_than_one_round_agree()
    {
        var spec = new GemmSpec(Make.Layout([1, 19, 1500]), new Layout(ElementType.Float32, [1, 1500, 37], [0, 1, 1500]), Make.Layout([1, 19, 37]), ConstantB: true);
        ContractRunner.Check(backend, new ContractCase("deep", spec) { Tolerance = 1e-4 });
        ContractRunner.Check(backend, new ContractCase("deep residual", spec with { After = Make.BiasActivationResidual([1, 19, 37], ElementwiseOp.Copy) }) { Tolerance = 1e-4 });
    }

    // Several blocks of rows: the last products of one ask for the rows of the next.
    [Theory]
    [InlineData(0, 37)]
    [InlineData(40, 37)]
    [InlineData(324, 16)]
    [InlineData(700, 300)]
    public void Products_of_several_blocks_of_rows_agree(int depth, int columns)
    {
        const int rows = 301;
        using var alone = CpuBackend.Create(1);
        double tolerance = 4e-5 * Math.Max(1, depth / 16.0);
        var spec = new GemmSpec(new Layout(ElementType.Float32, [1, rows, depth], [0, depth, 1]), new Layout(ElementType.Float32, [1, depth, columns], [0, 1, depth]), Make.Layout([1, rows, columns]), ConstantB: true);
        ContractRunner.Check(alone, new ContractCase($"blocks {depth}", spec) { Tolerance = tolerance });
        ContractRunner.Check(alone, new ContractCase($"blocks {depth} residual", spec with { After = Make.BiasActivationResidual([1, rows, columns], ElementwiseOp.Copy) }) { Tolerance = tolerance });
        ContractRunner.Check(alone, new ContractCase($"blocks {depth} activation", spec with { After = Make.BiasActivationResidual([1, rows, columns], ElementwiseOp.Silu) }) { Tolerance = tolerance });
        int[] shape = [2, rows, columns];
        var paired = new GemmSpec(Make.Layout([2, rows, depth]), new Layout(ElementType.Float32, [2, depth, 2 * columns], [0, 1, depth]), Make.Layout(shape), ConstantB: true, Paired: true)
        {
            After = Gates(shape, ElementwiseOp.Gelu, false, true, true),
        };
        ContractRunner.Check(alone, new ContractCase($"blocks {depth} gates", paired) { Tolerance = tolerance });
    }

    [Theory]
    [InlineData(ElementwiseOp.Gelu, false, true, true, 700)]
    [InlineData(ElementwiseOp.Silu, true, true, true, 40)]
    [InlineData(ElementwiseOp.Sigmoid, false, true, false, 321)]
    [InlineData(ElementwiseOp.GeluTanh, true, false, true, 9)]
    [InlineData(ElementwiseOp.Relu, false, false, false, 0)]
    public void Gates_of_any_kind(ElementwiseOp activation, bool gatesFirst, bool valueBias, bool gateBias, int depth)
    {
        foreach (int columns in new[] { 5, 16, 300 })
        {
            int[] shape = [2, 50, columns];
            var after = Gates(shape, activation, gatesFirst, valueBias, gateBias);
            Assert.True(GatedStore.Create(after, Make.Layout(shape)).Possible);
            var spec = new GemmSpec(Make.Layout([2, 50, depth]), new Layout(ElementType.Float32, [2, depth, 2 * columns], [0, 1, depth]), Make.Layout(shape), ConstantB: true, Paired: true);
            // A gate enlarges its value's error; both grow with the depth's root.
            ContractRunner.Check(backend, new ContractCase($"{activation} {columns}", spec with { After = after }) { Tolerance = 4e-5 * Math.Max(1, depth / 16.0) });
        }
    }

    [Fact]
    public void Other_epilogues_of_two_results_are_interpreted()
    {
        int[] shape = [1, 6, 32];
        var gates = Gates(shape, ElementwiseOp.Gelu, false, true, true);
        Assert.False(GatedStore.Create(gates, Make.Layout(shape) with { Type = ElementType.Float16 }).Possible);
        var residual = gates with { Inputs = [Make.Layout(shape), gates.Inputs[1]] };
        Assert.False(GatedStore.Create(residual, Make.Layout(shape)).Possible);
        var scaled = gates with { Program = new ElementwiseProgram(4, [.. gates.Program.Code, new Instruction(ElementwiseOp.Square, 7)]) };
        Assert.False(GatedStore.Create(scaled, Make.Layout(shape)).Possible);
        var same = new Epilogue(new ElementwiseProgram(2, [new Instruction(ElementwiseOp.Gelu, 0), new Instruction(ElementwiseOp.Multiply, 0, 2)]), []);
        Assert.False(GatedStore.Create(same, Make.Layout(shape)).Possible);
    }

    private static Epilogue Gates(int[] shape, ElementwiseOp activation, bool gatesFirst, bool valueBias, bool gateBias)
    {
        var bias = new Layout(ElementType.Float32, [.. shape], [0, 0, 1]);
        int inputs = 2, gate = gatesFirst ? 0 : 1, value = 1 - gate;
        int first = valueBias ? inputs++ : -1, second = gateBias ? inputs++ : -1;
        var code = new List<Instruction>();
        int Emit(Instruction instruction)
        {
            code.Add(instruction);
            return inputs + code.Count - 1;
        }
        if (second >= 0)
            gate = Emit(new Instruction(ElementwiseOp.Add, second, gate));
        gate = Emit(new Instruction(activation, gate));
        if (first >= 0)
            value = Emit(new Instruction(ElementwiseOp.Add, value, first));
        Emit(gatesFirst ? new Instruction(ElementwiseOp.Multiply, gate, value) : new Instruction(ElementwiseOp.Multiply, value, gate));
        return new Epilogue(new ElementwiseProgram(inputs, [.. code]), [.. Enumerable.Repeat(bias, inputs - 2)]);
    }

    [Theory]
    [InlineData(ElementType.Float32, 4)]
    [InlineData(ElementType.Float16, 2)]
    [InlineData(ElementType.BFloat16, 2)]
    public void Weights_keep_their_width_when_packed(ElementType type, int bytes)
    {
        var spec = new GemmSpec(Make.Layout([1, 40, 64]), new Layout(type, [1, 64, 96], [0, 1, 64]), Make.Layout([1, 40, 96]), ConstantB: true);
        Assert.Equal(64L * 96 * bytes, Assert.Single(backend.Prepare(spec).Packings).Bytes);
    }

    private static ContractCase RandomCase(int seed)
    {
        var layouts = new RandomLayouts(seed);
        var random = layouts.Random;
        int batch = random.Next(1, 4), rows = layouts.Rarely(3) ? random.Next(9) : layouts.Length(60), columns = layouts.Length(90), depth = layouts.Length(120);
        bool paired = layouts.Rarely(4);
        int width = paired ? 2 * columns : columns;
        var a = layouts.Layout(layouts.Type(), batch, rows, depth);
        var b = layouts.Layout(layouts.Type(), batch, depth, width);
        if (layouts.Rarely(3))
            b = new Layout(b.Type, b.Shape, [(long)depth * width + 3, 1, Math.Max(1, depth)]);
        if (layouts.Rarely(2))
            b = new Layout(b.Type, b.Shape, b.Strides.SetItem(0, 0));
        int[] shape = [batch, rows, columns];
        var c = layouts.Rarely(2) ? Make.Layout(shape) : layouts.Layout(layouts.Rarely(4) ? ElementType.Float16 : ElementType.Float32, shape);
        var after = paired ? Make.Gated(shape) : layouts.Epilogue(shape);
        // Relative to the largest sum that random operands make.
        return new ContractCase($"random {seed}", new GemmSpec(a, b, c, layouts.Rarely(2), paired) { After = after })
        {
            Tolerance = (paired ? 4e-5 : 1e-5) * Math.Max(1, Math.Sqrt(depth) / 4),
        };
    }
}
