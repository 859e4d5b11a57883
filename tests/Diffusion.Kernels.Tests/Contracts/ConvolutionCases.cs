namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Convolutions.</summary>
public static class ConvolutionCases
{
    public static CaseList All { get; } = new(List());

    private static IEnumerable<ContractCase> List()
    {
        foreach (bool exact in new[] { false, true })
        {
            string way = exact ? "exact " : "";
            foreach (var (n, h, w, c, o) in new[] { (1, 1, 1, 1, 1), (1, 8, 8, 16, 16), (2, 17, 13, 24, 40), (1, 5, 31, 64, 32), (1, 16, 16, 4, 48), (1, 9, 9, 32, 3), (1, 12, 12, 96, 64), (1, 33, 34, 3, 20), (2, 7, 6, 65, 33) })
            {
                yield return Case($"{way}3x3 {n}x{h}x{w} {c} to {o}", new(n, h, w, c, o), exact: exact, padding: (1, 1, 1, 1), bias: true);
                yield return Case($"{way}1x1 {n}x{h}x{w} {c} to {o}", new(n, h, w, c, o, 1, 1), exact: exact);
            }
        }
        yield return Case("3x3 no padding", new(1, 10, 11, 16, 24));
        yield return Case("3x3 one side", new(1, 10, 11, 16, 24), padding: (0, 1, 0, 1), stride: (2, 2), bias: true);
        yield return Case("3x3 stride 2", new(2, 15, 16, 32, 16), padding: (1, 1, 1, 1), stride: (2, 2), bias: true);
        yield return Case("stride 2 by 3", new(1, 15, 16, 8, 16), padding: (1, 0, 2, 1), stride: (2, 3));
        yield return Case("wide padding", new(1, 4, 4, 8, 8), padding: (3, 4, 5, 2));
        yield return Case("5x7", new(1, 14, 12, 12, 18, 5, 7), padding: (2, 2, 3, 3));
        yield return Case("7x7 stride 2 of a picture", new(1, 30, 28, 3, 16, 7, 7), padding: (3, 3, 3, 3), stride: (2, 2));
        yield return Case("patches 14", new(1, 28, 28, 3, 20, 14, 14), stride: (14, 14));
        yield return Case("1-D", new(2, 1, 37, 24, 16, 1, 3), padding: (0, 0, 1, 1), bias: true);
        yield return Case("1-D long", new(1, 1, 100, 8, 8, 1, 11), padding: (0, 0, 5, 5), dilation: (1, 1));
        yield return Case("3x1", new(1, 9, 20, 16, 16, 3, 1), padding: (1, 1, 0, 0));
        yield return Case("dilation", new(1, 14, 15, 16, 16), padding: (2, 2, 3, 3), dilation: (2, 3));
        yield return Case("groups", new(1, 9, 10, 24, 36), padding: (1, 1, 1, 1), groups: 3, bias: true);
        yield return Case("depthwise", new(1, 11, 10, 32, 32), padding: (1, 1, 1, 1), groups: 32, bias: true);
        yield return Case("depthwise twice", new(1, 11, 10, 8, 16), padding: (1, 1, 1, 1), groups: 8);
        yield return Case("transposed", new(1, 7, 6, 16, 12, 4, 4), padding: (2, 2, 2, 2), inputDilation: (2, 2));
        yield return Case("transposed 2 by 3", new(1, 7, 6, 16, 12, 3, 3), padding: (2, 1, 0, 2), inputDilation: (2, 3), bias: true);
        yield return Case("upsampled", new(2, 7, 6, 32, 24), padding: (1, 1, 1, 1), upsample: 2, bias: true);
        yield return Case("upsampled 3 stride 2", new(1, 5, 6, 16, 16), padding: (1, 1, 1, 1), upsample: 3, stride: (2, 2));
        yield return Case("upsampled 1x1", new(1, 5, 6, 16, 16, 1, 1), upsample: 2);
        yield return Case("kernel larger than the picture", new(1, 2, 2, 4, 4, 5, 5));
        yield return Case("no samples", new(0, 8, 8, 16, 16), padding: (1, 1, 1, 1), bias: true);
        yield return Case("no channels", new(1, 4, 4, 0, 8), padding: (1, 1, 1, 1), bias: true);
        yield return Case("no outputs", new(1, 4, 4, 8, 0), padding: (1, 1, 1, 1));
        foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread, Lie.RepeatedFirst })
        {
            yield return Case($"X {lie}", new(2, 9, 8, 16, 24), padding: (1, 1, 1, 1), x: lie, bias: true);
            yield return Case($"X {lie} 1x1", new(2, 9, 8, 16, 24, 1, 1), x: lie, bias: true);
            if (lie == Lie.RepeatedFirst)
                continue;
            yield return Case($"W {lie}", new(2, 9, 8, 16, 24), padding: (1, 1, 1, 1), w: lie, bias: true);
            yield return Case($"Y {lie}", new(2, 9, 8, 16, 24), padding: (1, 1, 1, 1), y: lie, bias: true);
            yield return Case($"Y {lie} 1x1", new(2, 9, 8, 16, 24, 1, 1), y: lie, bias: true);
        }
        yield return Case("changing weight", new(1, 9, 8, 16, 24), padding: (1, 1, 1, 1), constant: false, bias: true);
        yield return Case("changing weight 1x1", new(1, 9, 8, 16, 24, 1, 1), constant: false, bias: true);
        foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16, ElementType.Int8 })
        {
            yield return Case($"W {type}", new(1, 9, 8, 32, 24), padding: (1, 1, 1, 1), wType: type, bias: true);
            yield return Case($"W {type} 1x1", new(1, 9, 8, 32, 24, 1, 1), wType: type, bias: true);
            yield return Case($"X {type}", new(1, 9, 8, 32, 24), padding: (1, 1, 1, 1), xType: type, bias: true);
            if (type != ElementType.Int8)
                yield return Case($"all {type}", new(1, 9, 8, 32, 24), padding: (1, 1, 1, 1), xType: type, wType: type, yType: type, bias: true);
        }
        foreach (var size in new[] { 3, 1 })
        {
            var geometry = new Geometry(2, 10, 12, 32, 48, size, size);
            var padding = size == 3 ? (1, 1, 1, 1) : (0, 0, 0, 0);
            yield return Case($"{size}x{size} bias, silu, residual", geometry, padding: padding, after: shape => Make.BiasActivationResidual(shape, ElementwiseOp.Silu));
            yield return Case($"{size}x{size} bias, silu, residual by sample", geometry, padding: padding, after: shape => BySample(shape));
        }
    }

    /// <summary>silu(result + bias) + embedding[sample, channel], as a ResNet block adds its time embedding.</summary>
    private static Epilogue BySample(int[] shape) => new(
        new ElementwiseProgram(3, [new(ElementwiseOp.Add, 0, 1), new(ElementwiseOp.Silu, 3), new(ElementwiseOp.Add, 4, 2)]),
        [Make.Layout(shape, Lie.RepeatedRows), new Layout(ElementType.Float32, [.. shape], [shape[3], 0, 0, 1])]);

    private sealed record Geometry(int N, int H, int W, int C, int O, int KernelH = 3, int KernelW = 3);

    private static ContractCase Case(
        string name, Geometry g, (int Top, int Bottom, int Left, int Right) padding = default, (int Y, int X)? stride = null, (int Y, int X)? dilation = null,
        (int Y, int X)? inputDilation = null, int upsample = 1, int groups = 1, bool bias = false, bool exact = false, bool constant = true,
        Lie x = Lie.Dense, Lie w = Lie.Dense, Lie y = Lie.Dense, ElementType xType = ElementType.Float32, ElementType wType = ElementType.Float32,
        ElementType yType = ElementType.Float32, Func<int[], Epilogue>? after = null)
    {
        var (s, d, spread) = (stride ?? (1, 1), dilation ?? (1, 1), inputDilation ?? (1, 1));
        int oh = ConvolutionSpec.OutputLength(g.H, g.KernelH, s.Item1, padding.Top + padding.Bottom, d.Item1, spread.Item1, upsample);
        int ow = ConvolutionSpec.OutputLength(g.W, g.KernelW, s.Item2, padding.Left + padding.Right, d.Item2, spread.Item2, upsample);
        int[] output = [g.N, oh, ow, g.O];
        var spec = new ConvolutionSpec(
            Make.Layout([g.N, g.H, g.W, g.C], x, xType), Make.Layout([g.O, g.C / groups, g.KernelH, g.KernelW], w, wType), Make.Layout(output, y, yType))
        {
            Padding = padding,
            Stride = s,
            Dilation = d,
            InputDilation = spread,
            Upsample = upsample,
            Groups = groups,
            Exact = exact,
            ConstantW = constant,
            After = after is not null ? after(output) : bias ? Make.Bias(output) : Epilogue.None,
        };
        // Winograd's transforms cost a few digits.
        return new ContractCase(name, spec) { Tolerance = (exact ? 1e-5 : 5e-5) * Math.Max(1, Math.Sqrt(g.C * g.KernelH * g.KernelW) / 8) };
    }
}
