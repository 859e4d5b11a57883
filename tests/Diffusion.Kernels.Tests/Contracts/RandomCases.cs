namespace Diffusion.Kernels.Tests.Contracts;

/// <summary>Random numbers by a counter.</summary>
public static class RandomCases
{
    public static CaseList All { get; } = new(List());

    private static IEnumerable<ContractCase> List()
    {
        foreach (var kind in Enum.GetValues<RandomKind>())
        {
            foreach (int[] shape in new int[][] { [], [1], [3], [4], [0], [5, 0, 2], [511], [512], [513], [2, 4, 16, 17], [70_001] })
                yield return Case($"{kind} [{string.Join(", ", shape)}]", kind, 42, 4, ElementType.Float32, shape);
            foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16, ElementType.Float64 })
                yield return Case($"{kind} {type}", kind, 7, 0, type, 4099);
            foreach (long seed in new[] { 0, -1, 1L << 40, (1L << 33) + 5 })
            {
                yield return Case($"{kind} seed {seed}", kind, seed, 0, ElementType.Float32, 1027);
                // The two lowest bits of an offset aren't read.
                yield return Case($"{kind} offset {seed}", kind, 3, seed, ElementType.Float32, 1027);
            }
        }
    }

    private static ContractCase Case(string name, RandomKind kind, long seed, long offset, ElementType type, params int[] shape) =>
        new(name, new RandomSpec(kind, Make.Layout(ElementType.Int64, 2), Make.Layout(type, shape)))
        {
            Tolerance = kind == RandomKind.Uniform ? 0 : 1e-5,
            Data = (_, index, _) => index == 0 ? seed : offset,
        };
}
