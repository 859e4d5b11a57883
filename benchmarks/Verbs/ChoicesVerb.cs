using System.Globalization;
using Diffusion.Benchmarks.Measuring;
using Diffusion.Kernels;
using Diffusion.Kernels.Cpu;

namespace Diffusion.Benchmarks.Verbs;

/// <summary>The cost model of convolutions beside what the machine takes: each algorithm at each shape of Stable Diffusion's networks, on one core.</summary>
internal static class ChoicesVerb
{
    private static readonly (int Samples, int Inputs, int Size, int Outputs, int Stride, bool Quick)[] Cases =
    [
        (1, 320, 64, 320, 1, true), (1, 640, 64, 320, 1, false), (1, 640, 32, 640, 1, true), (1, 1280, 32, 1280, 1, false), (1, 1280, 16, 1280, 1, true),
        (1, 2560, 16, 1280, 1, false), (2, 1280, 16, 1280, 1, false), (1, 1280, 8, 1280, 1, true), (2, 1280, 8, 1280, 1, false), (1, 512, 64, 512, 1, false),
        (1, 64, 16, 64, 1, true), (1, 128, 8, 128, 1, true),
        (1, 320, 64, 320, 2, true), (1, 640, 32, 640, 2, true), (1, 1280, 16, 1280, 2, true), (1, 128, 512, 128, 2, false), (1, 64, 16, 64, 2, true),
    ];

    public static int Run(BenchmarkOptions options)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        using var usual = CpuBackend.Create(1);
        Console.WriteLine("CHOICE shape algorithm predicted_ms measured_ms measured/predicted packed_MB; * is chosen, ! would have been faster by more than a tenth");
        foreach (var (samples, inputs, size, outputs, stride, quick) in Cases)
        {
            string name = $"{samples}x{inputs}->{outputs}@{size}{(stride > 1 ? $"/{stride}" : "")}";
            if ((options.Quick && !quick) || !name.Contains(options.Filter, StringComparison.Ordinal))
                continue;
            var spec = Spec(samples, inputs, size, outputs, stride);
            string chosen = usual.Prepare(spec).Algorithm;
            var rows = ConvolutionChoice.Costs(spec).Select(cost => Measure(spec, cost, options.Quick)).ToArray();
            double taken = rows.First(row => row.Algorithm == chosen).Milliseconds;
            foreach (var (cost, algorithm, milliseconds) in rows)
            {
                // What costs memory must be worth it; the model's price decides that, so only ways that take no more are compared.
                bool better = milliseconds < 0.9 * taken && cost.Bytes <= rows.First(row => row.Algorithm == chosen).Cost.Bytes;
                Console.WriteLine(
                    $"CHOICE {name} {algorithm}{(algorithm == chosen ? "*" : better ? "!" : "")} {cost.Seconds * 1e3:F2} {milliseconds:F2} {milliseconds / cost.Seconds / 1e3:F2} {cost.Bytes / 1e6:F1}");
            }
        }
        return 0;
    }

    private static ConvolutionSpec Spec(int samples, int inputs, int size, int outputs, int stride) => new(
        Layout.Contiguous(ElementType.Float32, samples, size, size, inputs), Layout.Contiguous(ElementType.Float32, outputs, inputs, 3, 3),
        Layout.Contiguous(ElementType.Float32, samples, size / stride, size / stride, outputs))
    {
        Stride = (stride, stride),
        Padding = (1, 1, 1, 1),
        ConstantW = true,
    };

    private static (ConvolutionCost Cost, string Algorithm, double Milliseconds) Measure(ConvolutionSpec spec, ConvolutionCost cost, bool quick)
    {
        using var backend = CpuBackend.Create(new CpuOptions { Threads = 1 }, cost.Algorithm);
        var kernel = backend.Prepare(spec);
        var slices = spec.Operands.Select(operand => new BufferSlice(Filled(backend, operand.Span), 0)).ToArray();
        using var packed = backend.Allocate(kernel.Packings[0].Bytes);
        using var workspace = backend.Allocate(Math.Max(1, kernel.WorkspaceBytes));
        kernel.Packings[0].Pack(slices[1], new BufferSlice(packed, 0));
        var weights = slices[1].Buffer;
        slices[1] = new BufferSlice(packed, 0);
        var time = Race.Run(quick ? 5 : 9, false, () => kernel.Launch(new KernelArguments { Operands = slices, Workspace = new BufferSlice(workspace, 0) }))[0];
        weights.Dispose();
        slices[0].Buffer.Dispose();
        slices[2].Buffer.Dispose();
        return (cost, kernel.Algorithm, time.Processor);
    }

    private static unsafe DeviceBuffer Filled(CpuBackend backend, long count)
    {
        var buffer = backend.Allocate(count * sizeof(float));
        var random = new Random(1);
        var values = new Span<float>((void*)buffer.Address, (int)count);
        foreach (ref float value in values)
            value = random.NextSingle() - 0.5f;
        return buffer;
    }
}
