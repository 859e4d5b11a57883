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
