using Diffusion.Kernels.Cpu;
using Diffusion.Kernels.Tests.Contracts;
using FsCheck.Xunit;

namespace Diffusion.Kernels.Tests.Quantized;

/// <summary>Quantised products on the CPU: random shapes, what the instructions compute, and what is refused.</summary>
public sealed unsafe class CpuQuantizedTests : IDisposable
{
    private readonly CpuBackend backend = CpuBackend.Create(3);

    public void Dispose() => backend.Dispose();

    [Property(MaxTest = 80)]
    public void Agrees_with_the_reference(int seed)
    {
        var layouts = new RandomLayouts(seed);
        var random = layouts.Random;
        bool dynamic = layouts.Rarely(2), int4 = layouts.Rarely(2);
        int batch = random.Next(1, 4), rows = layouts.Rarely(3) ? random.Next(9) : layouts.Length(60), columns = layouts.Length(90), depth = layouts.Length(300);
        int[] shape = [batch, rows, columns];
        var type = layouts.Rarely(4) ? ElementType.Float16 : ElementType.Float32;
        ContractRunner.Check(backend, QuantizedCases.Case(
            $"random {seed}", batch, rows, columns, depth, int4, dynamic || layouts.Rarely(2) ? 0 : 8 * random.Next(1, 9), dynamic, layouts.Epilogue(shape),
            layouts.Layout(type, batch, rows, depth), layouts.Layout(ElementType.Float32, shape)));
    }

    [Fact]
    public void Many_rows_make_several_blocks()
    {
        ContractRunner.Check(backend, QuantizedCases.Case("blocks", 1, 3000, 20, 24, dynamic: true));
        ContractRunner.Check(backend, QuantizedCases.Case("blocks of weights", 1, 3000, 20, 24, int4: true));
    }

    [Fact]
    public void Launches_allocate_nothing()
    {
        foreach (int m in new[] { 2, 40 })
        {
            ContractRunner.CheckAllocatesNothing(backend, QuantizedCases.Case("rounded", 1, m, 64, 64, dynamic: true));
            ContractRunner.CheckAllocatesNothing(backend, QuantizedCases.Case("weights", 1, m, 64, 64, int4: true, group: 32));
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(72)]
    [InlineData(4096)]
    public void Instructions_sum_exactly(int depth)
    {
        // The largest magnitudes that the contract allows, where 16-bit sums would saturate.
        var random = new Random(depth);
        var a = new short[depth * 6];
        var b = new short[depth * 16];
        for (int i = 0; i < a.Length; i++)
            a[i] = (short)(random.Next(4) == 0 ? random.Next(-127, 128) : 127);
        for (int i = 0; i < b.Length; i++)
            b[i] = (short)(random.Next(4) == 0 ? random.Next(-128, 128) : -128);
        float[] rowScales = [1, 0.5f, 0.25f, 2, 4, 1], columnScales = [.. Enumerable.Repeat(1f, 16)], fast = new float[96], portable = new float[96];
        fixed (short* pa = a, pb = b)
        fixed (float* pr = rowScales, pc = columnScales, pf = fast, pp = portable)
        {
            IntegerDot.Packed(pa, pb, depth, pf, 16, pr, pc, null, 0, null);
            IntegerDot.PackedPortable(pa, pb, depth, pp, 16, pr, pc, null, 0, null);
            Assert.Equal(IntegerDot.SumPortable(pa, pb, depth * 6), IntegerDot.Sum(pa, pb, depth * 6));
        }
        for (int row = 0; row < 6; row++)
        {
            for (int column = 0; column < 16; column++)
            {
                long sum = 0;
                for (int k = 0; k < depth; k++)
                    sum += a[(k / 2 * 6 + row) * 2 + k % 2] * b[(k / 2 * 16 + column) * 2 + k % 2];
                Assert.Equal(sum * rowScales[row], fast[row * 16 + column]);
                Assert.Equal(sum * rowScales[row], portable[row * 16 + column]);
            }
        }
    }

    [Fact]
    public void Operands_that_do_not_fit_are_refused()
    {
        var good = (QuantizedGemmSpec)QuantizedCases.Case("good", 1, 4, 6, 20, group: 8).Spec;
        Refused(good with { GroupSize = 12 }, "multiple of 8");
        Refused(good with { GroupSize = 16 }, "Scales must be dense [6, 2]");
        Refused(good with { DynamicActivations = true }, "one scale an output channel");
        Refused(good with { W = Make.Layout(ElementType.UInt8, 6, 20) }, "W must be dense [6, 10]");
        Refused(good with { W = Make.Layout(ElementType.Float32, 6, 20) }, "W is Int8");
        Refused(good with { W = Make.Layout([6, 20], Lie.Reversed, ElementType.Int8) }, "dense");
        Refused(good with { A = Make.Layout(ElementType.Int8, 1, 4, 20) }, "floating point");
        Refused(good with { C = Make.Layout([1, 5, 6]) }, "C must be [1, 4, 6]");
        Refused((QuantizedGemmSpec)QuantizedCases.Case("deep", 1, 1, 1, QuantizedGemmSpec.MaxDynamicDepth + 1, dynamic: true).Spec, "exceed int32");
    }

    private void Refused(QuantizedGemmSpec spec, string reason) =>
        Assert.Contains(reason, Assert.Throws<KernelShapeException>(() => backend.Prepare(spec)).Message, StringComparison.Ordinal);
}
