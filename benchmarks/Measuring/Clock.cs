using System.Diagnostics;

namespace Diffusion.Benchmarks.Measuring;

/// <summary>
/// A moment by two clocks, in milliseconds. Processor time leaves out what other processes did on a shared machine, but
/// counts threads that wait by spinning.
/// </summary>
internal readonly record struct Clock(double Wall, double Processor)
{
    public static Clock Now => new(Stopwatch.GetTimestamp() * 1e3 / Stopwatch.Frequency, Environment.CpuUsage.TotalTime.TotalMilliseconds);

    public static Clock operator -(Clock a, Clock b) => new(a.Wall - b.Wall, a.Processor - b.Processor);

    public static Clock operator /(Clock a, int count) => new(a.Wall / count, a.Processor / count);

    /// <summary>How long an action takes.</summary>
    public static Clock Of(Action action)
    {
        var start = Now;
        action();
        return Now - start;
    }
}
