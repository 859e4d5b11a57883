using Diffusion.Core.Devices;
using Diffusion.Core.Tensors;
using Diffusion.Kernels;
using Xunit;

namespace Diffusion.Core.Tests.Tensors;

/// <summary>Every mistake is refused where it is written, by a message with the operation's name and what it got.</summary>
public sealed class ErrorTests
{
    private static readonly Tensor Image = Tensor.Zeros([2, 4, 6, 6]);
    private static readonly Tensor Matrix = Tensor.Zeros([3, 5]);
    private static readonly Tensor Weight = Tensor.Zeros([8, 4, 3, 3]);

    public static TheoryData<string> Mistakes => [.. All.Keys];

    private static Dictionary<string, (Func<Tensor> Mistake, string[] Says)> All { get; } = new()
    {
        ["add shapes"] = (() => Matrix + Tensor.Zeros([4]), ["Add", "[3, 5]", "[4]"]),
        ["where shapes"] = (() => Tensor.Where(Matrix, Matrix, Image), ["Select", "[3, 5]", "[2, 4, 6, 6]"]),
        ["reshape"] = (() => Matrix.Reshape(4, 4), ["Reshape", "[3, 5]", "[4, 4]"]),
        ["reshape unknown"] = (() => Matrix.Reshape(-1, 4), ["Reshape", "[3, 5]", "[-1, 4]"]),
        ["reshape two unknown"] = (() => Matrix.Reshape(-1, -1), ["Reshape", "-1"]),
        ["negative length"] = (() => Tensor.Zeros([2, -3]), ["Shape", "-3"]),
        ["too many elements"] = (() => Tensor.Zeros([int.MaxValue, int.MaxValue, int.MaxValue]), ["Shape", "2147483647"]),
        ["permute twice"] = (() => Matrix.Permute(0, 0), ["Permute", "[0, 0]", "[3, 5]"]),
        ["permute axis"] = (() => Matrix.Permute(0, 2), ["Permute", "2", "[3, 5]"]),
        ["transpose"] = (() => Tensor.Zeros([3]).Transpose(), ["Transpose", "-2", "[3]"]),
        ["expand"] = (() => Matrix.Expand([3, 7]), ["Expand", "[3, 5]", "[3, 7]"]),
        ["expand shrinks"] = (() => Matrix.Expand([5]), ["Expand", "[3, 5]", "[5]"]),
        ["slice"] = (() => Matrix.Slice(1, 3, 3), ["Slice", "3", "[3, 5]"]),
        ["slice negative"] = (() => Matrix.Slice(1, -1, 2), ["Slice", "-1", "[3, 5]"]),
        ["slice axis"] = (() => Matrix.Slice(2, 0, 1), ["Slice", "2", "[3, 5]"]),
        ["chunk"] = (() => Matrix.Chunk(2, 0)[0], ["Chunk", "2", "[3, 5]"]),
        ["unsqueeze"] = (() => Matrix.Unsqueeze(4), ["Unsqueeze", "4", "[3, 5]"]),
        ["squeeze"] = (() => Matrix.Squeeze(0), ["Squeeze", "3", "[3, 5]"]),
        ["flatten"] = (() => Image.Flatten(2, 1), ["Flatten", "2", "[2, 4, 6, 6]"]),
        ["concat nothing"] = (() => Tensor.Concat(0), ["Concat"]),
        ["concat shapes"] = (() => Tensor.Concat(0, Matrix, Image), ["Concat", "[3, 5]", "[2, 4, 6, 6]"]),
        ["concat lengths"] = (() => Tensor.Concat(1, Matrix, Tensor.Zeros([4, 5])), ["Concat", "[3, 5]", "[4, 5]"]),
        ["concat types"] = (() => Tensor.Concat(0, Matrix, Tensor.Zeros([3, 5], ElementType.Float16)), ["Concat", "Float16"]),
        ["stack"] = (() => Tensor.Stack(0, Matrix, Tensor.Zeros([4, 5])), ["Concat", "4, 5"]),
        ["repeat"] = (() => Matrix.Repeat(2), ["Repeat", "[2]", "[3, 5]"]),
        ["repeat negative"] = (() => Matrix.Repeat(2, -1), ["Repeat", "-1", "[3, 5]"]),
        ["pad"] = (() => Matrix.Pad(0, -1, 0), ["Pad", "-1"]),
        ["pad reflect"] = (() => Matrix.Pad(0, 3, 0, PaddingMode.Reflect), ["Pad", "3", "[3, 5]", "2"]),
        ["gather type"] = (() => Matrix.Gather(0, Matrix), ["Gather", "Float32", "[3, 5]"]),
        ["gather axis"] = (() => Matrix.Gather(2, Tensor.FromIntegers([0], [1])), ["Gather", "2", "[3, 5]"]),
        ["embed"] = (() => Image.Embed(Tensor.FromIntegers([0], [1])), ["Embed", "[2, 4, 6, 6]"]),
        ["matmul"] = (() => Tensor.MatMul(Matrix, Matrix), ["MatMul", "[3, 5]"]),
        ["matmul rank"] = (() => Tensor.MatMul(Matrix, Tensor.Zeros([5])), ["MatMul", "[5]"]),
        ["matmul batches"] = (() => Tensor.MatMul(Tensor.Zeros([2, 3, 4]), Tensor.Zeros([3, 4, 5])), ["MatMul", "[2]", "[3]"]),
        ["linear"] = (() => Matrix.Linear(Tensor.Zeros([7, 4])), ["Linear", "[3, 5]", "[7, 4]"]),
        ["linear bias"] = (() => Matrix.Linear(Tensor.Zeros([7, 5]), Tensor.Zeros([1])), ["Linear", "[7]", "[1]"]),
        ["conv channels"] = (() => Image.Conv2d(Tensor.Zeros([8, 5, 3, 3])), ["Convolution", "[2, 4, 6, 6]", "[8, 5, 3, 3]"]),
        ["conv groups"] = (() => Image.Conv2d(Weight, groups: 3), ["Convolution", "3 groups"]),
        ["conv stride"] = (() => Image.Conv2d(Weight, stride: 0), ["Convolution", "stride (0, 0)"]),
        ["conv padding"] = (() => Image.Conv2d(Weight, padding: -1), ["Convolution", "padding (-1"]),
        ["conv kernel"] = (() => Image.Conv2d(Tensor.Zeros([8, 4, 7, 7])), ["Convolution", "[8, 4, 7, 7]", "[2, 4, 6, 6]"]),
        ["conv rank"] = (() => Matrix.Conv2d(Weight), ["Convolution", "[3, 5]"]),
        ["conv bias"] = (() => Image.Conv2d(Weight, Tensor.Zeros([2, 4])), ["Convolution", "[8]", "[2, 4]"]),
        ["conv1d"] = (() => Image.Conv1d(Weight), ["Conv1d", "[2, 4, 6, 6]", "[N, C, L]"]),
        ["transposed conv"] = (() => Image.ConvTranspose2d(Weight), ["ConvTranspose2d", "[2, 4, 6, 6]", "[8, 4, 3, 3]"]),
        ["flip"] = (() => Matrix.Flip(2), ["Flip", "2", "[3, 5]"]),
        ["attention"] = (() => Tensor.Attention(Image, Image, Matrix), ["Attention", "[2, 4, 6, 6]", "[3, 5]"]),
        ["attention mask"] = (() => Tensor.Attention(Image, Image, Image, mask: Tensor.Zeros([6, 5])), ["[2, 4, 6, 6]", "[6, 5]"]),
        ["group norm"] = (() => Image.GroupNorm(3), ["GroupNorm", "3", "[2, 4, 6, 6]"]),
        ["group norm weight"] = (() => Image.GroupNorm(2, Tensor.Zeros([5]), Tensor.Zeros([4])), ["GroupNorm", "[4]", "[5]"]),
        ["group norm half"] = (() => Image.GroupNorm(2, Tensor.Zeros([4])), ["GroupNorm", "both"]),
        ["layer norm"] = (() => Matrix.LayerNorm(Tensor.Zeros([4])), ["LayerNorm", "[5]", "[4]"]),
        ["rms norm"] = (() => Tensor.Zeros([]).RmsNorm(), ["RmsNorm", "scalar"]),
        ["softmax"] = (() => Tensor.Zeros([]).Softmax(), ["Softmax", "scalar"]),
        ["sum axis"] = (() => Matrix.Sum(2), ["Sum", "2", "[3, 5]"]),
        ["argmax"] = (() => Tensor.Zeros([2, 0]).ArgMax(1), ["ArgMax", "[2, 0]"]),
        ["quantile"] = (() => Matrix.Quantile(1.5), ["Quantile", "1.5"]),
        ["upsample"] = (() => Matrix.UpsampleNearest(), ["UpsampleNearest", "[3, 5]"]),
        ["upsample factor"] = (() => Image.UpsampleNearest(0), ["UpsampleNearest", "0"]),
        ["resample"] = (() => Image.Resample(0, 4, ResamplingMode.Bilinear), ["Resample", "[2, 4, 6, 6]", "0"]),
        ["pool"] = (() => Image.MaxPool2d(0, 1), ["Pool", "0", "[2, 4, 6, 6]"]),
        ["pool window"] = (() => Image.MaxPool2d(7, 1), ["Pool", "7", "[2, 4, 6, 6]"]),
        ["values"] = (() => Tensor.From([1f, 2], [3]), ["Tensor.From", "2", "[3]"]),
        ["fourier"] = (() => Fourier.Transform2d(Tensor.Zeros([3])).Real, ["Fourier", "[3]"]),
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_says_what_is_wrong(string name)
    {
        var (mistake, says) = All[name];
        var error = Assert.Throws<TensorShapeException>(() => mistake());
        foreach (string part in says)
            Assert.Contains(part, error.Message.Replace('−', '-'), StringComparison.Ordinal);
    }

    [Fact]
    public void A_scalar_is_asked_of_one_element() =>
        Assert.Contains("[3, 5]", Assert.Throws<TensorShapeException>(() => Matrix.ToScalar()).Message, StringComparison.Ordinal);

    [Fact]
    public void Devices_do_not_mix()
    {
        using var device = new Device(new ReferenceBackend());
        var there = Tensor.Ones([3, 5], device: device);
        foreach (var mistake in new Func<Tensor>[]
        {
            () => Matrix + there, () => Tensor.MatMul(Matrix, there.Transpose()), () => Matrix.Linear(there), () => Tensor.Concat(0, Matrix, there), () => Tensor.Where(Matrix, there, Matrix),
            () => Matrix.LayerNorm(there.Slice(0, 0, 1).Reshape(5)), () => Matrix.Linear(Tensor.Zeros([3, 5]), there.Slice(1, 0, 1).Reshape(3)),
        })
        {
            var error = Assert.Throws<TensorShapeException>(() => mistake());
            Assert.Contains(device.Name, error.Message, StringComparison.Ordinal);
            Assert.Contains("To(device)", error.Message, StringComparison.Ordinal);
        }
        Assert.Equal(Enumerable.Repeat(1f, 15), (Matrix + there.To(Device.Cpu)).ToArray());
        Assert.Equal(Enumerable.Repeat(1f, 15), (Matrix.To(device) + there).ToArray());
    }

    [Fact]
    public void What_is_not_supported_says_what_to_use_instead()
    {
        Assert.Contains("ArgMax", Assert.Throws<NotSupportedException>(() => Matrix.Reduce(ReductionKind.ArgMax, [0], false)).Message, StringComparison.Ordinal);
        Assert.Contains("Bilinear", Assert.Throws<NotSupportedException>(() => Image.Resample(3, 3, ResamplingMode.Nearest, alignCorners: true)).Message, StringComparison.Ordinal);
        Assert.Contains("silu", Assert.Throws<NotSupportedException>(() => Matrix.Activate("celu")).Message, StringComparison.Ordinal);
        Assert.Contains("Slice", Assert.Throws<NotSupportedException>(() => Image.ConvTranspose2d(Tensor.Zeros([4, 2, 1, 1]), padding: 1)).Message, StringComparison.Ordinal);
    }
}
