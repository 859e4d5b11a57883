namespace Diffusion.Kernels.Cpu;

/// <summary>How work is cut into tasks.</summary>
internal static class CpuSplit
{
    /// <summary>Elements below which handing work to other threads costs more than it saves.</summary>
    private const long SmallestTask = 8192;

    /// <summary>Number of tasks for <paramref name="units"/> indivisible units of <paramref name="cost"/> element steps each.</summary>
    public static int Tasks(CpuContext context, long units, long cost)
    {
        if (context.Threads == 1 || units <= 1)
            return 1;
        double total = (double)units * Math.Max(cost, 1);
        return (int)Math.Clamp(total / SmallestTask, 1, Math.Min(units, context.Threads * 4L));
    }

    /// <summary>Where task <paramref name="task"/> of <paramref name="tasks"/> begins among <paramref name="units"/> units.</summary>
    public static long Start(long units, int tasks, int task) => (long)((Int128)units * task / tasks);
}
