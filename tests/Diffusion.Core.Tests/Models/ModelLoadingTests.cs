using Diffusion.Core.Formats;
using Diffusion.Core.Models;
using Diffusion.Core.Tensors;
using Diffusion.Core.Tests.Randomness;
using Diffusion.Core.Weights;
using Xunit;
using static Diffusion.Core.Tests.Models.RandomModels;

namespace Diffusion.Core.Tests.Models;

public sealed class ModelLoadingTests
{
    private static readonly string Fixtures = Path.Combine(TorchGeneratorTests.Repository(), "tests", "fixtures", "models");

    [Fact]
    public void All_missing_and_misshapen_weights_are_listed_at_once()
    {
        var weights = RandomWeights(UNet2DConditionModel.ExpectedTensors(Small));
        var damaged = weights.Where(name => name is not ("conv_in.weight" or "mid_block.resnets.1.norm2.bias"))
            .With("conv_out.bias", Tensor.Zeros([5]))
            .With("time_embedding.linear_1.weight", Tensor.Zeros([8, 32]))
            .With("stray", Tensor.Zeros([1]));
        var error = Assert.Throws<CheckpointException>(() => UNet2DConditionModel.Of(Small, damaged));
        foreach (var part in new[] { "missing: 'conv_in.weight'", "missing: 'mid_block.resnets.1.norm2.bias'", "'conv_out.bias': [5], expected [4]", "(transposed)", "unexpected: 'stray'" })
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_aren_t_needed_do_no_harm()
    {
        var weights = RandomWeights(UNet2DConditionModel.ExpectedTensors(Small)).With("text_model.embeddings.position_ids", Tensor.Zeros([1]));
        Assert.NotNull(UNet2DConditionModel.Of(Small, weights));
    }

    [Fact]
    public void A_store_is_checked_before_it_is_read()
    {
        var store = WeightStore.Of(TensorBytes.OfFloats("conv_in.weight", [1], [0]));
        var error = Assert.Throws<CheckpointException>(() => UNet2DConditionModel.Load(Small, store));
        Assert.Contains("'conv_in.weight': [1], expected [8, 4, 3, 3]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Old_names_of_attention_layers_are_understood()
    {
        Assert.Equal("decoder.mid_block.attentions.0.to_q.weight", DeprecatedNames.Rename("decoder.mid_block.attentions.0.query.weight"));
        Assert.Equal("attentions.0.to_out.0.bias", DeprecatedNames.Rename("attentions.0.proj_attn.bias"));
        Assert.Equal("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k.weight", DeprecatedNames.Rename("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k.weight"));

        var folder = Path.Combine(Fixtures, "autoencoder_kl", "sd");
        var config = AutoencoderKLConfig.Parse(ModelConfig.Load(Path.Combine(folder, "config.json")));
        using var store = WeightStore.OpenFolder(folder);
        var old = store.Rename(name => name.Replace(".to_q.", ".query.", StringComparison.Ordinal).Replace(".to_k.", ".key.", StringComparison.Ordinal)
            .Replace(".to_v.", ".value.", StringComparison.Ordinal).Replace(".to_out.0.", ".proj_attn.", StringComparison.Ordinal));
        var z = Values(1, 1, 4, 4, 4);
        Close(AutoencoderKL.Load(folder).Decode(z), AutoencoderKL.Load(config, old).Decode(z), 0);
    }

    [Fact]
    public void Half_precision_weights_give_about_the_same_numbers()
    {
        var model = UNet(Small);
        var half = model.WithWeights(model.Weights.Select((_, tensor) => tensor.Cast(Kernels.ElementType.Float16).Realize()));
        var (sample, conditioning) = (Values(1, 1, 4, 8, 8), UNetConditioning.OnTokens(Values(2, 1, 5, 12)));
        var output = half.Forward(sample, 10, conditioning);
        Assert.Equal(Kernels.ElementType.Float32, output.ElementType);
        Close(model.Forward(sample, 10, conditioning), output, 0.02);
        Assert.Equal(model.Weights.ByteLength, 2 * half.Weights.ByteLength);
    }

    [Fact]
    public void Other_weights_leave_the_model_as_it_was()
    {
        var model = UNet(Small);
        var (sample, conditioning) = (Values(1, 1, 4, 8, 8), UNetConditioning.OnTokens(Values(2, 1, 5, 12)));
        var before = model.Forward(sample, 10, conditioning).Realize();
        var changed = model.WithWeights(model.Weights.With("conv_out.bias", model.Weights["conv_out.bias"] + 1));
        Close(before + 1, changed.Forward(sample, 10, conditioning));
        Close(before, model.Forward(sample, 10, conditioning), 0);
    }

    [Theory]
    [InlineData("block_out_channels", "[8, 0]")]
    [InlineData("block_out_channels", "[8, -1]")]
    [InlineData("block_out_channels", "[8, 1000000000]")]
    [InlineData("block_out_channels", "[8, 3.5]")]
    [InlineData("block_out_channels", "[8]")]
    [InlineData("block_out_channels", "[]")]
    [InlineData("down_block_types", "[]")]
    [InlineData("up_block_types", "[\"UpBlock2D\"]")]
    [InlineData("norm_num_groups", "3")]
    [InlineData("layers_per_block", "0")]
    [InlineData("in_channels", "-4")]
    [InlineData("cross_attention_dim", "0")]
    [InlineData("attention_head_dim", "[1, 2, 3]")]
    [InlineData("time_embedding_type", "\"sideways\"")]
    [InlineData("class_embed_type", "\"projection\"")]
    [InlineData("addition_embed_type", "\"text_time\"")]
    [InlineData("encoder_hid_dim_type", "\"text_proj\"")]
    [InlineData("norm_eps", "NaN")]
    [InlineData("_class_name", "\"UNet2DModel\"")]
    public void A_configuration_that_can_t_be_is_refused_by_its_field(string field, string value)
    {
        var given = ModelConfig.Parse($"{{\"{field}\": {value}}}", "config.json");
        var config = ModelConfig.Load(Path.Combine(Fixtures, "unet2d_condition", "sd1", "config.json")).Merge(given);
        var error = Assert.Throws<CheckpointException>(() => UNet2DConditionConfig.Parse(config));
        // A list of another length may be found out by the list that it goes with.
        Assert.True(error.Message.Contains(field, StringComparison.Ordinal) || error.Message.Contains("block_types", StringComparison.Ordinal) || error.Message.Contains("_dim", StringComparison.Ordinal), error.Message);
    }

    [Fact]
    public void Heads_that_don_t_divide_the_channels_are_refused()
    {
        Assert.Contains("3 attention heads", Assert.Throws<CheckpointException>(() => UNet2DConditionModel.ExpectedTensors(Small with { AttentionHeadDim = [3] })).Message, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => new ClipTextConfig { NumAttentionHeads = 5 }.Validated());
        Assert.Throws<NotSupportedException>(() => UNet2DConditionModel.ExpectedTensors(Small with { DownBlockTypes = ["CrossAttnDownBlock2D", "NoSuchBlock"] }));
    }
}
