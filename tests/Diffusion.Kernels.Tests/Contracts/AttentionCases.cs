namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Attention.</summary>
public static class AttentionCases
{
    public static CaseList All { get; } = new(List());

    private static IEnumerable<ContractCase> List()
    {
        foreach (var (b, h, q, k, d) in new[]
        {
            (1, 1, 1, 1, 1), (2, 3, 17, 33, 40), (1, 2, 64, 77, 64), (1, 8, 5, 5, 80), (1, 1, 130, 257, 160), (1, 2, 9, 0, 8), (1, 2, 0, 9, 8), (0, 2, 4, 4, 8),
            (1, 1, 33, 70, 3), (1, 1, 7, 600, 32), (2, 1, 48, 48, 512),
        })
        {
            yield return Case($"tokens {b}x{h}x{q}x{k}x{d}", b, h, q, k, d);
            yield return Case($"heads first {b}x{h}x{q}x{k}x{d}", b, h, q, k, d, order: [0, 1, 2, 3]);
        }
        yield return Case("causal", 2, 2, 40, 40, 16, causal: true);
        yield return Case("causal, more keys", 1, 2, 20, 77, 16, causal: true);
        yield return Case("causal, fewer keys", 1, 2, 77, 20, 16, causal: true);
        foreach (var lie in new[] { Lie.Dense, Lie.RepeatedRows, Lie.RepeatedFirst, Lie.RepeatedLast, Lie.Reversed })
            yield return Case($"mask {lie}", 2, 3, 21, 35, 24, mask: Make.Layout([2, 3, 21, 35], lie));
        yield return Case("half mask", 2, 3, 21, 35, 24, mask: Make.Layout([2, 3, 21, 35], Lie.Dense, ElementType.Float16));
        yield return Case("mask and causal", 2, 3, 35, 35, 24, mask: Make.Layout([2, 3, 35, 35], Lie.RepeatedRows), causal: true);
        yield return Case("hidden keys", 2, 2, 21, 90, 24, mask: Make.Layout([2, 2, 21, 90], Lie.RepeatedRows)) with
        {
            Data = (operand, index, random) => operand == 3 ? index % 90 >= 50 ? double.NegativeInfinity : 0 : random.NextDouble() * 4 - 2,
        };
        yield return Case("all keys hidden", 1, 2, 5, 70, 24, mask: Make.Layout([1, 2, 5, 70])) with
        {
            Data = (operand, index, random) => operand == 3 ? index / 70 % 2 == 0 ? double.NegativeInfinity : 0 : random.NextDouble() * 4 - 2,
        };
        yield return Case("large scores", 1, 2, 30, 150, 64) with { Data = (operand, _, random) => (random.NextDouble() * 4 - 2) * (operand < 2 ? 12 : 1), Tolerance = 2e-4 };
        // Scores that are bounded by the lengths of queries and keys, but make weights or sums that are tiny or overflow.
        yield return Case("scores far below zero", 1, 2, 30, 50, 24) with { Data = (operand, _, random) => operand < 2 ? (operand == 0 ? 2.3 : -2.3) + random.NextDouble() * 0.1 : random.NextDouble() };
        yield return Case("scores far above zero", 1, 2, 30, 50, 24) with { Data = (operand, _, random) => operand < 2 ? 2.3 + random.NextDouble() * 0.1 : random.NextDouble() };
        yield return Case("huge values", 1, 2, 30, 50, 24) with { Data = (operand, _, random) => operand < 2 ? 2.3 + random.NextDouble() * 0.1 : (random.NextDouble() + 1) * 1e30 };
        yield return Case("values of another size", 1, 2, 30, 50, 24, dv: 40);
        foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16 })
            yield return Case($"all {type}", 1, 2, 30, 77, 40, type: type);
        foreach (var lie in new[] { Lie.Padded, Lie.Spread, Lie.Reversed })
            yield return Case($"operands {lie}", 2, 2, 19, 30, 24, lie: lie);
    }

    private static ContractCase Case(
        string name, int b, int h, int q, int k, int d, int dv = 0, int[]? order = null, bool causal = false, Layout? mask = null,
        ElementType type = ElementType.Float32, Lie? lie = null)
    {
        dv = dv == 0 ? d : dv;
        Layout Lay(int tokens, int size) => lie is { } given ? Make.Layout([b, h, tokens, size], given, type) : Make.Ordered([b, h, tokens, size], order ?? [0, 2, 1, 3], type);
        return new ContractCase(name, new AttentionSpec(Lay(q, d), Lay(k, d), Lay(k, dv), Lay(q, dv), 1 / Math.Sqrt(d))
        {
            Causal = causal,
            Mask = mask is null ? [] : [mask],
        })
        { Tolerance = 3e-5 };
    }
}
