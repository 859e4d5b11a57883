using Diffusion.Kernels.Cpu;
using FsCheck.Xunit;

namespace Diffusion.Kernels.Tests.Cpu;

/// <summary>How work is cut into tasks.</summary>
public sealed class CpuSplitTests
{
    [Theory]
    [InlineData(40, 1, 4, 8, 1, 2, 5)]
    [InlineData(80, 1, 4, 8, 1, 2, 8)]
    [InlineData(40, 1, 4, 8, 1, 1, 8)]
    [InlineData(1024, 6, 48, 96, 1, 2, 66)]
    [InlineData(3, 1, 4, 8, 1, 2, 4)]
    public void Tasks_come_out_even(long units, int unit, long least, long most, long times, int threads, long expected) =>
        Assert.Equal(expected, CpuSplit.EvenStep(units, unit, least, most, times, threads));

    [Property]
    public bool No_thread_has_more_to_do_than_with_the_largest_tasks(int seed)
    {
        var random = new Random(seed);
        int unit = random.Next(1, 8), threads = random.Next(1, 9);
        long least = unit * random.Next(1, 10), most = least + unit * random.Next(0, 20), units = random.Next(1, 5000), times = random.Next(1, 5);
        long step = CpuSplit.EvenStep(units, unit, least, most, times, threads);
        long Longest(long s) => ((units + s - 1) / s * times + threads - 1) / threads * s;
        return step >= least && step <= most && step % unit == 0 && Longest(step) <= Longest(most);
    }
}
