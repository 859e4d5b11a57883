using Diffusion.Core.Tensors.Planning;
using Xunit;

namespace Diffusion.Core.Tests.Tensors.Planning;

public sealed class MemoryPlanTests
{
    [Fact]
    public void What_lives_at_the_same_time_does_not_overlap()
    {
        var random = new Random(12);
        for (int run = 0; run < 50; run++)
        {
            var regions = Enumerable.Range(0, 60).Select(_ =>
            {
                var region = new Region(RegionKind.Arena, -1, random.Next(8) == 0 ? 0 : random.Next(1, 5000));
                int first = random.Next(40);
                region.Use(first);
                region.Use(first + random.Next(6));
                return region;
            }).ToList();
            long arena = MemoryPlan.Place(regions);
            foreach (var a in regions)
            {
                Assert.Equal(0, a.Offset % 64);
                Assert.True(a.Offset + a.Bytes <= arena && arena > 0);
                foreach (var b in regions.Where(b => b != a && b.FirstStep <= a.LastStep && a.FirstStep <= b.LastStep))
                    Assert.True(a.Offset + a.Bytes <= b.Offset || b.Offset + b.Bytes <= a.Offset);
            }
            long busiest = Enumerable.Range(0, 46).Max(step => regions.Where(r => r.FirstStep <= step && step <= r.LastStep).Sum(r => r.Bytes + 64));
            Assert.True(arena <= 2 * busiest);
        }
    }
}
