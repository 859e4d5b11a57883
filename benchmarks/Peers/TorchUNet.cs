using System.Collections.Immutable;
using Diffusion.Benchmarks.Networks;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace Diffusion.Benchmarks.Peers;

/// <summary>The UNet of Stable Diffusion 1.5 on libtorch, eager, channels-last (its faster layout here), with fused attention.</summary>
internal sealed class TorchUNet
{
    private const int Levels = 4;

    private readonly Dictionary<string, torch.Tensor> weights = [];
    private readonly torch.Tensor sample, tokens, time;

    public TorchUNet(ImmutableSortedDictionary<string, RandomArray> values)
    {
        foreach (var (name, array) in values)
            weights.Add(name, Torch.Of(array));
        sample = Torch.ChannelsLast(Torch.Of(StableDiffusion15.Sample));
        tokens = Torch.Of(StableDiffusion15.Tokens);
        time = torch.tensor(Sinusoid(StableDiffusion15.Timestep, 320), [1, 320]);
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

    private torch.Tensor Forward()
    {
        var embedding = F.silu(Linear("time_embedding.linear_2", F.silu(Linear("time_embedding.linear_1", time))));
        var x = Conv("conv_in", sample);
        var skips = new Stack<torch.Tensor>([x]);
        for (int level = 0; level < Levels; level++)
        {
            string block = $"down_blocks.{level}";
            for (int i = 0; i < 2; i++)
            {
                x = Resnet($"{block}.resnets.{i}", x, embedding);
                if (level < Levels - 1)
                    x = Transformer($"{block}.attentions.{i}", x);
                skips.Push(x);
            }
            if (level < Levels - 1)
                skips.Push(x = Conv($"{block}.downsamplers.0.conv", x, 2));
        }
        x = Resnet("mid_block.resnets.0", x, embedding);
        x = Transformer("mid_block.attentions.0", x);
        x = Resnet("mid_block.resnets.1", x, embedding);
        for (int level = 0; level < Levels; level++)
        {
            string block = $"up_blocks.{level}";
            for (int i = 0; i < 3; i++)
            {
                x = Resnet($"{block}.resnets.{i}", torch.cat([x, skips.Pop()], 1), embedding);
                if (level > 0)
                    x = Transformer($"{block}.attentions.{i}", x);
            }
            if (level < Levels - 1)
                x = Conv($"{block}.upsamplers.0.conv", F.interpolate(x, scale_factor: [2, 2], mode: torch.InterpolationMode.Nearest));
        }
        return Conv("conv_out", F.silu(GroupNorm("conv_norm_out", x, 1e-5)));
    }

    private torch.Tensor Resnet(string name, torch.Tensor x, torch.Tensor embedding)
    {
        var h = Conv($"{name}.conv1", F.silu(GroupNorm($"{name}.norm1", x, 1e-5)));
        h = h + Linear($"{name}.time_emb_proj", embedding).unsqueeze(-1).unsqueeze(-1);
        h = Conv($"{name}.conv2", F.silu(GroupNorm($"{name}.norm2", h, 1e-5)));
        return (weights.ContainsKey($"{name}.conv_shortcut.weight") ? Conv($"{name}.conv_shortcut", x) : x) + h;
    }

    private torch.Tensor Transformer(string name, torch.Tensor x)
    {
        long n = x.shape[0], c = x.shape[1], height = x.shape[2], width = x.shape[3];
        var t = Conv($"{name}.proj_in", GroupNorm($"{name}.norm", x, 1e-6)).permute(0, 2, 3, 1).reshape(n, height * width, c);
        string block = $"{name}.transformer_blocks.0";
        var h = LayerNorm($"{block}.norm1", t);
        t = t + Attention($"{block}.attn1", h, h);
        t = t + Attention($"{block}.attn2", LayerNorm($"{block}.norm2", t), tokens);
        var gated = Linear($"{block}.ff.net.0.proj", LayerNorm($"{block}.norm3", t)).chunk(2, -1);
        t = t + Linear($"{block}.ff.net.2", gated[0] * F.gelu(gated[1]));
        var image = t.reshape(n, height, width, c).permute(0, 3, 1, 2);
        return Conv($"{name}.proj_out", image) + x;
    }

    private torch.Tensor Attention(string name, torch.Tensor x, torch.Tensor keys)
    {
        const int heads = 8;
        torch.Tensor Heads(torch.Tensor y) => y.view(y.shape[0], y.shape[1], heads, y.shape[2] / heads).transpose(1, 2);
        var y = F.scaled_dot_product_attention(Heads(Linear($"{name}.to_q", x)), Heads(Linear($"{name}.to_k", keys)), Heads(Linear($"{name}.to_v", keys)));
        return Linear($"{name}.to_out.0", y.transpose(1, 2).reshape(x.shape));
    }

    private torch.Tensor Conv(string name, torch.Tensor x, int stride = 1)
    {
        var weight = weights[$"{name}.weight"];
        long padding = weight.shape[2] / 2;
        return F.conv2d(x, weight, weights[$"{name}.bias"], strides: [stride, stride], padding: [padding, padding]);
    }

    private torch.Tensor Linear(string name, torch.Tensor x) => F.linear(x, weights[$"{name}.weight"], weights.GetValueOrDefault($"{name}.bias"));

    private torch.Tensor GroupNorm(string name, torch.Tensor x, double epsilon) =>
        F.group_norm(x, 32, weights[$"{name}.weight"], weights[$"{name}.bias"], epsilon);

    private torch.Tensor LayerNorm(string name, torch.Tensor x) =>
        F.layer_norm(x, [x.shape[^1]], weights[$"{name}.weight"], weights[$"{name}.bias"], 1e-5);

    private static float[] Sinusoid(double timestep, int size)
    {
        int half = size / 2;
        double Angle(int i) => (float)(timestep * Math.Exp(-Math.Log(10000) * i / half));
        return [.. Enumerable.Range(0, half).Select(i => (float)Math.Cos(Angle(i))), .. Enumerable.Range(0, half).Select(i => (float)Math.Sin(Angle(i)))];
    }
}
