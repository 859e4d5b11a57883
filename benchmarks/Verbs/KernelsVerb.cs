using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Diffusion.Benchmarks.Kernels;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>Single kernels under BenchmarkDotNet, in this process: nothing is built for a benchmark.</summary>
internal static class KernelsVerb
{
    public static int Run(string[] args)
    {
        var config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
            .AddColumn(ShareColumn.OfPeak, ShareColumn.OfBandwidth);
        var summaries = BenchmarkSwitcher.FromAssembly(typeof(KernelsVerb).Assembly).Run(args, config);
        return summaries.Any(s => s.HasCriticalValidationErrors) ? 1 : 0;
    }
}
