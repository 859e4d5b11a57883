namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Group, layer and root-mean-square norms, softmax.</summary>
public static class NormalizationCases
{
    public static CaseList All { get; } = new(Groups().Concat(Rows()).Concat(Softmaxes()));

    private static IEnumerable<ContractCase> Groups()
    {
        foreach (var (n, p, c, g) in new[] { (1, 1, 1, 1), (2, 64, 32, 8), (1, 300, 320, 32), (3, 17, 33, 11), (2, 1000, 24, 1), (1, 5, 6, 6), (0, 5, 8, 2), (2, 0, 8, 2), (1, 4100, 40, 5) })
        {
            yield return Group($"group {n}x{p}x{c} by {g}", n, p, c, g);
            yield return Group($"group affine silu {n}x{p}x{c} by {g}", n, p, c, g, affine: true, after: Activation([n, p, c], ElementwiseOp.Silu));
        }
        yield return Group("group far from zero", 2, 500, 64, 16, affine: true) with { Data = (operand, _, r) => operand == 0 ? 1000 + r.NextDouble() : r.NextDouble(), Tolerance = 5e-4 };
        yield return Group("group constant", 1, 70, 32, 8) with { Data = (_, _, _) => 3.7 };
        yield return Group("group residual", 2, 37, 48, 8, affine: true, after: Make.BiasActivationResidual([2, 37, 48], ElementwiseOp.Silu));
        foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread, Lie.RepeatedFirst })
            yield return Group($"group X {lie}", 2, 150, 40, 8, x: lie, affine: true);
        foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread })
            yield return Group($"group Y {lie}", 2, 150, 40, 8, y: lie, affine: true);
        foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16, ElementType.Int8, ElementType.Float64 })
            yield return Group($"group {type}", 2, 150, 40, 8, affine: true, type: type);
    }

    private static IEnumerable<ContractCase> Rows()
    {
        foreach (var kind in Enum.GetValues<RowNormKind>())
        {
            foreach (var (r, c) in new[] { (1, 1), (5, 7), (77, 768), (300, 320), (3, 5000), (0, 8), (8, 0), (33, 33) })
            {
                yield return Row($"{kind} {r}x{c}", kind, r, c);
                yield return Row($"{kind} weight and bias {r}x{c}", kind, r, c, weight: true, bias: true);
            }
            yield return Row($"{kind} weight", kind, 40, 70, weight: true);
            yield return Row($"{kind} bias", kind, 40, 70, bias: true, after: Make.Bias([40, 70]));
            yield return Row($"{kind} far from zero", kind, 40, 300) with { Data = (_, _, r) => 1000 + r.NextDouble(), Tolerance = 5e-4 };
            foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread })
                yield return Row($"{kind} {lie}", kind, 40, 70, weight: true, x: lie, y: lie, after: Activation([40, 70], ElementwiseOp.Gelu));
            foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16, ElementType.Float64 })
                yield return Row($"{kind} {type}", kind, 40, 70, weight: true, bias: true, type: type);
        }
    }

    private static IEnumerable<ContractCase> Softmaxes()
    {
        foreach (var (r, c) in new[] { (1, 1), (5, 7), (77, 768), (3, 5000), (0, 8), (8, 0), (33, 33), (400, 77) })
            yield return new ContractCase($"softmax {r}x{c}", new SoftmaxSpec(Make.Layout([r, c]), Make.Layout([r, c])));
        foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread })
            yield return new ContractCase($"softmax {lie}", new SoftmaxSpec(Make.Layout([19, 50], lie), Make.Layout([19, 50], lie)));
        foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16, ElementType.Float64 })
            yield return new ContractCase($"softmax {type}", new SoftmaxSpec(Make.Layout(type, 19, 50), Make.Layout(type, 19, 50)));
        yield return new ContractCase("softmax large", new SoftmaxSpec(Make.Layout([19, 50]), Make.Layout([19, 50]))) { Data = (_, _, r) => r.NextDouble() * 2000 - 1000 };
        yield return new ContractCase("softmax hidden", new SoftmaxSpec(Make.Layout([4, 50]), Make.Layout([4, 50])))
        {
            Data = (_, i, r) => i < 50 || i % 3 == 0 ? double.NegativeInfinity : r.NextDouble(),
        };
    }

    private static Epilogue Activation(int[] shape, ElementwiseOp op) => new(new ElementwiseProgram(1, [new(op, 0)]), []);

    private static ContractCase Group(
        string name, int n, int p, int c, int groups, bool affine = false, Epilogue? after = null, Lie x = Lie.Dense, Lie y = Lie.Dense,
        ElementType type = ElementType.Float32) => new(
        name,
        new GroupNormSpec(Make.Layout([n, p, c], x, type), Make.Layout([n, p, c], y, type == ElementType.Int8 ? ElementType.Float32 : type), groups, 1e-5)
        {
            Affine = affine ? [Make.Layout([c], Lie.Dense, type), Make.Layout([c], Lie.Spread)] : [],
            After = after ?? Epilogue.None,
        })
        { Tolerance = 2e-5 };

    private static ContractCase Row(
        string name, RowNormKind kind, int r, int c, bool weight = false, bool bias = false, Epilogue? after = null, Lie x = Lie.Dense, Lie y = Lie.Dense,
        ElementType type = ElementType.Float32) => new(
        name,
        new RowNormSpec(kind, Make.Layout([r, c], x, type), Make.Layout([r, c], y, type), 1e-6)
        {
            Weight = weight ? [Make.Layout([c], Lie.Dense, type)] : [],
            Bias = bias ? [Make.Layout([c], Lie.Spread)] : [],
            After = after ?? Epilogue.None,
        })
        { Tolerance = 2e-5 };
}
