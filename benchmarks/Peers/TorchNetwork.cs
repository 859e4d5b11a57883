using System.Collections.Immutable;
using Diffusion.Benchmarks.Networks;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace Diffusion.Benchmarks.Peers;

/// <summary>The layers of Stable Diffusion's networks on libtorch, by checkpoint names, over the arrays that we read too.</summary>
internal abstract class TorchNetwork
{
    private readonly Dictionary<string, torch.Tensor> weights = [];

    /// <param name="values">The weights.</param>
    /// <param name="isChannelsLast">Whether convolutions read them as they lie, channels-last; otherwise from copies in torch's usual order.</param>
    protected TorchNetwork(ImmutableSortedDictionary<string, RandomArray> values, bool isChannelsLast = true)
    {
        foreach (var (name, array) in values)
            weights.Add(name, isChannelsLast ? Torch.Of(array) : Torch.Of(array).contiguous());
    }

    public float[] Output()
    {
        using var step = torch.NewDisposeScope();
        return Torch.Read(Forward());
    }

    public void Compute()
    {
        using var step = torch.NewDisposeScope();
        Forward();
    }

    protected abstract torch.Tensor Forward();

    /// <summary>
    /// A part of the network whose intermediates are freed at its end, as Python's reference counting would: a binding that keeps them all to the end of
    /// the step would make libtorch write to fresh memory again and again, which costs it seconds.
    /// </summary>
    protected static torch.Tensor Part(Func<torch.Tensor> compute)
    {
        using var part = torch.NewDisposeScope();
        return compute().MoveToOuterDisposeScope();
    }

    /// <summary>What becomes of a tensor that nobody reads afterwards.</summary>
    protected static torch.Tensor Then(torch.Tensor x, Func<torch.Tensor, torch.Tensor> compute)
    {
        var result = Part(() => compute(x));
        x.Dispose();
        return result;
    }

    /// <summary>A residual block; without a time embedding in autoencoders.</summary>
    protected torch.Tensor Resnet(string name, torch.Tensor x, torch.Tensor? embedding, double epsilon) => Part(() =>
    {
        var h = Convolved($"{name}.norm1", $"{name}.conv1", x, epsilon);
        if (embedding is not null)
            h = Then(h, y => y + Linear($"{name}.time_emb_proj", embedding).unsqueeze(-1).unsqueeze(-1));
        h = Then(h, y => Convolved($"{name}.norm2", $"{name}.conv2", y, epsilon));
        return (weights.ContainsKey($"{name}.conv_shortcut.weight") ? Conv($"{name}.conv_shortcut", x) : x) + h;
    });

    /// <summary>Normalisation, activation, convolution.</summary>
    protected torch.Tensor Convolved(string norm, string conv, torch.Tensor x, double epsilon) =>
        Part(() => Conv(conv, Then(GroupNorm(norm, x, epsilon), y => F.silu(y))));

    protected torch.Tensor Attention(string name, torch.Tensor x, torch.Tensor keys, int heads) => Part(() =>
    {
        torch.Tensor Heads(torch.Tensor y) => y.view(y.shape[0], y.shape[1], heads, y.shape[2] / heads).transpose(1, 2);
        var y = F.scaled_dot_product_attention(Heads(Linear($"{name}.to_q", x)), Heads(Linear($"{name}.to_k", keys)), Heads(Linear($"{name}.to_v", keys)));
        return Linear($"{name}.to_out.0", y.transpose(1, 2).reshape(x.shape));
    });

    protected torch.Tensor Upsampled(string name, torch.Tensor x) =>
        Part(() => Conv(name, F.interpolate(x, scale_factor: [2, 2], mode: torch.InterpolationMode.Nearest)));

    protected torch.Tensor Conv(string name, torch.Tensor x, int stride = 1)
    {
        var weight = weights[$"{name}.weight"];
        long padding = weight.shape[2] / 2;
        return F.conv2d(x, weight, weights[$"{name}.bias"], strides: [stride, stride], padding: [padding, padding]);
    }

    protected torch.Tensor Linear(string name, torch.Tensor x) => F.linear(x, weights[$"{name}.weight"], weights.GetValueOrDefault($"{name}.bias"));

    protected torch.Tensor GroupNorm(string name, torch.Tensor x, double epsilon) =>
        F.group_norm(x, 32, weights[$"{name}.weight"], weights[$"{name}.bias"], epsilon);

    protected torch.Tensor LayerNorm(string name, torch.Tensor x) =>
        F.layer_norm(x, [x.shape[^1]], weights[$"{name}.weight"], weights[$"{name}.bias"], 1e-5);

    /// <summary>[N, C, H, W] as tokens [N, H·W, C].</summary>
    protected static torch.Tensor Tokens(torch.Tensor x) => x.permute(0, 2, 3, 1).reshape(x.shape[0], x.shape[2] * x.shape[3], x.shape[1]);

    /// <summary>Tokens as an image of the shape of another.</summary>
    protected static torch.Tensor Image(torch.Tensor tokens, torch.Tensor like) =>
        tokens.reshape(like.shape[0], like.shape[2], like.shape[3], -1).permute(0, 3, 1, 2);
}
