using System.Collections.Immutable;
using Diffusion.Core.Models;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Tensors;
using Xunit;
using static Diffusion.Core.Tests.Models.RandomModels;

namespace Diffusion.Core.Tests.Models;

/// <summary>Options that no reference numbers are at hand for: what must hold whatever the weights are.</summary>
public sealed class UNetOptionTests
{
    private static readonly UNet2DConditionConfig Upscaler = Small with
    {
        // The latent upscaler's blocks (k-diffusion) with 32 channels a group.
        InChannels = 4,
        BlockOutChannels = [32, 64, 64],
        DownBlockTypes = ["KDownBlock2D", "KCrossAttnDownBlock2D", "KCrossAttnDownBlock2D"],
        UpBlockTypes = ["KCrossAttnUpBlock2D", "KCrossAttnUpBlock2D", "KUpBlock2D"],
        MidBlockType = "",
        NormNumGroups = null,
        LayersPerBlock = [2],
        AttentionHeadDim = [16],
        TimeEmbeddingType = "fourier",
        TimeEmbeddingDim = 64,
        TimeCondProjDim = 20,
        ConvInKernel = 1,
        ConvOutKernel = 1,
        ActFn = "gelu",
    };

    public static TheoryData<string> Cases => [.. Configurations.Keys];

    private static ImmutableSortedDictionary<string, UNet2DConditionConfig> Configurations { get; } = new Dictionary<string, UNet2DConditionConfig>
    {
        ["plain"] = Small,
        ["upscaler"] = Upscaler,
        ["fourier"] = Small with { TimeEmbeddingType = "fourier" },
        ["only cross"] = Small with { OnlyCrossAttention = [true, false] },
        ["linear, kernels"] = Small with { UseLinearProjection = true, ConvInKernel = 5, ConvOutKernel = 1, DownsamplePadding = 0 },
        ["attention blocks"] = Small with { DownBlockTypes = ["AttnDownBlock2D", "DownBlock2D"], UpBlockTypes = ["UpBlock2D", "AttnUpBlock2D"], AttentionHeadDim = [4] },
        ["no middle"] = Small with { MidBlockType = "" },
        ["old names"] = Small with { DownBlockTypes = ["UNetResCrossAttnDownBlock2D", "UNetResDownBlock2D"] },
        ["layers each"] = Small with { LayersPerBlock = [1, 2], TransformerLayersPerBlock = [[2], [1]], CrossAttentionDim = [12, 12] },
        ["simple, layer norm, only cross"] = Small with
        {
            DownBlockTypes = ["SimpleCrossAttnDownBlock2D", "ResnetDownsampleBlock2D"],
            UpBlockTypes = ["ResnetUpsampleBlock2D", "SimpleCrossAttnUpBlock2D"],
            MidBlockType = "UNetMidBlock2DSimpleCrossAttn",
            AttentionHeadDim = [4],
            OnlyCrossAttention = [true],
        },
        ["gated"] = Small with { AttentionType = "gated" },
    }.ToImmutableSortedDictionary(StringComparer.Ordinal);

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_batch_is_its_samples_one_by_one(string name)
    {
        var model = UNet(Configurations[name]);
        var (sample, tokens, timesteps) = (Values(5, 2, 4, 8, 8), Values(6, 2, 5, 12), new[] { 3f, 711f });
        UNetConditioning On(Tensor part, int start) => UNetConditioning.OnTokens(part) with
        {
            TimestepCond = model.Config.TimeCondProjDim is { } size ? Values(7, 2, size).Slice(0, start, part.Shape[0]) : null,
        };
        var together = model.Forward(sample, Tensor.From(timesteps, Shape.Of(2)), On(tokens, 0)).Realize();
        Assert.Equal(Shape.Of(2, 4, 8, 8), together.Shape);
        Assert.All(together.ToArray(), value => Assert.True(float.IsFinite(value)));
        for (int i = 0; i < 2; i++)
            Close(together.Slice(0, i, 1), model.Forward(sample.Slice(0, i, 1), timesteps[i], On(tokens.Slice(0, i, 1), i)));
        Assert.True(Distance(together, model.Forward(sample, Tensor.From([3f, 3f], Shape.Of(2)), On(tokens, 0))) > 1e-3, "The timestep makes no difference.");
    }

    [Fact]
    public void Two_transformers_see_text_and_image_tokens()
    {
        var model = UNet(Small with { DualCrossAttention = true });
        var (sample, tokens) = (Values(1, 1, 4, 8, 8), Values(2, 1, 80, 12));
        var output = model.Forward(sample, 10, UNetConditioning.OnTokens(tokens));
        Assert.True(Distance(output, model.Forward(sample, 10, UNetConditioning.OnTokens(Tensor.Concat(1, tokens.Slice(1, 0, 77), -tokens.Slice(1, 77, 3))))) > 1e-5);
        Assert.Throws<TensorShapeException>(() => model.Forward(sample, 10, UNetConditioning.OnTokens(tokens.Slice(1, 0, 77))));
    }

    [Fact]
    public void Closed_gates_make_boxes_invisible()
    {
        var config = Small with { AttentionType = "gated" };
        var weights = RandomWeights(UNet2DConditionModel.ExpectedTensors(config));
        var open = UNet2DConditionModel.Of(config, weights);
        var closed = open.WithWeights(weights.Select((name, tensor) => name.Contains("fuser.alpha", StringComparison.Ordinal) ? Tensor.Zeros([]) : tensor));
        var (sample, plain) = (Values(1, 1, 4, 8, 8), UNetConditioning.OnTokens(Values(2, 1, 5, 12)));
        var boxed = plain.WithGligen(new GligenInput
        {
            Boxes = Values(3, 1, 2, 4).Abs(),
            Masks = Tensor.From([1f, 0f], Shape.Of(1, 2)),
            PositiveEmbeddings = Values(4, 1, 2, 12),
        });
        Close(open.Forward(sample, 10, plain), closed.Forward(sample, 10, boxed));
        Assert.True(Distance(open.Forward(sample, 10, plain), open.Forward(sample, 10, boxed)) > 1e-4);
        // What lies in a box that isn't used makes no difference.
        var other = boxed.WithGligen(boxed.Gligen! with { Boxes = Tensor.Concat(1, boxed.Gligen.Boxes.Slice(1, 0, 1), Values(9, 1, 1, 4).Abs()) });
        Close(open.Forward(sample, 10, boxed), open.Forward(sample, 10, other));
        Assert.Throws<NotSupportedException>(() => UNet(Small).Forward(sample, 10, boxed));
    }

    [Fact]
    public void A_hint_becomes_channels()
    {
        var config = Small with { InChannels = 8, EncoderHidDim = 6, EncoderHidDimType = "image_proj", AdditionEmbedType = "image_hint" };
        var conditioning = UNetConditioning.None.WithImageEmbeds(Values(2, 1, 6)).WithHint(Values(3, 1, 3, 64, 64));
        var output = UNet(config).Forward(Values(1, 1, 4, 8, 8), 10, conditioning);
        Assert.Equal(Shape.Of(1, 4, 8, 8), output.Shape);
        Assert.True(Distance(output, UNet(config).Forward(Values(1, 1, 4, 8, 8), 10, conditioning.WithHint(Values(4, 1, 3, 64, 64)))) > 1e-4);
    }

    [Fact]
    public void Residuals_of_zero_change_nothing()
    {
        var model = UNet(Small);
        var (sample, plain) = (Values(1, 1, 4, 8, 8), UNetConditioning.OnTokens(Values(2, 1, 5, 12)));
        var output = model.Forward(sample, 10, plain).Realize();
        ImmutableArray<Tensor> down = [Tensor.Zeros([1, 8, 8, 8]), Tensor.Zeros([1, 8, 8, 8]), Tensor.Zeros([1, 8, 4, 4]), Tensor.Zeros([1, 16, 4, 4])];
        Close(output, model.Forward(sample, 10, plain.WithControl(down, Tensor.Zeros([1, 16, 4, 4]))));
        Close(output, model.Forward(sample, 10, plain.WithAdapter([Tensor.Zeros([1, 8, 8, 8]), Tensor.Zeros([1, 16, 4, 4])])));
        Assert.True(Distance(output, model.Forward(sample, 10, plain.WithAdapter([Tensor.Ones([1, 8, 8, 8]), Tensor.Ones([1, 16, 4, 4])]))) > 1e-3);
        Assert.Throws<TensorShapeException>(() => model.Forward(sample, 10, plain.WithControl(down[1..], Tensor.Zeros([1, 16, 4, 4]))));
    }

    [Fact]
    public void Masked_tokens_make_no_difference()
    {
        var model = UNet(Small);
        var (sample, tokens, mask) = (Values(1, 1, 4, 8, 8), Values(2, 1, 5, 12), Tensor.From([1f, 1f, 1f, 0f, 0f], Shape.Of(1, 5)));
        var masked = model.Forward(sample, 10, UNetConditioning.OnTokens(tokens).WithEncoderAttentionMask(mask));
        Close(model.Forward(sample, 10, UNetConditioning.OnTokens(tokens.Slice(1, 0, 3))), masked);
    }

    [Fact]
    public void Every_attention_layer_asks_the_processor_once_by_its_name()
    {
        var names = new List<string>();
        var model = UNet(Small);
        var (sample, plain) = (Values(1, 1, 4, 8, 8), UNetConditioning.OnTokens(Values(2, 1, 5, 12)));
        var hooks = UNetHooks.None.WithAttention(call =>
        {
            names.Add(call.Layer.Name);
            return AttentionCall.Default(call);
        });
        Close(model.Forward(sample, 10, plain), model.Forward(sample, 10, plain.WithHooks(hooks)), 0);
        var expected = UNet2DConditionModel.ExpectedTensors(Small).Where(t => t.Name.EndsWith(".to_q.weight", StringComparison.Ordinal)).Select(t => t.Name[..^".to_q.weight".Length]);
        Assert.Equal(expected.Order(StringComparer.Ordinal), names.Order(StringComparer.Ordinal));
        Assert.Contains("down_blocks.0.attentions.0.transformer_blocks.0.attn2", names);
    }

    [Fact]
    public void FreeU_with_factors_of_one_changes_nothing()
    {
        var model = UNet(Small);
        var (sample, plain) = (Values(1, 1, 4, 8, 8), UNetConditioning.OnTokens(Values(2, 1, 5, 12)));
        Close(model.Forward(sample, 10, plain), model.Forward(sample, 10, plain.WithHooks(UNetHooks.None.WithFreeU(1, 1, 1, 1))));
        Assert.True(Distance(model.Forward(sample, 10, plain), model.Forward(sample, 10, plain.WithHooks(UNetHooks.None.WithFreeU(0.9, 0.2, 1.2, 1.4)))) > 1e-3);
    }

    [Fact]
    public void What_a_model_needs_and_doesn_t_get_is_named()
    {
        var model = UNet(Small with { NumClassEmbeds = 3 });
        var sample = Values(1, 1, 4, 8, 8);
        Assert.Contains("ClassLabels", Assert.Throws<TensorShapeException>(() => model.Forward(sample, 10, UNetConditioning.OnTokens(Values(2, 1, 5, 12)))).Message, StringComparison.Ordinal);
        Assert.Throws<TensorShapeException>(() => model.Forward(Values(1, 1, 3, 8, 8), 10, UNetConditioning.None.WithClassLabels(Tensor.FromIntegers([1], [1]))));
        Assert.Throws<TensorShapeException>(() => model.Forward(Values(1, 2, 4, 8, 8), Tensor.From([1f, 2f, 3f], Shape.Of(3)), UNetConditioning.None));
    }

    [Theory]
    [InlineData("positional", "")]
    [InlineData("learned", "")]
    [InlineData("fourier", "timestep")]
    public void The_unconditional_UNet_takes_its_time_embeddings(string type, string classes)
    {
        var config = new UNet2DConfig
        {
            BlockOutChannels = [8, 16],
            DownBlockTypes = ["DownBlock2D", "AttnDownBlock2D"],
            UpBlockTypes = ["AttnUpBlock2D", "UpBlock2D"],
            LayersPerBlock = 1,
            NormNumGroups = 4,
            AttentionHeadDim = 4,
            TimeEmbeddingType = type,
            NumTrainTimesteps = 100,
            ClassEmbedType = classes,
        };
        var model = UNet2DModel.Of(config, RandomWeights(UNet2DModel.ExpectedTensors(config)));
        var conditioning = classes.Length == 0 ? UNetConditioning.None : UNetConditioning.None.WithClassLabels(Tensor.From([4f], Shape.Of(1)));
        var output = model.Forward(Values(1, 1, 3, 8, 8), 7, conditioning);
        Assert.Equal(Shape.Of(1, 3, 8, 8), output.Shape);
        Assert.True(Distance(output, model.Forward(Values(1, 1, 3, 8, 8), 8, conditioning)) > 1e-5);
    }
}
