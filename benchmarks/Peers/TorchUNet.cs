using System.Collections.Immutable;
using Diffusion.Benchmarks.Networks;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace Diffusion.Benchmarks.Peers;

/// <summary>The UNets of Stable Diffusion 1.5 and XL on libtorch, eager, channels-last (its faster layout here), with fused attention.</summary>
internal sealed class TorchUNet : TorchNetwork
{
    private readonly UNetShape shape;
    private readonly torch.Tensor sample, tokens, time;
    private readonly torch.Tensor? added;

    public TorchUNet(UNetShape shape, ImmutableSortedDictionary<string, RandomArray> values)
        : base(values)
    {
        this.shape = shape;
        sample = Torch.ChannelsLast(Torch.Of(shape.Sample));
        tokens = Torch.Of(shape.Tokens);
        time = torch.tensor(Sinusoid(UNetShape.Timestep, 320), [1, 320]);
        if (shape.TextEmbedding is { } text)
        {
            float[] ids = [.. shape.TimeIds.SelectMany(id => Sinusoid(id, 256))];
            added = torch.cat([Torch.Of(text), torch.tensor(ids, [1, ids.Length])], 1);
        }
    }

    protected override torch.Tensor Forward()
    {
        var embedding = Linear("time_embedding.linear_2", F.silu(Linear("time_embedding.linear_1", time)));
        if (added is not null)
            embedding = embedding + Linear("add_embedding.linear_2", F.silu(Linear("add_embedding.linear_1", added)));
        embedding = F.silu(embedding);
        int levels = shape.Depths.Length;
        var x = Conv("conv_in", sample);
        var skips = new Stack<torch.Tensor>([x]);
        for (int level = 0; level < levels; level++)
        {
            string block = $"down_blocks.{level}";
            for (int i = 0; i < 2; i++)
                skips.Push(x = Layer(block, i, x, embedding, level));
            if (level < levels - 1)
                skips.Push(x = Conv($"{block}.downsamplers.0.conv", x, 2));
        }
        x = Resnet("mid_block.resnets.0", x, embedding, 1e-5);
        x = Then(x, h => Transformer("mid_block.attentions.0", h, shape.MiddleDepth, shape.Heads[^1]));
        x = Then(x, h => Resnet("mid_block.resnets.1", h, embedding, 1e-5));
        for (int level = levels - 1; level >= 0; level--)
        {
            string block = $"up_blocks.{levels - 1 - level}";
            for (int i = 0; i < 3; i++)
            {
                using var skip = skips.Pop();
                x = Then(x, h => Layer(block, i, torch.cat([h, skip], 1), embedding, level));
            }
            if (level > 0)
                x = Then(x, h => Upsampled($"{block}.upsamplers.0.conv", h));
        }
        return Convolved("conv_norm_out", "conv_out", x, 1e-5);
    }

    private torch.Tensor Layer(string block, int index, torch.Tensor x, torch.Tensor embedding, int level)
    {
        var h = Resnet($"{block}.resnets.{index}", x, embedding, 1e-5);
        return shape.Depths[level] > 0 ? Then(h, y => Transformer($"{block}.attentions.{index}", y, shape.Depths[level], shape.Heads[level])) : h;
    }

    private torch.Tensor Transformer(string name, torch.Tensor x, int depth, int heads)
    {
        var t = Part(() =>
        {
            var normed = GroupNorm($"{name}.norm", x, 1e-6);
            return shape.IsLinear ? Linear($"{name}.proj_in", Tokens(normed)) : Tokens(Conv($"{name}.proj_in", normed));
        });
        for (int i = 0; i < depth; i++)
        {
            string block = $"{name}.transformer_blocks.{i}";
            t = Then(t, y =>
            {
                var h = LayerNorm($"{block}.norm1", y);
                return y + Attention($"{block}.attn1", h, h, heads);
            });
            t = Then(t, y => y + Attention($"{block}.attn2", LayerNorm($"{block}.norm2", y), tokens, heads));
            t = Then(t, y => y + Gated(block, y));
        }
        return Part(() => (shape.IsLinear ? Image(Linear($"{name}.proj_out", t), x) : Conv($"{name}.proj_out", Image(t, x))) + x);
    }

    private torch.Tensor Gated(string block, torch.Tensor x)
    {
        using var wide = Part(() => Linear($"{block}.ff.net.0.proj", LayerNorm($"{block}.norm3", x)));
        var product = Part(() =>
        {
            var gated = wide.chunk(2, -1);
            return gated[0] * F.gelu(gated[1]);
        });
        return Then(product, y => Linear($"{block}.ff.net.2", y));
    }

    private static float[] Sinusoid(double timestep, int size)
    {
        int half = size / 2;
        double Angle(int i) => (float)(timestep * Math.Exp(-Math.Log(10000) * i / half));
        return [.. Enumerable.Range(0, half).Select(i => (float)Math.Cos(Angle(i))), .. Enumerable.Range(0, half).Select(i => (float)Math.Sin(Angle(i)))];
    }
}
