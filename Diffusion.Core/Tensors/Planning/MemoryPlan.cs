namespace Diffusion.Core.Tensors.Planning;

/// <summary>Places regions in one arena so that those alive at the same time don't overlap.</summary>
internal static class MemoryPlan
{
    // A cache line, and what the kernels' vectors want.
    private const long Alignment = 64;

    /// <summary>
    /// Largest first, each at the lowest place that is free during its whole life. Near the optimum for networks, whose
    /// large buffers are few.
    /// </summary>
    /// <returns>The arena's size in bytes.</returns>
    public static long Place(IEnumerable<Region> regions)
    {
        var placed = new List<Region>();
        long arena = 0;
        foreach (var region in regions.OrderByDescending(r => r.Bytes).ThenBy(r => r.FirstStep))
        {
            long offset = 0;
            foreach (var other in placed)
            {
                if (other.LastStep < region.FirstStep || other.FirstStep > region.LastStep)
                    continue;
                if (other.Offset >= offset + Aligned(region.Bytes))
                    break;
                offset = Math.Max(offset, other.Offset + Aligned(other.Bytes));
            }
            region.Offset = offset;
            int at = placed.FindIndex(r => r.Offset > offset);
            placed.Insert(at < 0 ? placed.Count : at, region);
            arena = Math.Max(arena, offset + Aligned(region.Bytes));
        }
        return arena;
    }

    private static long Aligned(long bytes) => (Math.Max(1, bytes) + Alignment - 1) / Alignment * Alignment;
}
