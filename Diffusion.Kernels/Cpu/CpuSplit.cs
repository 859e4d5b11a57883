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

    /// <summary>
    /// How many units a task takes so that the thread with most to do has as little as possible: a multiple of
    /// <paramref name="unit"/> from <paramref name="least"/> to <paramref name="most"/>, the largest of those that are about as good.
    /// </summary>
    /// <param name="units">Units in all.</param>
    /// <param name="unit">Units that go together.</param>
    /// <param name="least">The fewest; a multiple of <paramref name="unit"/>.</param>
    /// <param name="most">The most; a multiple of <paramref name="unit"/>.</param>
    /// <param name="times">How many times these tasks are to be done, each time for other data.</param>
    /// <param name="threads">Threads that share the tasks.</param>
    public static long EvenStep(long units, int unit, long least, long most, long times, int threads)
    {
        // Less than this share isn't worth smaller tasks.
        const double gain = 0.98;
        long best = most;
        double shortest = double.PositiveInfinity;
        for (long step = most; step >= least && step > 0; step -= unit)
        {
            double longest = (double)(((units + step - 1) / step * times + threads - 1) / threads) * step;
            if (longest < shortest * gain)
                (best, shortest) = (step, longest);
        }
        return best;
    }

    /// <summary>Where task <paramref name="task"/> of <paramref name="tasks"/> begins among <paramref name="units"/> units.</summary>
    public static long Start(long units, int tasks, int task) => (long)((Int128)units * task / tasks);
}
