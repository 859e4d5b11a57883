using Diffusion.Benchmarks.Networks;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace Diffusion.Benchmarks.Peers;

/// <summary>Single operations at the shapes of Stable Diffusion's networks, through the tensor's public operations.</summary>
internal static class OperationCases
{
    public static IEnumerable<PeerCase> All { get; } =
    [
        Convolution(320, 64, 320, quick: true),
        Convolution(640, 32, 640, quick: true),
        Convolution(1280, 16, 1280, quick: true),
        Convolution(1280, 8, 1280, quick: true),
        Convolution(2560, 8, 1280, quick: false),
        Convolution(960, 64, 320, quick: false),
        Convolution(512, 64, 512, quick: false),
        Convolution(256, 256, 256, quick: false),
        Convolution(128, 512, 128, quick: false),
        Convolution(4, 64, 320, quick: true),
        Convolution(320, 64, 4, quick: true),
        Convolution(320, 64, 320, quick: true, stride: 2),
        Convolution(640, 32, 640, quick: false, stride: 2),
        Convolution(960, 64, 320, quick: true, kernel: 1),
        Convolution(1280, 16, 1280, quick: false, kernel: 1),
        Linear(4096, 320, 320, quick: true),
        Linear(4096, 2560, 320, quick: false),
        Linear(4096, 320, 1280, quick: false),
        Linear(1024, 640, 640, quick: true),
        Linear(1024, 5120, 640, quick: false),
        Linear(256, 1280, 1280, quick: true),
        Linear(256, 10240, 1280, quick: false),
        Linear(64, 1280, 1280, quick: true),
        Linear(77, 1280, 768, quick: true),
        Linear(77, 768, 3072, quick: false),
        Linear(1, 1280, 1280, quick: true),
        QuantizedLinear(4096, 1280, 320, quick: true),
        QuantizedLinear(1024, 2560, 640, quick: true),
        QuantizedLinear(256, 1280, 1280, quick: true),
        Attention(4096, 4096, 8, 40, quick: true),
        Attention(1024, 1024, 8, 80, quick: true),
        Attention(256, 256, 8, 160, quick: true),
        Attention(64, 64, 8, 160, quick: true),
        Attention(4096, 77, 8, 40, quick: true),
        Attention(1024, 77, 8, 80, quick: false),
        Attention(4096, 4096, 1, 512, quick: false),
        GroupNormSilu(320, 64, quick: true),
        GroupNormSilu(1280, 16, quick: true),
        GroupNormSilu(128, 512, quick: false),
        LayerNorm(4096, 320, quick: true),
        LayerNorm(256, 1280, quick: false),
        Gated(4096, 320, quick: true),
        Gated(256, 1280, quick: false),
    ];

    private static PeerCase Convolution(int inputs, int size, int outputs, bool quick, int kernel = 3, int stride = 1)
    {
        int edge = (size + stride - 1) / stride;
        string name = $"conv{kernel}x{kernel}{(stride > 1 ? $"/{stride}" : "")}:{inputs}->{outputs}@{size}";
        return new PeerCase(name, 2.0 * inputs * outputs * kernel * kernel * edge * edge / 1e9, quick, device =>
        {
            RandomArray image = RandomArray.Uniform(1, 1, 1, size, size, inputs), weight = RandomArray.Weight("w", [outputs, inputs, kernel, kernel]), bias = RandomArray.Uniform(3, 1, outputs);
            // Activations lie channels-last inside a network, here and in libtorch's faster layout.
            Tensor x = image.Input(device).Permute(0, 3, 1, 2), w = weight.Constant(device), b = bias.Constant(device);
            var (tx, tw, tb) = (Torch.Of(image).permute(0, 3, 1, 2), Torch.Of(weight), Torch.Of(bias));
            var (plainX, lastW) = (tx.contiguous(), Torch.ChannelsLast(tw));
            torch.Tensor Torches(torch.Tensor ix, torch.Tensor iw) => F.conv2d(ix, iw, tb, strides: [stride, stride], padding: [kernel / 2, kernel / 2]);
            var onnx = Onnx.Convolution(image, weight, bias, stride);
            return Run(() => x.Conv2d(w, b, stride, kernel / 2), [() => Torches(tx, lastW), () => Torches(plainX, tw)], onnx, x, w, b, tx, tw, tb, plainX, lastW);
        });
    }

    private static PeerCase Linear(int rows, int outputs, int inputs, bool quick) =>
        new($"linear:{rows}x{inputs}->{outputs}", 2.0 * rows * inputs * outputs / 1e9, quick, device =>
        {
            RandomArray values = RandomArray.Uniform(1, 1, rows, inputs), weight = RandomArray.Weight("w", [outputs, inputs]), bias = RandomArray.Uniform(3, 1, outputs);
            Tensor x = values.Input(device), w = weight.Constant(device), b = bias.Constant(device);
            var (tx, tw, tb) = (Torch.Of(values), Torch.Of(weight), Torch.Of(bias));
            return Run(() => x.Linear(w, b), [() => F.linear(tx, tw, tb)], Onnx.Linear(values, weight, bias), x, w, b, tx, tw, tb);
        });

    // Ours with integers on both sides; libtorch's layer is float32 (its binding has no quantised one), ONNX Runtime's rounds dynamically too.
    private static PeerCase QuantizedLinear(int rows, int outputs, int inputs, bool quick) =>
        new($"linear-int8:{rows}x{inputs}->{outputs}", 2.0 * rows * inputs * outputs / 1e9, quick, device =>
        {
            RandomArray values = RandomArray.Uniform(1, 1, rows, inputs), weight = RandomArray.Weight("w", [outputs, inputs]), bias = RandomArray.Uniform(3, 1, outputs);
            using var whole = weight.Constant(device);
            var matrix = QuantizedMatrix.Quantize(whole, Quantization.Int8Activations);
            Tensor x = values.Input(device), b = bias.Constant(device);
            var (tx, tw, tb) = (Torch.Of(values), Torch.Of(weight), Torch.Of(bias));
            var run = Run(() => x.Linear(matrix, b), [() => F.linear(tx, tw, tb)], Onnx.QuantizedLinear(values, weight, bias), x, matrix.Integers, matrix.Scales, b, tx, tw, tb);
            // Integers against float32 don't belong into the mean of like against like.
            return run with { Peers = [run.Peers[0] with { Name = "libtorch-float32" }, run.Peers[1]] };
        })
        { Agreement = 2e-2 };

    private static PeerCase Attention(int queries, int keys, int heads, int size, bool quick) =>
        new($"attention:{queries}x{keys},{heads}x{size}", 4.0 * queries * keys * heads * size / 1e9, quick, device =>
        {
            RandomArray q = RandomArray.Uniform(1, 1.7f, 1, queries, heads, size), k = RandomArray.Uniform(2, 1.7f, 1, keys, heads, size), v = RandomArray.Uniform(3, 1.7f, 1, keys, heads, size);
            Tensor Heads(RandomArray a) => a.Input(device).Permute(0, 2, 1, 3);
            torch.Tensor TorchHeads(RandomArray a) => Torch.Of(a).transpose(1, 2);
            Tensor x = Heads(q), y = Heads(k), z = Heads(v);
            var (tx, ty, tz) = (TorchHeads(q), TorchHeads(k), TorchHeads(v));
            // Heads that lie densely are what ONNX Runtime is fastest on; a network has tokens, as we and libtorch are given them.
            Onnx[] dense = Onnx.Attention(q, k, v), tokens = Onnx.AttentionOfTokens(q, k, v);
            float[] FromTokens() => [.. Onnx.HeadsFirst(q with { Values = tokens[0].Result() }).Values];
            return Run(
                () => Tensor.Attention(x, y, z), [() => F.scaled_dot_product_attention(tx, ty, tz)],
                [Onnx.Peer("onnxruntime", dense, dense[0].Result), Onnx.Peer("onnxruntime-tokens", tokens, FromTokens)], [x, y, z, tx, ty, tz, .. dense, .. tokens]);
        });

    private static PeerCase GroupNormSilu(int channels, int size, bool quick) =>
        new($"groupnorm+silu:{channels}@{size}", 0, quick, device =>
        {
            RandomArray image = RandomArray.Uniform(1, 1, 1, size, size, channels), gain = RandomArray.Uniform(2, 1, channels), bias = RandomArray.Uniform(3, 1, channels);
            Tensor x = image.Input(device).Permute(0, 3, 1, 2), w = gain.Constant(device), b = bias.Constant(device);
            var (tx, tw, tb) = (Torch.Of(image).permute(0, 3, 1, 2), Torch.Of(gain), Torch.Of(bias));
            var plain = tx.contiguous();
            return Run(() => x.GroupNorm(32, w, b).Silu(), [() => F.silu(F.group_norm(tx, 32, tw, tb, 1e-5)), () => F.silu(F.group_norm(plain, 32, tw, tb, 1e-5))], [], [x, w, b, tx, tw, tb, plain]);
        });

    private static PeerCase LayerNorm(int rows, int columns, bool quick) =>
        new($"layernorm:{rows}x{columns}", 0, quick, device =>
        {
            RandomArray values = RandomArray.Uniform(1, 1, rows, columns), gain = RandomArray.Uniform(2, 1, columns), bias = RandomArray.Uniform(3, 1, columns);
            Tensor x = values.Input(device), w = gain.Constant(device), b = bias.Constant(device);
            var (tx, tw, tb) = (Torch.Of(values), Torch.Of(gain), Torch.Of(bias));
            return Run(() => x.LayerNorm(w, b), [() => F.layer_norm(tx, [columns], tw, tb, 1e-5)], [], [x, w, b, tx, tw, tb]);
        });

    // The first half of a transformer's feed-forward network: linear, then values times gelu of gates.
    private static PeerCase Gated(int rows, int columns, bool quick) =>
        new($"geglu:{rows}x{columns}->{4 * columns}", 16.0 * rows * columns * columns / 1e9, quick, device =>
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
            return Run(Ours, [Theirs], [], [x, w, b, tx, tw, tb]);
        });

    private static PeerRun Run(Func<Tensor> ours, Func<torch.Tensor>[] theirs, Onnx onnx, params IDisposable[] inputs) =>
        Run(ours, theirs, [Onnx.Peer("onnxruntime", [onnx], onnx.Result)], [.. inputs, onnx]);

    private static PeerRun Run(Func<Tensor> ours, Func<torch.Tensor>[] theirs, Peer[] others, IDisposable[] inputs) => new(
        () =>
        {
            using var y = ours();
            y.Realize();
        },
        () =>
        {
            using var y = ours();
            return y.ToArray();
        },
        [Torch.Peer(theirs), .. others],
        () =>
        {
            foreach (var input in inputs)
                input.Dispose();
        });
}
