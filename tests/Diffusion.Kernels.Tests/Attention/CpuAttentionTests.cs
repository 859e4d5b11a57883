using Diffusion.Kernels.Cpu;
using Diffusion.Kernels.Tests.Contracts;
using FsCheck.Xunit;

namespace Diffusion.Kernels.Tests.Attention;

/// <summary>Attention of random shapes on the CPU.</summary>
public sealed class CpuAttentionTests : IDisposable
{
    private readonly CpuBackend backend = CpuBackend.Create(3);

    public void Dispose() => backend.Dispose();

    [Property(MaxTest = 60)]
    public void Agrees_with_the_reference(int seed) => ContractRunner.Check(backend, RandomCase(seed));

    [Property]
    public void Panels_of_values_waste_less_than_eight_columns(ushort columns)
    {
        int size = columns + 9;
        var panels = ValuePanels.Of(size);
        Assert.InRange(panels.Narrow, 0, 2);
        Assert.InRange((16 * panels.Narrow) + (panels.WideColumns * panels.Wide) - size, 0, 7);
    }

    [Theory]
    [InlineData(0, double.NaN)]
    [InlineData(1, double.NaN)]
    [InlineData(2, double.NaN)]
    [InlineData(2, double.PositiveInfinity)]
    public void Keeps_what_is_not_finite(int where, double what)
    {
        Layout Tokens(int count) => Layout.Contiguous(ElementType.Float32, 1, 2, count, 20);
        var spec = new AttentionSpec(Tokens(40), Tokens(70), Tokens(70), Tokens(40), 0.2);
        ContractRunner.Check(backend, new ContractCase($"{what} in operand {where}", spec)
        {
            Tolerance = 3e-5,
            Data = (operand, index, random) => operand == where && index == 777 ? what : random.NextDouble(),
        });
    }

    [Theory]
    [InlineData(9)]
    [InlineData(300)]
    public void Heads_of_no_size_average_all_values(int keys)
    {
        Layout Tokens(int count, int size) => Layout.Contiguous(ElementType.Float32, 1, 2, count, size);
        ContractRunner.Check(backend, new ContractCase($"{keys} keys", new AttentionSpec(Tokens(7, 0), Tokens(keys, 0), Tokens(keys, 5), Tokens(7, 5), 0.2)));
    }

    /// <summary>Few keys and whole tiles of values: sums are written straight into the result, the last tile over rows of the one before.</summary>
    [Theory]
    [InlineData(64, 64, 160)]
    [InlineData(97, 77, 40)]
    [InlineData(30, 256, 24)]
    [InlineData(25, 31, 16)]
    [InlineData(7, 1, 80)]
    [InlineData(5, 9, 40)]
    [InlineData(1, 77, 64)]
    [InlineData(73, 64, 160)]
    [InlineData(260, 200, 72)]
    public void Few_keys(int queries, int keys, int size)
    {
        // Tokens: the next head's results lie right after a row of this one's.
        Layout Tokens(int count) => new(ElementType.Float32, [2, 3, count, size], [3L * count * size, size, 3L * size, 1]);
        foreach (bool causal in new[] { false, true })
        {
            foreach (double scale in new[] { 1 / Math.Sqrt(size), 5 })
            {
                var spec = new AttentionSpec(Tokens(queries), Tokens(keys), Tokens(keys), Tokens(queries), scale) { Causal = causal };
                ContractRunner.Check(backend, new ContractCase($"{queries} queries, {keys} keys of {size}, causal {causal}, scale {scale}", spec)
                {
                    Tolerance = 3e-5,
                    Data = (_, _, random) => random.NextDouble() * 2 - 1,
                });
            }
        }
    }

    /// <summary>Two tasks a head, 24 queries and one: the last of three threads begins with the one, and nothing is packed for it yet.</summary>
    [Fact]
    public void A_thread_may_begin_with_the_last_query_of_a_head()
    {
        Layout queries = Make.Ordered([1, 13, 25, 160], [0, 2, 1, 3]), keys = Make.Ordered([1, 13, 250, 160], [0, 2, 1, 3]);
        ContractRunner.Check(backend, new ContractCase("13 heads of 25", new AttentionSpec(queries, keys, keys, queries, 0.2))
        {
            Tolerance = 3e-5,
            Data = (_, _, random) => random.NextDouble() * 2 - 1,
        });
    }

    private static ContractCase RandomCase(int seed)
    {
        var layouts = new RandomLayouts(seed);
        var random = layouts.Random;
        int batch = random.Next(1, 3), heads = random.Next(1, 4), queries = layouts.Length(130), keys = layouts.Rarely(4) ? random.Next(250, 560) : layouts.Length(60);
        int size = Math.Max(1, layouts.Length(50)), width = layouts.Rarely(2) ? size : Math.Max(1, layouts.Length(50));
        ElementType Float() => random.Next(4) switch { 0 => ElementType.Float16, 1 => ElementType.BFloat16, _ => ElementType.Float32 };
        var spec = new AttentionSpec(
            layouts.Layout(Float(), batch, heads, queries, size),
            layouts.Layout(Float(), batch, heads, keys, size),
            layouts.Layout(Float(), batch, heads, keys, width),
            layouts.Layout(Float(), batch, heads, queries, width),
            layouts.Rarely(4) ? -0.3 : 1 / Math.Sqrt(size))
        {
            Causal = layouts.Rarely(3),
            Mask = layouts.Rarely(3) ? [layouts.Layout(Float(), batch, heads, queries, keys)] : [],
        };
        bool hides = layouts.Rarely(2);
        return new ContractCase($"random {seed}", spec)
        {
            Tolerance = 3e-5,
            Data = (operand, _, r) => operand == 3 && hides && r.Next(3) == 0 ? double.NegativeInfinity : r.NextDouble() * 4 - 2,
        };
    }
}
