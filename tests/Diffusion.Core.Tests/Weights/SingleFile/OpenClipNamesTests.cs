using Diffusion.Core.Formats;
using Diffusion.Core.Weights;
using Diffusion.Core.Weights.SingleFile;
using Xunit;

namespace Diffusion.Core.Tests.Weights.SingleFile;

public sealed class OpenClipNamesTests
{
    [Fact]
    public void A_whole_text_encoder_gets_the_names_of_transformers()
    {
        var store = OpenClipNames.FromOriginal(WeightStore.Of(
            Tensor("positional_embedding", 2), Tensor("token_embedding.weight", 2), Tensor("ln_final.bias", 2), Tensor("logit_scale", 1),
            Tensor("transformer.resblocks.0.ln_1.weight", 2), Tensor("transformer.resblocks.0.ln_2.weight", 2),
            Tensor("transformer.resblocks.0.mlp.c_fc.bias", 2), Tensor("transformer.resblocks.11.mlp.c_proj.bias", 2),
            Tensor("transformer.resblocks.0.attn.out_proj.weight", 2)));
        Assert.Equal(
            [
                "logit_scale", "text_model.embeddings.position_embedding.weight", "text_model.embeddings.token_embedding.weight",
                "text_model.encoder.layers.0.layer_norm1.weight", "text_model.encoder.layers.0.layer_norm2.weight",
                "text_model.encoder.layers.0.mlp.fc1.bias", "text_model.encoder.layers.0.self_attn.out_proj.weight",
                "text_model.encoder.layers.11.mlp.fc2.bias", "text_model.final_layer_norm.bias",
            ],
            store.Names);
    }

    [Fact]
    public void The_joined_projection_is_divided_by_rows()
    {
        var store = OpenClipNames.FromOriginal(WeightStore.Of(
            TensorBytes.OfHalves("resblocks.3.attn.in_proj_weight", [6, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
            TensorBytes.OfFloats("resblocks.3.attn.in_proj_bias", [6], [0, 1, 2, 3, 4, 5])));
        const string attention = "text_model.encoder.layers.3.self_attn.";
        Assert.Equal(6, store.Count);
        Assert.Equal([2L, 2], store[$"{attention}k_proj.weight"].Shape);
        Assert.Equal([0f, 1, 2, 3], store[$"{attention}q_proj.weight"].ToFloats());
        Assert.Equal([4f, 5, 6, 7], store[$"{attention}k_proj.weight"].ToFloats());
        Assert.Equal([8f, 9, 10, 11], store[$"{attention}v_proj.weight"].ToFloats());
        Assert.Equal([2f, 3], store[$"{attention}k_proj.bias"].ToFloats());
    }

    [Fact]
    public void The_text_projection_is_turned()
    {
        var matrix = TensorBytes.OfFloats("text_projection", [2, 3], [1, 2, 3, 4, 5, 6]);
        var turned = OpenClipNames.FromOriginal(WeightStore.Of(matrix))["text_projection.weight"];
        Assert.Equal([3L, 2], turned.Shape);
        Assert.Equal([1f, 4, 2, 5, 3, 6], turned.ToFloats());

        // A checkpoint that has it as a linear layer already has it the right way round.
        Assert.Equal([2L, 3], OpenClipNames.FromOriginal(WeightStore.Of(matrix with { Name = "text_projection.weight" }))["text_projection.weight"].Shape);
    }

    [Fact]
    public void A_projection_that_isn_t_three_is_refused() => Assert.Contains(
        "attn.in_proj_bias",
        Assert.Throws<ArgumentException>(() => OpenClipNames.FromOriginal(WeightStore.Of(Tensor("resblocks.0.attn.in_proj_bias", 4)))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Parts_of_a_tensor_are_checked()
    {
        var tensor = RawTensor.Of(TensorBytes.OfFloats("x", [2, 3], [1, 2, 3, 4, 5, 6]));
        Assert.Equal([4f, 5, 6], tensor.Rows(1, 1).ToFloats());
        Assert.Empty(tensor.Rows(2, 0).ToFloats());
        Assert.Equal([1f, 2, 3, 4, 5, 6], tensor.Transpose().Transpose().ToFloats());
        Assert.Equal([4f, 5, 6], tensor.Reshape(3, 2, 1).Rows(1, 2).Reshape(4).ToFloats()[1..]);
        Assert.Throws<ArgumentException>(() => tensor.Rows(1, 2));
        Assert.Throws<ArgumentException>(() => tensor.Rows(-1, 1));
        Assert.Throws<ArgumentException>(() => tensor.Reshape(7));
        Assert.Throws<ArgumentException>(() => tensor.Reshape(-2, -3));
        Assert.Throws<ArgumentException>(() => tensor.Reshape(6).Transpose());
    }

    private static TensorBytes Tensor(string name, int length) => TensorBytes.OfFloats(name, [length], new float[length]);
}
