using System.Runtime.InteropServices;
using Diffusion.Benchmarks.Networks;
using Microsoft.ML.OnnxRuntime;

namespace Diffusion.Benchmarks.Peers;

/// <summary>ONNX Runtime's processor backend on small models, all optimisations on, results into memory that is there already.</summary>
internal sealed class Onnx : IDisposable
{
    private readonly InferenceSession session;
    private readonly RunOptions options = new();
    private readonly string[] names;
    private readonly OrtValue[] inputs;
    private readonly OrtValue output;
    private readonly ArraySegment<float> values;

    private Onnx(byte[] model, long[] outputShape, (string Name, RandomArray Array, long[] Shape)[] inputs)
    {
        using var settings = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            IntraOpNumThreads = Threads,
            InterOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        session = new InferenceSession(model, settings);
        names = [.. inputs.Select(input => input.Name)];
        this.inputs = [.. inputs.Select(input => OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, input.Array.Values.AsMemory(), input.Shape))];
        values = RandomArray.Lines(checked((int)outputShape.Aggregate(1L, (a, b) => a * b)));
        output = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values.AsMemory(), outputShape);
    }

    /// <summary>Threads of sessions that are made from now on.</summary>
    public static int Threads { get; set; } = 1;

    /// <summary>The runtime's version.</summary>
    public static string Version => OrtEnv.Instance().GetVersionString();

    /// <summary>A 2-D convolution with bias, input and result [N, C, H, W] (the runtime blocks channels by itself).</summary>
    public static Onnx Convolution(RandomArray image, RandomArray weight, RandomArray bias, int stride)
    {
        // The array lies channels-last; the runtime takes channels first.
        var first = ChannelsFirst(image);
        long kernel = weight.Shape[2], size = first.Shape[2], edge = (size + stride - 1) / stride;
        long[] square(long n) => [n, n];
        var node = new OnnxNode("Conv", ["x", "w", "b"], "y")
        {
            Attributes =
            [
                ("kernel_shape", square(kernel), true), ("strides", square(stride), true), ("pads", [kernel / 2, kernel / 2, kernel / 2, kernel / 2], true),
            ],
        };
        return new Onnx(
            OnnxModel.Build(17, [node], [("x", Lengths(first))], 4, Constant("w", weight), Constant("b", bias)),
            [1, weight.Shape[0], edge, edge], [("x", first, Lengths(first))]);
    }

    /// <summary>A linear layer.</summary>
    public static Onnx Linear(RandomArray x, RandomArray weight, RandomArray bias)
    {
        var node = new OnnxNode("Gemm", ["x", "w", "b"], "y") { Attributes = [("transB", [1], false)] };
        return new Onnx(
            OnnxModel.Build(17, [node], [("x", Lengths(x))], 2, Constant("w", weight), Constant("b", bias)), [x.Shape[0], weight.Shape[0]], [("x", x, Lengths(x))]);
    }

    /// <summary>
    /// A linear layer with integer weights, and inputs rounded to uint8 for the whole matrix, as its dynamic quantisation makes them. The weights
    /// have 7 bits (<c>reduce_range</c>): with 8, its AVX2 kernels overflow 16-bit sums, and results were off by a fifth of the largest.
    /// </summary>
    public static Onnx QuantizedLinear(RandomArray x, RandomArray weight, RandomArray bias)
    {
        int outputs = weight.Shape[0], depth = weight.Shape[1];
        var integers = new byte[outputs * depth];
        var scales = new float[outputs];
        for (int n = 0; n < outputs; n++)
        {
            var row = weight.Values.AsSpan(n * depth, depth);
            float largest = 0;
            foreach (float value in row)
                largest = Math.Max(largest, Math.Abs(value));
            scales[n] = largest / 63;
            for (int k = 0; k < depth; k++)
                integers[k * outputs + n] = (byte)(sbyte)MathF.Round(row[k] / scales[n]);
        }
        OnnxNode[] nodes =
        [
            new("DynamicQuantizeLinear", ["x"], "q", 3), new("MatMulInteger", ["q", "w", "q2"], "sum"), new("Cast", ["sum"], "float") { Attributes = [("to", [1], false)] },
            new("Mul", ["q1", "s"], "scale"), new("Mul", ["float", "scale"], "product"), new("Add", ["product", "b"], "y"),
        ];
        return new Onnx(
            OnnxModel.Build(17, nodes, [("x", Lengths(x))], 2, new OnnxConstant("w", 3, [depth, outputs], integers),
                new OnnxConstant("s", 1, [outputs], MemoryMarshal.AsBytes(scales.AsSpan()).ToArray()), Constant("b", bias)),
            [x.Shape[0], outputs], [("x", x, Lengths(x))]);
    }

    /// <summary>
    /// Attention over heads that lie densely [1, heads, tokens, size], which saves it the transposes of a network: by products and a softmax, and by the
    /// operator Attention of opset 23.
    /// </summary>
    public static Onnx[] Attention(RandomArray q, RandomArray k, RandomArray v)
    {
        var (heads, size) = (q.Shape[2], q.Shape[3]);
        (string Name, RandomArray Array, long[] Shape)[] inputs = [.. new[] { ("q", q), ("k", k), ("v", v) }.Select(i => (i.Item1, HeadsFirst(i.Item2), new long[] { 1, heads, i.Item2.Shape[1], size }))];
        (string, long[])[] shapes = [.. inputs.Select(i => (i.Name, i.Shape))];
        long[] output = [1, heads, q.Shape[1], size];
        var scale = new OnnxConstant("scale", 1, [1], BitConverter.GetBytes(1 / MathF.Sqrt(size)));
        OnnxNode[] products =
        [
            new("Transpose", ["k"], "kt") { Attributes = [("perm", [0, 1, 3, 2], true)] }, new("Mul", ["q", "scale"], "qs"), new("MatMul", ["qs", "kt"], "scores"),
            new("Softmax", ["scores"], "p") { Attributes = [("axis", [-1], false)] }, new("MatMul", ["p", "v"], "y"),
        ];
        return
        [
            new Onnx(OnnxModel.Build(17, products, shapes, 4, scale), output, inputs),
            new Onnx(OnnxModel.Build(23, [new OnnxNode("Attention", ["q", "k", "v"], "y")], shapes, 4), output, inputs),
        ];
    }

    /// <summary>
    /// The same for tokens as a network's linear layers write and read them, [1, tokens, heads, size] on both sides: with the transposes that this takes,
    /// and by the operator's own form for it.
    /// </summary>
    public static Onnx[] AttentionOfTokens(RandomArray q, RandomArray k, RandomArray v)
    {
        var (heads, size) = (q.Shape[2], q.Shape[3]);
        (string Name, RandomArray Array, long[] Shape)[] inputs = [("q", q, Lengths(q)), ("k", k, Lengths(k)), ("v", v, Lengths(v))];
        (string Name, RandomArray Array, long[] Shape)[] joined = [.. inputs.Select(i => (i.Name, i.Array, new long[] { 1, i.Shape[1], heads * size }))];
        var scale = new OnnxConstant("scale", 1, [1], BitConverter.GetBytes(1 / MathF.Sqrt(size)));
        OnnxNode Turn(string from, string to, params long[] order) => new("Transpose", [from], to) { Attributes = [("perm", order, true)] };
        OnnxNode[] products =
        [
            Turn("q", "qh", 0, 2, 1, 3), Turn("k", "kt", 0, 2, 3, 1), Turn("v", "vh", 0, 2, 1, 3), new("Mul", ["qh", "scale"], "qs"), new("MatMul", ["qs", "kt"], "scores"),
            new("Softmax", ["scores"], "p") { Attributes = [("axis", [-1], false)] }, new("MatMul", ["p", "vh"], "yh"), Turn("yh", "y", 0, 2, 1, 3),
        ];
        var node = new OnnxNode("Attention", ["q", "k", "v"], "y") { Attributes = [("q_num_heads", [heads], false), ("kv_num_heads", [heads], false)] };
        return
        [
            new Onnx(OnnxModel.Build(17, products, [.. inputs.Select(i => (i.Name, i.Shape))], 4, scale), [1, q.Shape[1], heads, size], inputs),
            new Onnx(OnnxModel.Build(23, [node], [.. joined.Select(i => (i.Name, i.Shape))], 3), [1, q.Shape[1], heads * size], joined),
        ];
    }

    /// <summary>One thing in several ways, under a name of its own in what is printed.</summary>
    public static Peer Peer(string name, Onnx[] ways, Func<float[]> result) => new(name, [.. ways.Select(way => (Action)way.Compute)], result);

    /// <summary>Computes.</summary>
    public void Compute() => session.Run(options, names, inputs, ["y"], [output]);

    /// <summary>Computes, and copies the result.</summary>
    public float[] Result()
    {
        Compute();
        return [.. values];
    }

    public void Dispose()
    {
        session.Dispose();
        options.Dispose();
        output.Dispose();
        foreach (var input in inputs)
            input.Dispose();
    }

    private static long[] Lengths(RandomArray array) => [.. array.Shape.Lengths.Select(n => (long)n)];

    private static OnnxConstant Constant(string name, RandomArray array) => new(name, 1, Lengths(array), MemoryMarshal.AsBytes(array.Values.AsSpan()).ToArray());

    /// <summary>[1, H, W, C] as [1, C, H, W].</summary>
    private static RandomArray ChannelsFirst(RandomArray x) => Turned(x, x.Shape[1] * x.Shape[2], x.Shape[3], 1, [1, x.Shape[3], x.Shape[1], x.Shape[2]]);

    /// <summary>[1, tokens, heads, size] as [1, heads, tokens, size].</summary>
    public static RandomArray HeadsFirst(RandomArray x) => Turned(x, x.Shape[1], x.Shape[2], x.Shape[3], [1, x.Shape[2], x.Shape[1], x.Shape[3]]);

    private static RandomArray Turned(RandomArray x, int outer, int inner, int run, int[] shape)
    {
        var values = RandomArray.Lines(x.Values.Count);
        Span<float> from = x.Values.AsSpan(), to = values.AsSpan();
        for (int i = 0; i < outer; i++)
        {
            for (int j = 0; j < inner; j++)
                from.Slice((i * inner + j) * run, run).CopyTo(to[((j * outer + i) * run)..]);
        }
        return new RandomArray(values, new Core.Tensors.Shape([.. shape]));
    }
}
