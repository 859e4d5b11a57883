using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Kernels;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>What the first use of a convolution's weights costs beyond a later one: transforming and repacking them.</summary>
internal static class PackingVerb
{
    private static readonly (int Inputs, int Size, int Outputs)[] Cases = [(1280, 4, 1280), (1280, 16, 1280), (640, 32, 640), (320, 64, 320)];

    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using var device = new Device(CpuBackend.Create(options.Threads));
        foreach (var (inputs, size, outputs) in Cases)
        {
            string name = $"conv3x3:{inputs}->{outputs}@{size}";
            if (!name.Contains(options.Filter, StringComparison.Ordinal))
                continue;
            var values = RandomArray.Weight("w", [outputs, inputs, 3, 3]);
            using var x = RandomArray.Uniform(1, 1, 1, size, size, inputs).Input(device).Permute(0, 3, 1, 2).Realize();
            using var known = values.Constant(device);
            void Compute(Tensor weight)
            {
                using var y = x.Conv2d(weight, null, 1, 1);
                y.Realize();
            }
            Compute(known);
            var times = Race.Run(options.Quick ? 3 : 7, true,
                () =>
                {
                    using var fresh = values.Constant(device);
                    Compute(fresh);
                },
                () => Compute(known));
            double extra = times[0].Processor - times[1].Processor;
            Console.WriteLine($"PACKING {name} {extra:F1} ms of processor time, {(double)values.Values.Count * sizeof(float) / extra / 1e6:F2} GB/s of weights; later uses {times[1].Processor:F1} ms");
        }
        return 0;
    }
}
