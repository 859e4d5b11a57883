namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Products with quantised weights.</summary>
public static class QuantizedCases
{
    public static CaseList All { get; } = new(List());

    /// <summary>A case of any shape; activations keep away from where their rounding would turn, except where told.</summary>
    public static ContractCase Case(
        string name, int b, int m, int n, int k, bool int4 = false, int group = 0, bool dynamic = false, Epilogue? after = null,
        Layout? a = null, Layout? c = null, ElementType scales = ElementType.Float32)
    {
        a ??= Make.Layout([b, m, k]);
        int groups = group == 0 ? 1 : (k + group - 1) / group;
        var w = int4 ? Make.Layout(ElementType.UInt8, n, (k + 1) / 2) : Make.Layout(ElementType.Int8, n, k);
        var spec = new QuantizedGemmSpec(a, w, Make.Layout(scales, n, groups), c ?? Make.Layout([b, m, n]), group, dynamic) { After = after ?? Epilogue.None };
        bool coarse = a.Type == ElementType.BFloat16;
        return new ContractCase(name, spec)
        {
            Tolerance = 1e-5 * Math.Max(1, Math.Sqrt(k) / 4),
            Data = (operand, index, random) => operand switch
            {
                0 when !dynamic => random.NextDouble() * 4 - 2,
                // The row's largest is 127/64, so that an integer stands for 1/64.
                0 => (index % Math.Max(k, 1) == 0 ? 127 : random.Next(-126, 127) + (coarse ? 0 : random.NextDouble() * 0.8 - 0.4)) / 64,
                1 => int4 ? random.Next(256) : random.Next(-128, 128),
                2 => (int4 ? 0.25 : 1.0 / 64) * (0.5 + random.NextDouble()),
                _ => random.NextDouble() * 4 - 2,
            },
        };
    }

    private static IEnumerable<ContractCase> List()
    {
        (int B, int M, int N, int K)[] shapes =
        [
            (1, 1, 1, 1), (1, 5, 7, 3), (2, 17, 33, 65), (1, 64, 64, 64), (1, 130, 96, 257), (3, 1, 40, 64), (1, 40, 1, 64), (1, 9, 16, 8), (1, 8, 70, 500),
            (1, 1, 320, 320), (2, 77, 48, 40), (1, 200, 17, 9), (1, 3, 129, 1100), (0, 4, 4, 4), (1, 0, 4, 4), (1, 4, 0, 4), (2, 4, 5, 0), (2, 14, 5, 0),
        ];
        foreach (var (b, m, n, k) in shapes)
        {
            int[] output = [b, m, n];
            yield return Case($"int8 {b}x{m}x{n}x{k}", b, m, n, k, after: Make.Bias(output));
            yield return Case($"int4 {b}x{m}x{n}x{k}", b, m, n, k, int4: true);
            yield return Case($"int8 in groups of 8 {b}x{m}x{n}x{k}", b, m, n, k, group: 8);
            yield return Case($"int4 in groups of 32 {b}x{m}x{n}x{k}", b, m, n, k, int4: true, group: 32, after: Make.Bias(output));
            yield return Case($"int8 rounded rows {b}x{m}x{n}x{k}", b, m, n, k, dynamic: true, after: Make.Bias(output));
            yield return Case($"int4 rounded rows {b}x{m}x{n}x{k}", b, m, n, k, int4: true, dynamic: true);
        }
        foreach (bool dynamic in new[] { false, true })
        {
            string kind = dynamic ? "rounded rows" : "weights";
            foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread, Lie.RepeatedFirst })
            {
                yield return Case($"{kind}, A {lie}", 2, 19, 37, 23, dynamic: dynamic, a: Make.Layout([2, 19, 23], lie));
                if (lie != Lie.RepeatedFirst)
                    yield return Case($"{kind}, C {lie}", 2, 19, 37, 23, dynamic: dynamic, c: Make.Layout([2, 19, 37], lie), after: Make.Bias([2, 19, 37]));
            }
            foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16 })
            {
                foreach (int m in new[] { 2, 33 })
                {
                    yield return Case($"{kind}, {type}, {m} rows", 1, m, 40, 72, dynamic: dynamic, a: Make.Layout(type, 1, m, 72), c: Make.Layout(type, 1, m, 40));
                    yield return Case($"{kind}, {type} scales, {m} rows", 1, m, 40, 72, int4: true, dynamic: dynamic, group: dynamic ? 0 : 24, scales: type);
                }
            }
            foreach (int m in new[] { 3, 35 })
            {
                yield return Case($"{kind}, activation and residual, {m} rows", 2, m, 50, 31, dynamic: dynamic, after: Make.BiasActivationResidual([2, m, 50], ElementwiseOp.Gelu));
                yield return Case($"{kind}, residual alone, {m} rows", 2, m, 50, 31, dynamic: dynamic, after: Make.BiasActivationResidual([2, m, 50], ElementwiseOp.Copy));
                yield return Rows($"{kind}, zeros, tiny and huge, {m} rows", m, dynamic, row => row == 0 ? 0 : row == 1 ? 1e-32 : row == 2 ? 1e20 : 1e-6);
            }
        }
        foreach (int m in new[] { 4, 20 })
        {
            yield return Ties($"halves to even, {m} rows", m);
            yield return Rows($"rounded rows, NaN and infinity, {m} rows", m, true, row => row == 0 ? double.NaN : row == 1 ? double.PositiveInfinity : row == 2 ? double.NegativeInfinity : 1);
        }
    }

    /// <summary>Rows of a magnitude each, with one element of it amid zeros.</summary>
    private static ContractCase Rows(string name, int m, bool dynamic, Func<long, double> magnitude)
    {
        var test = Case(name, 1, m, 20, 40, dynamic: dynamic);
        return test with { Data = (operand, index, random) => operand != 0 ? test.Data!(operand, index, random) : index % 40 == index / 40 % 40 ? magnitude(index / 40) : 0 };
    }

    /// <summary>Activations that lie half way between two integers of their rows.</summary>
    private static ContractCase Ties(string name, int m)
    {
        var test = Case(name, 1, m, 20, 40, dynamic: true);
        return test with
        {
            Data = (operand, index, random) => operand != 0 ? test.Data!(operand, index, random) : (index % 40 == 0 ? -127 : random.Next(-126, 126) + 0.5) * Math.Pow(2, -3),
        };
    }
}
