namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Reductions and quantiles.</summary>
public static class ReductionCases
{
    public static CaseList All { get; } = new(Reductions().Concat(Quantiles()));

    private static IEnumerable<ContractCase> Reductions()
    {
        foreach (var kind in Enum.GetValues<ReductionKind>())
        {
            foreach (var (shape, axes) in new (int[], int)[]
            {
                ([7], 1), ([5, 7], 1), ([3, 4, 500], 1), ([3, 4, 5000], 1), ([2, 3000], 1), ([1, 100_000], 1), ([1, 1], 1), ([0, 5], 1), ([300, 3], 1),
                ([6, 5, 7], 2), ([2, 3, 4, 50], 3), ([4, 5], 0), ([200_000], 1), ([3, 4, 5], 3), ([5, 0], 1), ([1, 700, 300], 2),
            })
            {
                if (kind == ReductionKind.ArgMax && (axes != 1 || shape[^1] == 0))
                    continue;
                foreach (var lie in new[] { Lie.Dense, Lie.Reversed })
                    yield return Case($"{kind} {string.Join('x', shape)} by {axes} {lie}", kind, shape, axes, lie);
            }
            foreach (var lie in new[] { Lie.Padded, Lie.Spread, Lie.RepeatedRows, Lie.RepeatedLast, Lie.Single })
                yield return Case($"{kind} {lie}", kind, [9, 21, 33], 1, lie);
            foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16, ElementType.Int8, ElementType.UInt8, ElementType.Int32, ElementType.Int64, ElementType.Float64 })
                yield return Case($"{kind} {type}", kind, [9, 41], 1, Lie.Dense, type);
            yield return Case($"{kind} NaN", kind, [6, 41], 1) with { Data = (_, i, r) => i % 41 == 20 && i < 82 ? double.NaN : r.NextDouble() };
            yield return Case($"{kind} NaN, side by side", kind, [41, 6], 1, Lie.Reversed) with { Data = (_, i, r) => i % 6 == 2 && i < 60 ? double.NaN : r.NextDouble() };
            yield return Case($"{kind} infinity", kind, [6, 41], 1) with { Data = (_, i, r) => i % 41 == 20 && i < 82 ? double.PositiveInfinity : r.NextDouble() + 0.5 };
            if (kind != ReductionKind.ArgMax)
            {
                yield return Case($"{kind} with epilogue", kind, [9, 21, 33], 1, after: Make.BiasActivationResidual([9, 21], ElementwiseOp.Silu));
                yield return Case($"{kind} all with epilogue", kind, [9, 21], 2, after: Make.Constant(4));
            }
        }
        yield return new ContractCase("long sum of like numbers", new ReductionSpec(ReductionKind.Sum, Make.Layout([1, 1_000_000]), Make.Layout([1]), 1)) { Data = (_, _, _) => 0.1, Tolerance = 1e-6 };
        yield return new ContractCase("long mean side by side", new ReductionSpec(ReductionKind.Mean, Make.Layout([8, 100_000], Lie.Reversed), Make.Layout([8]), 1)) { Data = (_, _, _) => 0.1, Tolerance = 1e-7 };
    }

    private static IEnumerable<ContractCase> Quantiles()
    {
        foreach (double q in new[] { 0, 0.1, 0.5, 0.995, 1 })
        {
            foreach (var (r, c) in new[] { (1, 1), (5, 7), (3, 12_288), (0, 4) })
                yield return new ContractCase($"quantile {q} {r}x{c}", new QuantileSpec(Make.Layout([r, c]), Make.Layout([r]), q));
        }
        foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread })
            yield return new ContractCase($"quantile {lie}", new QuantileSpec(Make.Layout([6, 50], lie), Make.Layout([6], Lie.Spread), 0.3));
        foreach (var type in new[] { ElementType.Float16, ElementType.Int8, ElementType.Float64 })
            yield return new ContractCase($"quantile {type}", new QuantileSpec(Make.Layout(type, 6, 50), Make.Layout([6]), 0.3));
        yield return new ContractCase("quantile NaN", new QuantileSpec(Make.Layout([6, 50]), Make.Layout([6]), 0.3)) { Data = (_, i, r) => i == 77 ? double.NaN : r.NextDouble() };
    }

    private static ContractCase Case(string name, ReductionKind kind, int[] shape, int axes, Lie lie = Lie.Dense, ElementType type = ElementType.Float32, Epilogue? after = null)
    {
        var y = Make.Layout(shape[..^axes], Lie.Dense, kind == ReductionKind.ArgMax ? ElementType.Int64 : ElementType.Float32);
        int length = shape[^axes..].Aggregate(1, (a, b) => a * b);
        return new ContractCase(name, new ReductionSpec(kind, Make.Layout(shape, lie, type), y, axes) { After = after ?? Epilogue.None })
        {
            ExactIntegers = true,
            Tolerance = 1e-6 * Math.Max(1, Math.Sqrt(length)),
            // Long products are kept within range.
            Data = kind == ReductionKind.Product ? (operand, _, r) => type is ElementType.Float32 ? 1 + (r.NextDouble() - 0.5) / Math.Max(length, 1) : r.Next(2) : null,
        };
    }
}
