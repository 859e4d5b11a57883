using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;
using Diffusion.Kernels;

namespace Diffusion.Benchmarks.Builds;

/// <summary>
/// Single operations at the shapes of Stable Diffusion's networks. Two builds of the library run this class, each a copy of its own, so
/// that nothing but types of .NET may leave it.
/// </summary>
internal static class BuildCases
{
    /// <summary>The cases whose names contain a text; each action computes its result anew.</summary>
    public static (string Name, Action Run)[] Make(int threads, string filter)
    {
        var device = new Device(CpuBackend.Create(threads));
        return [.. All.Where(c => c.Name.Contains(filter, StringComparison.Ordinal)).Select(c => (c.Name, Realize(c.Make(device))))];
    }

    private static IEnumerable<(string Name, Func<Device, Func<Tensor>> Make)> All { get; } =
    [
        Convolution(320, 64, 320),
        Convolution(640, 32, 640),
        Convolution(1280, 16, 1280),
        Convolution(1280, 8, 1280),
        Convolution(4, 64, 320),
        Convolution(320, 64, 4),
        Convolution(320, 64, 320, stride: 2),
        Convolution(960, 64, 320, kernel: 1),
        Linear(4096, 320, 320),
        Linear(4096, 1280, 320),
        Linear(1024, 640, 640),
        Linear(256, 1280, 1280),
        Linear(64, 1280, 1280),
        Linear(77, 768, 1280),
        Linear(1, 1280, 1280),
        QuantizedLinear(4096, 320, 1280, Quantization.Int8Activations),
        QuantizedLinear(256, 1280, 1280, Quantization.Int8Activations),
        QuantizedLinear(256, 1280, 1280, Quantization.Int8),
        QuantizedLinear(1, 1280, 1280, Quantization.Int8Activations),
        Attention(4096, 4096, 8, 40),
        Attention(1024, 1024, 8, 80),
        Attention(256, 256, 8, 160),
        Attention(64, 64, 8, 160),
        Attention(4096, 77, 8, 40),
        GroupNormSilu(320, 64),
        GroupNormSilu(1280, 16),
        LayerNorm(4096, 320),
        Gated(4096, 320),
        Gated(256, 1280),
    ];

    private static Action Realize(Func<Tensor> make) => () =>
    {
        using var y = make();
        y.Realize();
    };

    private static (string, Func<Device, Func<Tensor>>) Convolution(int inputs, int size, int outputs, int kernel = 3, int stride = 1) =>
        ($"conv{kernel}x{kernel}{(stride > 1 ? $"/{stride}" : "")}:{inputs}->{outputs}@{size}", device =>
        {
            var x = RandomArray.Uniform(1, 1, 1, size, size, inputs).Input(device).Permute(0, 3, 1, 2);
            var (w, b) = (RandomArray.Weight("w", [outputs, inputs, kernel, kernel]).Constant(device), RandomArray.Uniform(3, 1, outputs).Constant(device));
            return () => x.Conv2d(w, b, stride, kernel / 2);
        }
    );

    private static (string, Func<Device, Func<Tensor>>) Linear(int rows, int inputs, int outputs) => ($"linear:{rows}x{inputs}->{outputs}", device =>
    {
        var x = RandomArray.Uniform(1, 1, rows, inputs).Input(device);
        var (w, b) = (RandomArray.Weight("w", [outputs, inputs]).Constant(device), RandomArray.Uniform(3, 1, outputs).Constant(device));
        return () => x.Linear(w, b);
    }
    );

    private static (string, Func<Device, Func<Tensor>>) QuantizedLinear(int rows, int inputs, int outputs, Quantization quantization) =>
        ($"linear-{(quantization == Quantization.Int8Activations ? "int8" : "int8-weights")}:{rows}x{inputs}->{outputs}", device =>
        {
            using var whole = RandomArray.Weight("w", [outputs, inputs]).Constant(device);
            var matrix = QuantizedMatrix.Quantize(whole, quantization);
            var (x, b) = (RandomArray.Uniform(1, 1, rows, inputs).Input(device), RandomArray.Uniform(3, 1, outputs).Constant(device));
            return () => x.Linear(matrix, b);
        }
    );

    private static (string, Func<Device, Func<Tensor>>) Attention(int queries, int keys, int heads, int size) => ($"attention:{queries}x{keys},{heads}x{size}", device =>
    {
        Tensor Tokens(uint seed, int length) => RandomArray.Uniform(seed, 1.7f, 1, length, heads, size).Input(device).Permute(0, 2, 1, 3);
        var (q, k, v) = (Tokens(1, queries), Tokens(2, keys), Tokens(3, keys));
        return () => Tensor.Attention(q, k, v);
    }
    );

    private static (string, Func<Device, Func<Tensor>>) GroupNormSilu(int channels, int size) => ($"groupnorm+silu:{channels}@{size}", device =>
    {
        var x = RandomArray.Uniform(1, 1, 1, size, size, channels).Input(device).Permute(0, 3, 1, 2);
        var (w, b) = (RandomArray.Uniform(2, 1, channels).Constant(device), RandomArray.Uniform(3, 1, channels).Constant(device));
        return () => x.GroupNorm(32, w, b).Silu();
    }
    );

    private static (string, Func<Device, Func<Tensor>>) LayerNorm(int rows, int columns) => ($"layernorm:{rows}x{columns}", device =>
    {
        var x = RandomArray.Uniform(1, 1, rows, columns).Input(device);
        var (w, b) = (RandomArray.Uniform(2, 1, columns).Constant(device), RandomArray.Uniform(3, 1, columns).Constant(device));
        return () => x.LayerNorm(w, b);
    }
    );

    private static (string, Func<Device, Func<Tensor>>) Gated(int rows, int columns) => ($"geglu:{rows}x{columns}->{4 * columns}", device =>
    {
        var x = RandomArray.Uniform(1, 1, rows, columns).Input(device);
        var (w, b) = (RandomArray.Weight("w", [8 * columns, columns]).Constant(device), RandomArray.Uniform(3, 1, 8 * columns).Constant(device));
        return () =>
        {
            var parts = x.Linear(w, b).Chunk(2, -1);
            return parts[0] * parts[1].Gelu();
        };
    }
    );
}
