namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Resizing, pooling and gathering.</summary>
public static class ResamplingCases
{
    public static CaseList All { get; } = new(Resizings().Concat(Poolings()).Concat(Gathers()));

    private static IEnumerable<ContractCase> Resizings()
    {
        foreach (var mode in Enum.GetValues<ResamplingMode>())
        {
            foreach (var (h, w, oh, ow, c) in new[] { (4, 5, 8, 10, 3), (8, 10, 4, 5, 4), (7, 5, 11, 13, 33), (30, 31, 7, 9, 3), (1, 1, 3, 3, 5), (5, 5, 1, 1, 2), (6, 6, 6, 6, 8), (3, 4, 0, 4, 2), (16, 16, 32, 32, 64) })
            {
                foreach (bool corners in mode == ResamplingMode.Nearest ? [false] : new[] { false, true })
                {
                    foreach (bool smooth in mode == ResamplingMode.Nearest ? [false] : new[] { false, true })
                        yield return Resize($"{mode} {h}x{w} to {oh}x{ow} by {c}{(corners ? " corners" : "")}{(smooth ? " smooth" : "")}", mode, (2, h, w, c), (oh, ow), corners, smooth);
                }
            }
            yield return Resize($"{mode} factor", mode, (1, 9, 7, 3), (14, 10)) is var factor ? factor with { Spec = ((ResamplingSpec)factor.Spec) with { ScaleFactor = (1.6, 1.5) } } : null!;
            foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread })
                yield return Resize($"{mode} {lie}", mode, (2, 7, 9, 5), (10, 6), x: lie, y: lie);
            foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16, ElementType.UInt8, ElementType.Float64 })
                yield return Resize($"{mode} {type}", mode, (2, 7, 9, 5), (10, 6), type: type);
            yield return new ContractCase($"{mode} half to float", new ResamplingSpec(mode, Make.Layout(ElementType.Float16, 1, 6, 5, 7), Make.Layout([1, 9, 9, 7])));
        }
    }

    private static IEnumerable<ContractCase> Poolings()
    {
        foreach (var kind in Enum.GetValues<PoolingKind>())
        {
            foreach (var (window, stride, padding) in new[] { ((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1)), ((1, 1), (1, 1), (0, 0)), ((3, 5), (1, 2), (1, 2)), ((2, 2), (3, 3), (1, 0)) })
            {
                foreach (var (h, w, c) in new[] { (8, 8, 16), (9, 7, 3), (13, 12, 37) })
                    yield return Pool($"{kind} {window} {stride} {padding} of {h}x{w}x{c}", kind, (2, h, w, c), window, stride, padding);
            }
            foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread })
                yield return Pool($"{kind} {lie}", kind, (2, 8, 9, 10), (2, 2), (2, 2), default, lie);
            foreach (var type in new[] { ElementType.Float16, ElementType.Float64 })
                yield return Pool($"{kind} {type}", kind, (2, 8, 9, 10), (2, 2), (2, 2), default, Lie.Dense, type);
        }
    }

    private static IEnumerable<ContractCase> Gathers()
    {
        foreach (var (outer, length, count, inner) in new[] { (1, 100, 77, 768), (3, 10, 4, 5), (1, 9, 1, 1), (2, 5, 0, 4), (1, 5, 7, 0), (0, 5, 7, 3), (1, 64, 33, 17) })
        {
            yield return Gather($"gather {outer}x{length}x{inner} {count}", outer, length, count, inner);
            yield return Gather($"gather wide index {outer}x{length}x{inner} {count}", outer, length, count, inner, index: ElementType.Int64);
        }
        foreach (var lie in new[] { Lie.Reversed, Lie.Padded, Lie.Spread })
            yield return Gather($"gather {lie}", 2, 9, 6, 21, lie: lie);
        foreach (var from in new[] { ElementType.Float16, ElementType.Int8, ElementType.Int64, ElementType.Float64 })
        {
            foreach (var to in new[] { ElementType.Float32, ElementType.Int32, from })
                yield return Gather($"gather {from} to {to}", 2, 9, 6, 21, from: from, to: to);
        }
    }

    private static ContractCase Resize(
        string name, ResamplingMode mode, (int N, int H, int W, int C) from, (int H, int W) to, bool corners = false, bool smooth = false, Lie x = Lie.Dense, Lie y = Lie.Dense,
        ElementType type = ElementType.Float32) => new(
        name,
        new ResamplingSpec(mode, Make.Layout([from.N, from.H, from.W, from.C], x, type), Make.Layout([from.N, to.H, to.W, from.C], y, type))
        {
            AlignCorners = corners,
            AntiAlias = smooth,
        });

    private static ContractCase Pool(
        string name, PoolingKind kind, (int N, int H, int W, int C) from, (int Y, int X) window, (int Y, int X) stride, (int Y, int X) padding, Lie lie = Lie.Dense,
        ElementType type = ElementType.Float32)
    {
        int oh = ConvolutionSpec.OutputLength(from.H, window.Y, stride.Y, 2 * padding.Y), ow = ConvolutionSpec.OutputLength(from.W, window.X, stride.X, 2 * padding.X);
        var spec = new PoolingSpec(kind, Make.Layout([from.N, from.H, from.W, from.C], lie, type), Make.Layout([from.N, oh, ow, from.C], lie, type), window, stride) { Padding = padding };
        return new ContractCase(name, spec);
    }

    private static ContractCase Gather(
        string name, int outer, int length, int count, int inner, Lie lie = Lie.Dense, ElementType index = ElementType.Int32, ElementType from = ElementType.Float32,
        ElementType to = ElementType.Float32) => new(
        name,
        new GatherSpec(Make.Layout([outer, length, inner], lie, from), Make.Layout([count], lie, index), Make.Layout([outer, count, inner], lie, to)))
        {
            ExactIntegers = true,
            Data = (operand, _, random) => operand == 1 ? random.Next(length) : random.Next(-100, 100),
        };
}
