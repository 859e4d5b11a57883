using System.Collections.Immutable;
using Diffusion.Benchmarks.Networks;
using TorchSharp;

namespace Diffusion.Benchmarks.Peers;

/// <summary>The decoder of Stable Diffusion's autoencoder on libtorch, eager, channels-last or first.</summary>
internal sealed class TorchDecoder(ImmutableSortedDictionary<string, RandomArray> values, bool isChannelsLast) : TorchNetwork(values, isChannelsLast)
{
    private readonly torch.Tensor latents =
        isChannelsLast ? Torch.ChannelsLast(Torch.Of(StableDiffusionDecoder.Latents)) : Torch.Of(StableDiffusionDecoder.Latents);

    protected override torch.Tensor Forward()
    {
        var x = Conv("decoder.conv_in", Conv("post_quant_conv", latents));
        x = Then(x, h => Resnet("decoder.mid_block.resnets.0", h, null, 1e-6));
        x = Then(x, h =>
        {
            var tokens = Tokens(GroupNorm("decoder.mid_block.attentions.0.group_norm", h, 1e-6));
            return Image(Attention("decoder.mid_block.attentions.0", tokens, tokens, 1), h) + h;
        });
        x = Then(x, h => Resnet("decoder.mid_block.resnets.1", h, null, 1e-6));
        for (int level = 0; level < 4; level++)
        {
            string block = $"decoder.up_blocks.{level}";
            for (int i = 0; i < 3; i++)
                x = Then(x, h => Resnet($"{block}.resnets.{i}", h, null, 1e-6));
            if (level < 3)
                x = Then(x, h => Upsampled($"{block}.upsamplers.0.conv", h));
        }
        return Convolved("decoder.conv_norm_out", "decoder.conv_out", x, 1e-6);
    }
}
