using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Kernels;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>The large kernels of diffusion models on a GPU (or an OpenCL device that stands for one): wall time and arithmetic a second.</summary>
internal static class DeviceVerb
{
    public static int Run(string name, BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        string[] parts = name.Split(':');
        using var backend = GpuBackend.Open(parts[0], parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0);
        Console.WriteLine($"{backend.Info.Kind}: {backend.Info.Name}, {backend.Info.ComputeUnits} units, {backend.Info.MemoryBytes >> 20} MiB. Wall time, waiting for the device after each run.");
        foreach (var (title, spec) in Cases().Where(c => c.Name.Contains(options.Filter, StringComparison.Ordinal)))
        {
            using var kernel = new LaunchedKernel(backend, spec);
            backend.Synchronize();
            void Once()
            {
                kernel.Launch();
                backend.Synchronize();
            }
            double first = Clock.Of(Once).Wall, time = Race.Run(options.Quick ? 3 : 7, false, Once)[0].Wall;
            Console.WriteLine($"DEVICE {title} {kernel.Algorithm} {time:F2} ms, {spec.Flops / time / 1e6:F1} GFLOP/s by the plain definition; first run {first:F0} ms");
        }
        Console.WriteLine($"{backend.CompiledKernels} kernels compiled");
        return 0;
    }

    private static IEnumerable<(string Name, KernelSpec Spec)> Cases()
    {
        foreach (var type in new[] { ElementType.Float32, ElementType.Float16 })
        {
            foreach (var (m, k, n) in new[] { (1024, 1024, 1024), (4096, 320, 320), (4096, 320, 1280), (256, 1280, 1280) })
                yield return ($"linear:{m}x{k}->{n}:{type}", Linear(m, k, n, type));
            foreach (var (size, inputs, outputs) in new[] { (64, 320, 320), (32, 640, 640), (16, 1280, 1280), (8, 1280, 1280) })
            {
                yield return ($"conv3x3:{inputs}->{outputs}@{size}:{type}", Convolution(size, inputs, outputs, type, false));
                yield return ($"conv3x3-exact:{inputs}->{outputs}@{size}:{type}", Convolution(size, inputs, outputs, type, true));
            }
            foreach (var (queries, keys, heads, width) in new[] { (4096, 4096, 8, 40), (1024, 1024, 8, 80), (4096, 77, 8, 40) })
                yield return ($"attention:{queries}x{keys},{heads}x{width}:{type}", Attention(queries, keys, heads, width, type));
            var pixels = Layout.Contiguous(type, 1, 4096, 320);
            yield return ($"groupnorm:320@64:{type}", new GroupNormSpec(pixels, pixels, 32, 1e-5));
        }
    }

    private static GemmSpec Linear(int m, int k, int n, ElementType type) => new(
        Layout.Contiguous(type, 1, m, k), new Layout(type, [1, k, n], [0, 1, k]), Layout.Contiguous(type, 1, m, n), ConstantB: true)
    {
        After = new Epilogue(new ElementwiseProgram(2, [new(ElementwiseOp.Add, 0, 1)]), [new Layout(type, [1, m, n], [0, 0, 1])]),
    };

    private static ConvolutionSpec Convolution(int size, int inputs, int outputs, ElementType type, bool exact) => new(
        Layout.Contiguous(type, 1, size, size, inputs), Layout.Contiguous(type, outputs, inputs, 3, 3), Layout.Contiguous(type, 1, size, size, outputs))
    {
        Padding = (1, 1, 1, 1),
        ConstantW = true,
        Exact = exact,
    };

    private static AttentionSpec Attention(int queries, int keys, int heads, int width, ElementType type)
    {
        Layout Tokens(int count) => new(type, [1, heads, count, width], [0, width, (long)heads * width, 1]);
        return new AttentionSpec(Tokens(queries), Tokens(keys), Tokens(keys), Tokens(queries), 1 / Math.Sqrt(width));
    }
}
