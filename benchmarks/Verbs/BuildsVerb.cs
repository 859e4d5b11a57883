using System.Globalization;
using Diffusion.Benchmarks.Builds;
using Diffusion.Benchmarks.Measuring;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>
/// Two builds of the library in one process, in turns: tells what a change does where two processes one after the other differ by more than it.
/// The same build twice shows how much of a difference is none.
/// </summary>
internal static class BuildsVerb
{
    public static int Run(string folder, BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        folder = Path.GetFullPath(folder);
        if (!File.Exists(Path.Combine(folder, "Diffusion.Kernels.dll")) || !File.Exists(Path.Combine(folder, "Diffusion.Core.dll")))
            throw new ArgumentException($"benchmarks builds: {folder} holds no Diffusion.Kernels.dll and Diffusion.Core.dll; name the output folder of a release build.");
        var theirs = new BuildContext(folder).Make(options.Threads, options.Filter);
        var ours = BuildCases.Make(options.Threads, options.Filter);
        Console.WriteLine($"BUILD name ours_ms theirs_ms ratio (wall time, medians), processor time's ratio; theirs: {folder}");
        double wall = 0, processor = 0;
        for (int i = 0; i < ours.Length; i++)
        {
            var times = Race.Run(options.Quick ? 15 : 41, isWarm: false, ours[i].Run, theirs[i].Run);
            double ratio = times[0].Wall / times[1].Wall, cpu = times[0].Processor / times[1].Processor;
            Console.WriteLine($"BUILD {ours[i].Name} {times[0].Wall:F3} {times[1].Wall:F3} {ratio:F3}, {cpu:F3}");
            (wall, processor) = (wall + Math.Log(ratio), processor + Math.Log(cpu));
        }
        if (ours.Length > 0)
            Console.WriteLine($"GEOMEAN {Math.Exp(wall / ours.Length):F3} over {ours.Length} cases (processor time {Math.Exp(processor / ours.Length):F3})");
        return 0;
    }
}
