using System.Collections.Immutable;
using Diffusion.Core.Formats;
using Diffusion.Core.Tests.Formats;
using Diffusion.Core.Weights;
using Diffusion.Core.Weights.SingleFile;
using FsCheck;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Weights.SingleFile;

public sealed class SingleFileNamesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("conv_in.weight", "input_blocks.0.0.weight")]
    [InlineData("time_embedding.linear_2.bias", "time_embed.2.bias")]
    [InlineData("add_embedding.linear_1.weight", "label_emb.0.0.weight")]
    [InlineData("class_embedding.weight", "label_emb.weight")]
    [InlineData("conv_norm_out.weight", "out.0.weight")]
    [InlineData("down_blocks.0.resnets.1.norm1.weight", "input_blocks.2.0.in_layers.0.weight")]
    [InlineData("down_blocks.1.resnets.0.conv_shortcut.bias", "input_blocks.4.0.skip_connection.bias")]
    [InlineData("down_blocks.2.attentions.1.transformer_blocks.0.norm1.weight", "input_blocks.8.1.transformer_blocks.0.norm1.weight")]
    [InlineData("down_blocks.2.downsamplers.0.conv.weight", "input_blocks.9.0.op.weight")]
    [InlineData("mid_block.attentions.0.norm.bias", "middle_block.1.norm.bias")]
    [InlineData("mid_block.resnets.1.conv2.weight", "middle_block.2.out_layers.3.weight")]
    [InlineData("up_blocks.0.upsamplers.0.conv.weight", "output_blocks.2.1.conv.weight")]
    [InlineData("up_blocks.1.upsamplers.0.conv.weight", "output_blocks.5.2.conv.weight")]
    [InlineData("up_blocks.3.attentions.2.proj_in.weight", "output_blocks.11.1.proj_in.weight")]
    [InlineData("up_blocks.3.resnets.2.time_emb_proj.weight", "output_blocks.11.0.emb_layers.1.weight")]
    [InlineData("down_blocks.0.resnets.2.conv1.weight", "down_blocks.0.resnets.2.conv1.weight")]
    [InlineData("down_blocks.4.resnets.0.conv1.weight", "down_blocks.4.resnets.0.conv1.weight")]
    [InlineData("down_blocks.0.motion_modules.0.norm.weight", "down_blocks.0.motion_modules.0.norm.weight")]
    [InlineData("conv_input.weight", "conv_input.weight")]
    public void UNet_names_of_Stable_Diffusion(string diffusers, string original)
    {
        Assert.Equal(original, Assert.Single(UNetNames.ToOriginal(One(diffusers), UNetStructure.StableDiffusion).Names));
        Assert.Equal(diffusers, Assert.Single(UNetNames.FromOriginal(One(original), UNetStructure.StableDiffusion).Names));
    }

    [Fact]
    public void A_configuration_gives_the_structure()
    {
        var config = ModelConfig.Load(_folder.Write("config.json", """
            {"layers_per_block": 3, "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"], "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
             "class_embed_type": "projection"}
            """));
        var structure = UNetStructure.FromConfig(config);
        Assert.Equal([3, 3], structure.LayersPerBlock);
        Assert.Equal([true, false], structure.UpAttention);
        Assert.Equal("output_blocks.3.2.conv.bias", Assert.Single(UNetNames.ToOriginal(One("up_blocks.0.upsamplers.0.conv.bias"), structure).Names));
        Assert.Equal("class_embedding.linear_2.bias", Assert.Single(UNetNames.FromOriginal(One("label_emb.0.2.bias"), structure).Names));
    }

    [Property(MaxTest = 40)]
    public void Any_UNet_comes_back_from_the_original_names(NonEmptyArray<PositiveInt> sizes, bool[] attention)
    {
        ImmutableArray<int> layers = [.. sizes.Get.Take(5).Select(size => (size.Get % 4) + 1)];
        bool HasAttention(int block) => block < attention.Length && attention[block];
        var store = WeightStore.Of(DiffusersUNet(layers, HasAttention).Select(Named));
        var structure = UNetStructure.OfDiffusersNames(store.Names);
        Assert.Equal(layers, structure.LayersPerBlock);
        var original = UNetNames.ToOriginal(store);
        Assert.DoesNotContain(original.Names, name => name.Contains("_blocks.", StringComparison.Ordinal)
            && !name.StartsWith("input_blocks.", StringComparison.Ordinal) && !name.StartsWith("output_blocks.", StringComparison.Ordinal));
        var read = UNetStructure.OfOriginalNames(original.Names);
        Assert.Equal(layers, read.LayersPerBlock);
        Assert.Equal(structure.UpAttention, read.UpAttention);
        SameTensors(store, UNetNames.FromOriginal(original));
    }

    [Theory]
    [InlineData("encoder.down_blocks.1.resnets.0.conv_shortcut.weight", "encoder.down.1.block.0.nin_shortcut.weight")]
    [InlineData("encoder.down_blocks.0.downsamplers.0.conv.bias", "encoder.down.0.downsample.conv.bias")]
    [InlineData("encoder.mid_block.resnets.1.norm2.bias", "encoder.mid.block_2.norm2.bias")]
    [InlineData("encoder.conv_norm_out.weight", "encoder.norm_out.weight")]
    [InlineData("decoder.up_blocks.2.upsamplers.0.conv.bias", "decoder.up.0.upsample.conv.bias")]
    [InlineData("decoder.up_blocks.0.resnets.1.conv1.weight", "decoder.up.2.block.1.conv1.weight")]
    [InlineData("quant_conv.weight", "quant_conv.weight")]
    [InlineData("loss.logvar", "loss.logvar")]
    public void Autoencoder_names(string diffusers, string original)
    {
        // The number of blocks is told by the others.
        var (here, there) = (Named("decoder.up_blocks.2.resnets.0.norm1.weight"), Named("decoder.up.2.block.0.norm1.weight"));
        Assert.Contains(original, VaeNames.ToOriginal(WeightStore.Of(Named(diffusers), here)).Names);
        Assert.Contains(diffusers, VaeNames.FromOriginal(WeightStore.Of(Named(original), there)).Names);
    }

    [Fact]
    public void Projections_of_an_autoencoder_are_convolutions_in_the_original()
    {
        const string attention = "decoder.mid_block.attentions.0.";
        var store = WeightStore.Of(
            TensorBytes.OfFloats($"{attention}to_out.0.weight", [2, 3], [1, 2, 3, 4, 5, 6]), TensorBytes.OfFloats($"{attention}to_q.bias", [2], [7, 8]),
            TensorBytes.OfFloats($"{attention}group_norm.weight", [2], [9, 10]));
        var original = VaeNames.ToOriginal(store);
        Assert.Equal(["decoder.mid.attn_1.norm.weight", "decoder.mid.attn_1.proj_out.weight", "decoder.mid.attn_1.q.bias"], original.Names);
        Assert.Equal([2L, 3, 1, 1], original["decoder.mid.attn_1.proj_out.weight"].Shape);
        SameTensors(store, VaeNames.FromOriginal(original));
    }

    public void Dispose() => _folder.Dispose();

    private static IEnumerable<string> DiffusersUNet(ImmutableArray<int> layers, Func<int, bool> attention)
    {
        foreach (var name in (string[])["conv_in", "time_embedding.linear_1", "add_embedding.linear_2", "conv_out", "mid_block.resnets.0.conv1", "mid_block.attentions.0.norm", "mid_block.resnets.1.norm2"])
            yield return $"{name}.weight";
        for (var block = 0; block < layers.Length; block++)
        {
            foreach (var name in Block("down", block, layers[block], attention(layers.Length - 1 - block)))
                yield return name;
            foreach (var name in Block("up", block, layers[layers.Length - 1 - block] + 1, attention(block)))
                yield return name;
            if (block == layers.Length - 1)
                continue;
            yield return $"down_blocks.{block}.downsamplers.0.conv.bias";
            yield return $"up_blocks.{block}.upsamplers.0.conv.bias";
        }
    }

    private static IEnumerable<string> Block(string way, int block, int layers, bool attention) => Enumerable.Range(0, layers).SelectMany(layer =>
        new[] { "norm1.weight", "conv2.bias", "conv_shortcut.weight" }.Select(name => $"{way}_blocks.{block}.resnets.{layer}.{name}")
            .Concat(attention ? [$"{way}_blocks.{block}.attentions.{layer}.proj_in.weight"] : []));

    private static void SameTensors(WeightStore expected, WeightStore actual)
    {
        Assert.Equal(expected.Names, actual.Names);
        Assert.All(expected.Tensors, pair => Assert.Equal(pair.Value.Shape, actual[pair.Key].Shape));
        Assert.All(expected.Tensors, pair => Assert.Equal(pair.Value.ToFloats(), actual[pair.Key].ToFloats()));
    }

    private static WeightStore One(string name) => WeightStore.Of(Named(name));

    private static TensorBytes Named(string name, int value = 0) => TensorBytes.OfFloats(name, [1], [value]);
}
