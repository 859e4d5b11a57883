using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Kernels;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>Linear layers with quantised weights against the same layer in float32, kernel against kernel, in turns.</summary>
internal static class QuantizedVerb
{
    private static readonly (int M, int K, int N)[] Cases =
        [(4096, 320, 1280), (1024, 640, 2560), (256, 1280, 1280), (4096, 320, 320), (4096, 1280, 320), (1024, 2560, 640), (64, 1280, 1280), (77, 768, 1280), (8, 1280, 1280), (1, 1280, 1280)];

    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using var backend = CpuBackend.Create(options.Threads);
        Console.WriteLine($"{backend.Info.Name}; peak {Peak.GigaflopsPerCore():F0} GFLOP/s a core. Processor time; ratio = quantised / float32.");
        foreach (var (m, k, n) in Cases)
        {
            string name = $"linear:{m}x{k}->{n}";
            if (!name.Contains(options.Filter, StringComparison.Ordinal))
                continue;
            var a = Layout.Contiguous(ElementType.Float32, 1, m, k);
            var c = Layout.Contiguous(ElementType.Float32, 1, m, n);
            var bias = new Epilogue(new ElementwiseProgram(2, [new(ElementwiseOp.Add, 0, 1)]), [new Layout(ElementType.Float32, [1, m, n], [0, 0, 1])]);
            var int8 = Layout.Contiguous(ElementType.Int8, n, k);
            var int4 = Layout.Contiguous(ElementType.UInt8, n, (k + 1) / 2);
            KernelSpec[] specs =
            [
                new GemmSpec(a, new Layout(ElementType.Float32, [1, k, n], [0, 1, k]), c, ConstantB: true) { After = bias },
                new QuantizedGemmSpec(a, int8, Layout.Contiguous(ElementType.Float32, n, 1), c, 0, DynamicActivations: true) { After = bias },
                new QuantizedGemmSpec(a, int8, Layout.Contiguous(ElementType.Float32, n, 1), c) { After = bias },
                new QuantizedGemmSpec(a, int4, Layout.Contiguous(ElementType.Float16, n, (k + 63) / 64), c, 64) { After = bias },
            ];
            var runs = specs.Select(spec => new LaunchedKernel(backend, spec)).ToArray();
            var times = Race.Run(options.Quick ? 5 : 11, false, [.. runs.Select(r => (Action)r.Launch)]);
            double gigaflops = specs[0].Flops / 1e6;
            Console.WriteLine(
                $"QUANTIZED {name} float32 {times[0].Processor:F2} ms ({gigaflops / times[0].Processor:F0} GFLOP/s), "
                + string.Join(", ", specs.Skip(1).Zip(times.Skip(1), runs.Skip(1)).Select(t => $"{t.Third.Algorithm} {t.Second.Processor:F2} ms ratio {t.Second.Processor / times[0].Processor:F2}")));
            foreach (var run in runs)
                run.Dispose();
        }
        return 0;
    }
}
