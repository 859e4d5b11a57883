using System.Globalization;
using Diffusion.Conformance.Areas.Models;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Tensors;
using Diffusion.Kernels;

namespace Diffusion.Conformance.Areas.Misc;

/// <summary>The operators of <c>misc/ops.safetensors</c> by the names of their results.</summary>
internal static class OperatorCases
{
    /// <summary>Computes a result; null where its name isn't known.</summary>
    public static Tensor? Compute(SafetensorsFile file, Device device, string name)
    {
        Tensor In(string input) => FixtureTensors.Read(file, $"in/{input}", device);
        Tensor Beside(string input) => FixtureTensors.Read(file, input, device);
        var parts = name.Split('/');
        return parts[0] switch
        {
            "act" => Activation(In("v"), parts[1]),
            "attention" => Tensor.Attention(In("q"), In("k"), In("v4"), mask: parts[1] == "mask" ? In("attn_mask") : null),
            "avg_pool2d" => In("z").AveragePool2d(Number(parts[1]), Number(parts[1])),
            "conv1d" => In("x1d").Conv1d(In("conv1_w"), null, Option(name, "stride", 1), Option(name, "pad", 0)),
            "conv2d" when name.Contains("asym_pad_0101", StringComparison.Ordinal) => In("x").Convolution(In("conv_w"), In("conv_b"), new ConvolutionOptions
            {
                Padding = (0, 1, 0, 1),
                Stride = (Option(name, "stride", 1), Option(name, "stride", 1)),
            }),
            "conv2d" when name.Contains("groups", StringComparison.Ordinal) => In("x").Conv2d(
                In($"conv_w_groups{Option(name, "groups", 1)}"), null, padding: Option(name, "pad", 0), groups: Option(name, "groups", 1)),
            "conv2d" => In("x").Conv2d(In("conv_w"), In("conv_b"), Option(name, "stride", 1), Option(name, "pad", 0), Option(name, "dilation", 1)),
            "conv3d" => In("x3d").Conv3d(In("conv3_w"), null, (1, 1, 1), (1, 0, 0)),
            "conv_transpose2d" => Transposed(In("x"), In("convt_w"), name),
            "fft" => Fourier.Transform2d(In("z")).Magnitude(),
            "group_norm" => GroupNorm(In("z"), In("norm_w"), In("norm_b"), parts[1]),
            "interpolate" => Resized(In("x"), parts[1], parts[2]),
            "layer_norm" => parts[1] == "affine"
                ? In("z").Permute(0, 2, 3, 1).LayerNorm(In("norm_w"), In("norm_b"))
                : In("z").Permute(0, 2, 3, 1).LayerNorm(epsilon: 1e-6),
            "log_softmax" => In("z").LogSoftmax(Number(parts[1])),
            "softmax" => In("z").Softmax(),
            "pad" => Padded(In("z"), parts[1]),
            "pixel_shuffle" => In("z").PixelShuffle(Number(parts[1])),
            "pixel_unshuffle" => Beside("pixel_unshuffle/in").PixelUnshuffle(Number(parts[1])),
            "quantile" => Beside("quantile/in").Quantile(double.Parse(parts[1], CultureInfo.InvariantCulture)),
            "std" => In("z").StandardDeviation(1, 1, 2, 3).Flatten(),
            "var" => In("z").StandardDeviation(1, -1).Square().Squeeze(-1),
            _ => null,
        };
    }

    private static Tensor? Activation(Tensor x, string name) => name switch
    {
        "elu" => x.Elu(),
        "erf" => x.Erf(),
        "gelu_tanh" => x.GeluTanh(),
        "hardswish" => x.HardSwish(),
        "leaky_relu_02" => x.LeakyRelu(0.2),
        "softplus" => x.Softplus(),
        _ => x.Activate(name),
    };

    private static Tensor Transposed(Tensor x, Tensor weight, string name)
    {
        // The kernel has an even size; with an output padding it is cut to an odd one.
        int outputPadding = Option(name, "outpad", 0);
        var kernel = outputPadding > 0 ? weight.Slice(2, 0, 3).Slice(3, 0, 3) : weight;
        return x.ConvTranspose2d(kernel, null, Option(name, "stride", 1), Option(name, "pad", 0), outputPadding);
    }

    private static Tensor GroupNorm(Tensor x, Tensor weight, Tensor bias, string name)
    {
        var options = name.Split('_');
        int groups = Number(options[0][1..]);
        double epsilon = options.FirstOrDefault(o => o.StartsWith("eps", StringComparison.Ordinal)) is { } text ? double.Parse(text[3..], CultureInfo.InvariantCulture) : 1e-5;
        return options.Contains("noaffine") ? x.GroupNorm(groups, epsilon: epsilon) : x.GroupNorm(groups, weight, bias, epsilon);
    }

    private static Tensor? Resized(Tensor x, string mode, string size)
    {
        if (size.StartsWith("scale", StringComparison.Ordinal))
            return mode == "nearest" ? x.UpsampleNearest(Number(size[5..])) : null;
        var lengths = size.Split('x').Select(Number).ToArray();
        return mode switch
        {
            "area" => x.ResampleArea(lengths[0], lengths[1]),
            "nearest" => x.Resample(lengths[0], lengths[1], ResamplingMode.Nearest),
            "bilinear" => x.Resample(lengths[0], lengths[1], ResamplingMode.Bilinear),
            "bicubic" => x.Resample(lengths[0], lengths[1], ResamplingMode.Bicubic),
            "bilinear_antialias" => x.Resample(lengths[0], lengths[1], ResamplingMode.Bilinear, antiAlias: true),
            "bicubic_antialias" => x.Resample(lengths[0], lengths[1], ResamplingMode.Bicubic, antiAlias: true),
            _ => null,
        };
    }

    // "reflect_1221": left, right, top, bottom.
    private static Tensor? Padded(Tensor x, string name)
    {
        var (kind, by) = (name.Split('_')[0], name.Split('_')[1].Select(c => c - '0').ToArray());
        PaddingMode? mode = kind switch { "reflect" => PaddingMode.Reflect, "replicate" => PaddingMode.Replicate, "circular" => PaddingMode.Circular, _ => null };
        return mode is { } known ? x.Pad(3, by[0], by[1], known).Pad(2, by[2], by[3], known) : null;
    }

    private static int Option(string name, string option, int @default)
    {
        foreach (var part in name.Split('/', '_'))
        {
            if (part.StartsWith(option, StringComparison.Ordinal) && int.TryParse(part[option.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var value))
                return value;
        }
        return @default;
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
