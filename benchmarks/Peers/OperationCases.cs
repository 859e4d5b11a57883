using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace Diffusion.Benchmarks.Peers;

/// <summary>Single operations at the shapes of Stable Diffusion's networks, through the tensor's public operations.</summary>
internal static class OperationCases
{
    public static IEnumerable<PeerCase> All(Device device) =>
    [
        Convolution(device, 320, 64, 320, quick: true),
        Convolution(device, 640, 32, 640, quick: true),
        Convolution(device, 1280, 16, 1280, quick: true),
        Convolution(device, 1280, 8, 1280, quick: true),
        Convolution(device, 2560, 8, 1280, quick: false),
        Convolution(device, 960, 64, 320, quick: false),
        Convolution(device, 512, 64, 512, quick: false),
        Convolution(device, 256, 256, 256, quick: false),
        Convolution(device, 128, 512, 128, quick: false),
        Convolution(device, 4, 64, 320, quick: true),
        Convolution(device, 320, 64, 4, quick: true),
        Convolution(device, 320, 64, 320, quick: true, stride: 2),
        Convolution(device, 640, 32, 640, quick: false, stride: 2),
        Convolution(device, 960, 64, 320, quick: true, kernel: 1),
        Convolution(device, 1280, 16, 1280, quick: false, kernel: 1),
        Linear(device, 4096, 320, 320, quick: true),
        Linear(device, 4096, 2560, 320, quick: false),
        Linear(device, 4096, 320, 1280, quick: false),
        Linear(device, 1024, 640, 640, quick: true),
        Linear(device, 1024, 5120, 640, quick: false),
        Linear(device, 256, 1280, 1280, quick: true),
        Linear(device, 256, 10240, 1280, quick: false),
        Linear(device, 64, 1280, 1280, quick: true),
        Linear(device, 77, 1280, 768, quick: true),
        Linear(device, 77, 768, 3072, quick: false),
        Linear(device, 1, 1280, 1280, quick: true),
        Attention(device, 4096, 4096, 8, 40, quick: true),
        Attention(device, 1024, 1024, 8, 80, quick: true),
        Attention(device, 256, 256, 8, 160, quick: true),
        Attention(device, 64, 64, 8, 160, quick: true),
        Attention(device, 4096, 77, 8, 40, quick: true),
        Attention(device, 1024, 77, 8, 80, quick: false),
        Attention(device, 4096, 4096, 1, 512, quick: false),
        GroupNormSilu(device, 320, 64, quick: true),
        GroupNormSilu(device, 1280, 16, quick: true),
        GroupNormSilu(device, 128, 512, quick: false),
        LayerNorm(device, 4096, 320, quick: true),
        LayerNorm(device, 256, 1280, quick: false),
        Gated(device, 4096, 320, quick: true),
        Gated(device, 256, 1280, quick: false),
    ];

    private static PeerCase Convolution(Device device, int inputs, int size, int outputs, bool quick, int kernel = 3, int stride = 1)
    {
        int edge = (size + stride - 1) / stride;
        string name = $"conv{kernel}x{kernel}{(stride > 1 ? $"/{stride}" : "")}:{inputs}->{outputs}@{size}";
        return new PeerCase(name, 2.0 * inputs * outputs * kernel * kernel * edge * edge / 1e9, quick, () =>
        {
            RandomArray image = RandomArray.Uniform(1, 1, 1, size, size, inputs), weight = RandomArray.Weight("w", [outputs, inputs, kernel, kernel]), bias = RandomArray.Uniform(3, 1, outputs);
            // Activations lie channels-last inside a network, here and in libtorch's faster layout.
            Tensor x = image.Input(device).Permute(0, 3, 1, 2), w = weight.Constant(device), b = bias.Constant(device);
            var (tx, tw, tb) = (Torch.Of(image).permute(0, 3, 1, 2), Torch.Of(weight), Torch.Of(bias));
            var (plainX, lastW) = (tx.contiguous(), Torch.ChannelsLast(tw));
            torch.Tensor Torches(torch.Tensor ix, torch.Tensor iw) => F.conv2d(ix, iw, tb, strides: [stride, stride], padding: [kernel / 2, kernel / 2]);
            return Run(() => x.Conv2d(w, b, stride, kernel / 2), [() => Torches(tx, lastW), () => Torches(plainX, tw)], x, w, b, tx, tw, tb, plainX, lastW);
        });
    }

    private static PeerCase Linear(Device device, int rows, int outputs, int inputs, bool quick) =>
        new($"linear:{rows}x{inputs}->{outputs}", 2.0 * rows * inputs * outputs / 1e9, quick, () =>
        {
            RandomArray values = RandomArray.Uniform(1, 1, rows, inputs), weight = RandomArray.Weight("w", [outputs, inputs]), bias = RandomArray.Uniform(3, 1, outputs);
            Tensor x = values.Input(device), w = weight.Constant(device), b = bias.Constant(device);
            var (tx, tw, tb) = (Torch.Of(values), Torch.Of(weight), Torch.Of(bias));
            return Run(() => x.Linear(w, b), [() => F.linear(tx, tw, tb)], x, w, b, tx, tw, tb);
        });

    private static PeerCase Attention(Device device, int queries, int keys, int heads, int size, bool quick) =>
        new($"attention:{queries}x{keys},{heads}x{size}", 4.0 * queries * keys * heads * size / 1e9, quick, () =>
        {
            RandomArray q = RandomArray.Uniform(1, 1.7f, 1, queries, heads, size), k = RandomArray.Uniform(2, 1.7f, 1, keys, heads, size), v = RandomArray.Uniform(3, 1.7f, 1, keys, heads, size);
            Tensor Heads(RandomArray a) => a.Input(device).Permute(0, 2, 1, 3);
            torch.Tensor TorchHeads(RandomArray a) => Torch.Of(a).transpose(1, 2);
            Tensor x = Heads(q), y = Heads(k), z = Heads(v);
            var (tx, ty, tz) = (TorchHeads(q), TorchHeads(k), TorchHeads(v));
            return Run(() => Tensor.Attention(x, y, z), [() => F.scaled_dot_product_attention(tx, ty, tz)], x, y, z, tx, ty, tz);
        });

    private static PeerCase GroupNormSilu(Device device, int channels, int size, bool quick) =>
        new($"groupnorm+silu:{channels}@{size}", 0, quick, () =>
        {
            RandomArray image = RandomArray.Uniform(1, 1, 1, size, size, channels), gain = RandomArray.Uniform(2, 1, channels), bias = RandomArray.Uniform(3, 1, channels);
            Tensor x = image.Input(device).Permute(0, 3, 1, 2), w = gain.Constant(device), b = bias.Constant(device);
            var (tx, tw, tb) = (Torch.Of(image).permute(0, 3, 1, 2), Torch.Of(gain), Torch.Of(bias));
            var plain = tx.contiguous();
            return Run(() => x.GroupNorm(32, w, b).Silu(), [() => F.silu(F.group_norm(tx, 32, tw, tb, 1e-5)), () => F.silu(F.group_norm(plain, 32, tw, tb, 1e-5))], x, w, b, tx, tw, tb, plain);
        });

    private static PeerCase LayerNorm(Device device, int rows, int columns, bool quick) =>
        new($"layernorm:{rows}x{columns}", 0, quick, () =>
        {
            RandomArray values = RandomArray.Uniform(1, 1, rows, columns), gain = RandomArray.Uniform(2, 1, columns), bias = RandomArray.Uniform(3, 1, columns);
            Tensor x = values.Input(device), w = gain.Constant(device), b = bias.Constant(device);
            var (tx, tw, tb) = (Torch.Of(values), Torch.Of(gain), Torch.Of(bias));
            return Run(() => x.LayerNorm(w, b), [() => F.layer_norm(tx, [columns], tw, tb, 1e-5)], x, w, b, tx, tw, tb);
        });

    // The first half of a transformer's feed-forward network: linear, then values times gelu of gates.
    private static PeerCase Gated(Device device, int rows, int columns, bool quick) =>
        new($"geglu:{rows}x{columns}->{4 * columns}", 16.0 * rows * columns * columns / 1e9, quick, () =>
        {
            RandomArray values = RandomArray.Uniform(1, 1, rows, columns), weight = RandomArray.Weight("w", [8 * columns, columns]), bias = RandomArray.Uniform(3, 1, 8 * columns);
            Tensor x = values.Input(device), w = weight.Constant(device), b = bias.Constant(device);
            var (tx, tw, tb) = (Torch.Of(values), Torch.Of(weight), Torch.Of(bias));
            Tensor Ours()
            {
                var parts = x.Linear(w, b).Chunk(2, -1);
                return parts[0] * parts[1].Gelu();
            }
            torch.Tensor Theirs()
            {
                var parts = F.linear(tx, tw, tb).chunk(2, -1);
                return parts[0] * F.gelu(parts[1]);
            }
            return Run(Ours, [Theirs], x, w, b, tx, tw, tb);
        });

    private static PeerRun Run(Func<Tensor> ours, Func<torch.Tensor>[] theirs, params IDisposable[] inputs) => new(
        () =>
        {
            using var y = ours();
            y.Realize();
        },
        [.. theirs.Select(their => new Action(() =>
        {
            using var scope = torch.NewDisposeScope();
            their();
        }))],
        () =>
        {
            using var scope = torch.NewDisposeScope();
            using var y = ours();
            return (y.ToArray(), Torch.Read(theirs[0]()));
        },
        () =>
        {
            foreach (var input in inputs)
                input.Dispose();
        });
}
