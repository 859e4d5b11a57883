namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Matrix products.</summary>
public static class GemmCases
{
    public static CaseList All { get; } = new(List());

    private static IEnumerable<ContractCase> List()
    {
        (int B, int M, int N, int K)[] shapes =
        [
            (1, 1, 1, 1), (1, 5, 7, 3), (2, 17, 33, 65), (1, 64, 64, 64), (1, 130, 96, 257), (3, 1, 40, 64), (1, 40, 1, 64),
            (1, 1, 320, 320), (2, 77, 48, 40), (1, 6, 16, 8), (1, 7, 17, 9), (1, 3, 129, 500), (0, 4, 4, 4), (1, 0, 4, 4), (1, 4, 0, 4), (2, 4, 5, 0),
        ];
        foreach (var (b, m, n, k) in shapes)
        {
            yield return Case($"dense {b}x{m}x{n}x{k}", b, m, n, k);
            yield return Case($"weight {b}x{m}x{n}x{k}", b, m, n, k, weight: true, after: Make.Bias([b, m, n]));
        }
        foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread, Lie.RepeatedFirst })
        {
            yield return Case($"A {lie}", 2, 19, 37, 23, a: lie);
            yield return Case($"B {lie}", 2, 19, 37, 23, bLie: lie);
            yield return Case($"A and B {lie}, constant", 2, 35, 70, 23, a: lie, bLie: lie, constant: true);
            if (lie != Lie.RepeatedFirst)
                yield return Case($"C {lie}", 2, 19, 37, 23, c: lie, after: Make.Bias([2, 19, 37]));
        }
        foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16, ElementType.Int8 })
        {
            yield return Case($"A {type}", 1, 33, 40, 72, aType: type);
            yield return Case($"B {type}", 1, 33, 40, 72, bType: type, weight: true);
            yield return Case($"B {type}, one row", 1, 1, 43, 72, bType: type, weight: true);
            yield return Case($"B {type} rows", 1, 33, 40, 72, bType: type);
            yield return Case($"B {type} deep", 1, 13, 70, 1301, bType: type, weight: true, after: Make.Bias([1, 13, 70], ElementType.Float32));
            if (type != ElementType.Int8)
                yield return Case($"all {type}", 1, 33, 41, 72, aType: type, bType: type, cType: type, after: Make.Bias([1, 33, 41], type));
        }
        yield return Case("int8 with scales", 1, 21, 64, 96, bType: ElementType.Int8, weight: true, after: Make.ScaledBias([1, 21, 64])) with { Scalars = [0.125] };
        foreach (var op in new[] { ElementwiseOp.Gelu, ElementwiseOp.Silu, ElementwiseOp.QuickGelu })
            yield return Case($"bias, {op}, residual", 2, 35, 50, 31, weight: true, after: Make.BiasActivationResidual([2, 35, 50], op));
        yield return Case("half residual from elsewhere", 2, 35, 50, 31, after: Make.BiasActivationResidual([2, 35, 50], ElementwiseOp.Silu, Lie.Reversed, ElementType.Float16));
        yield return Case("residual by row", 2, 35, 50, 31, after: Make.BiasActivationResidual([2, 35, 50], ElementwiseOp.Silu, Lie.RepeatedLast));
        yield return Case("constant epilogue", 1, 9, 20, 5, after: Make.Constant(2.5));
        yield return Case("constant epilogue without inner length", 1, 9, 20, 0, after: Make.Constant(2.5));
        foreach (var (b, m, n, k) in new[] { (1, 5, 8, 16), (2, 33, 50, 40), (1, 64, 128, 32), (1, 1, 24, 24) })
        {
            yield return Paired($"paired {b}x{m}x{n}x{k}", b, m, n, k, ElementType.Float32);
            yield return Paired($"paired half {b}x{m}x{n}x{k}", b, m, n, k, ElementType.Float16);
        }
    }

    private static ContractCase Case(
        string name, int b, int m, int n, int k, bool weight = false, Epilogue? after = null, Lie a = Lie.Dense, Lie bLie = Lie.Dense, Lie c = Lie.Dense,
        ElementType aType = ElementType.Float32, ElementType bType = ElementType.Float32, ElementType cType = ElementType.Float32, bool constant = false)
    {
        var left = Make.Layout([b, m, k], a, aType);
        var right = weight ? new Layout(bType, [b, k, n], [0, 1, k]) : Make.Layout([b, k, n], bLie, bType);
        var spec = new GemmSpec(left, right, Make.Layout([b, m, n], c, cType), ConstantB: weight || constant) { After = after ?? Epilogue.None };
        return new ContractCase(name, spec) { Tolerance = 1e-5 * Math.Max(1, Math.Sqrt(k) / 4) };
    }

    private static ContractCase Paired(string name, int b, int m, int n, int k, ElementType type) => new(
        name,
        new GemmSpec(Make.Layout([b, m, k]), new Layout(type, [b, k, 2 * n], [0, 1, k]), Make.Layout([b, m, n]), ConstantB: true, Paired: true)
        {
            After = Make.Gated([b, m, n]),
        })
    { Tolerance = 1e-4 };
}
