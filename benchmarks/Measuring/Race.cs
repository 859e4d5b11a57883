namespace Diffusion.Benchmarks.Measuring;

/// <summary>
/// Times several ways of doing one thing, in turns: ours, theirs, ours, theirs, …, so that whatever else the machine does
/// hits all of them alike. Medians.
/// </summary>
internal static class Race
{
    // A sample shorter than this would measure the clock, and the first run after the pause.
    private const double MinimumSample = 100;

    // So long .NET may take to compile again what is called often; libraries in machine code have no such phase.
    private const double WarmUp = 400;

    // Threads of other libraries spin for a while after their last piece of work; the next way shouldn't share its cores with them.
    private const int Pause = 60;

    /// <param name="rounds">Samples of each.</param>
    /// <param name="isWarm">All of them have run before and take seconds: one run is a sample.</param>
    /// <param name="ways">The ways.</param>
    public static Clock[] Run(int rounds, bool isWarm, params Action[] ways)
    {
        var repeats = new int[ways.Length];
        var samples = new List<Clock>[ways.Length];
        for (int i = 0; i < ways.Length; i++)
        {
            samples[i] = [];
            repeats[i] = 1;
            if (isWarm)
                continue;
            var start = Clock.Now;
            double once = double.PositiveInfinity;
            do
                once = Math.Min(once, Clock.Of(ways[i]).Wall);
            while ((Clock.Now - start).Wall < WarmUp);
            repeats[i] = (int)Math.Clamp(MinimumSample / Math.Max(once, 1e-3), 1, 10000);
        }
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < ways.Length; i++)
            {
                Thread.Sleep(Pause);
                samples[i].Add(Clock.Of(() => Repeat(ways[i], repeats[i])) / repeats[i]);
            }
        }
        return [.. samples.Select(Median)];
    }

    public static Clock Median(List<Clock> samples) => new(Median(samples.Select(s => s.Wall)), Median(samples.Select(s => s.Processor)));

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static void Repeat(Action action, int times)
    {
        for (int i = 0; i < times; i++)
            action();
    }
}
