using Diffusion.Core.Models;
using Diffusion.Core.Models.Blocks;
using Diffusion.Core.Randomness;
using Diffusion.Core.Tensors;

namespace Diffusion.Conformance.Areas.Models;

/// <summary>How the calls of each model class are made.</summary>
public static class ModelFamilies
{
    /// <summary>By class name: makes the call and compares its outputs.</summary>
    public static IReadOnlyDictionary<string, Func<ModelCase, Verdict>> Known { get; } = new SortedDictionary<string, Func<ModelCase, Verdict>>(StringComparer.Ordinal)
    {
        ["UNet2DConditionModel"] = UNet2DCondition,
        ["UNet2DModel"] = UNet2D,
        ["AutoencoderKL"] = Vae,
        ["AutoencoderTiny"] = TinyVae,
        ["CLIPTextModel"] = ClipText,
        ["CLIPTextModelWithProjection"] = ClipTextProjection,
    };

    private static Verdict UNet2DCondition(ModelCase c)
    {
        var model = UNet2DConditionModel.Load(c.Folder, device: c.Device);
        var conditioning = new UNetConditioning
        {
            EncoderHiddenStates = c.Optional("encoder_hidden_states"),
            EncoderAttentionMask = c.Optional("encoder_attention_mask"),
            AttentionMask = c.Optional("attention_mask"),
            ClassLabels = c.Optional("class_labels"),
            TimestepCond = c.Optional("timestep_cond"),
            TextEmbeds = c.Optional("added_cond_kwargs/text_embeds"),
            TimeIds = c.Optional("added_cond_kwargs/time_ids"),
            ImageEmbeds = c.Optional("added_cond_kwargs/image_embeds"),
            Hint = c.Optional("added_cond_kwargs/hint"),
            DownBlockAdditionalResiduals = [.. c.List("down_block_additional_residuals")],
            MidBlockAdditionalResidual = c.Optional("mid_block_additional_residual"),
            DownIntrablockAdditionalResiduals = [.. c.List("down_intrablock_additional_residuals")],
            Gligen = c.Has("cross_attention_kwargs/gligen/boxes") ? Gligen(c) : null,
            // The layout's README gives these factors.
            Hooks = c.Call == "freeu" ? UNetHooks.None.WithFreeU(s1: 0.9, s2: 0.2, b1: 1.2, b2: 1.4) : UNetHooks.None,
        };
        var sample = c.Number("timestep") is { } timestep
            ? model.Forward(c.In("sample"), timestep, conditioning)
            : model.Forward(c.In("sample"), c.In("timestep"), conditioning);
        return c.Compare(field => field is "sample" or "" ? sample : null);
    }

    private static GligenInput Gligen(ModelCase c)
    {
        Tensor? Part(string name) => c.Optional($"cross_attention_kwargs/gligen/{name}");
        return new GligenInput
        {
            Boxes = c.In("cross_attention_kwargs/gligen/boxes"),
            Masks = c.In("cross_attention_kwargs/gligen/masks"),
            PositiveEmbeddings = Part("positive_embeddings"),
            PhrasesMasks = Part("phrases_masks"),
            ImageMasks = Part("image_masks"),
            PhrasesEmbeddings = Part("phrases_embeddings"),
            ImageEmbeddings = Part("image_embeddings"),
        };
    }

    private static Verdict UNet2D(ModelCase c)
    {
        var model = UNet2DModel.Load(c.Folder, device: c.Device);
        var conditioning = new UNetConditioning { ClassLabels = c.Optional("class_labels") };
        var sample = c.Number("timestep") is { } timestep
            ? model.Forward(c.In("sample"), timestep, conditioning)
            : model.Forward(c.In("sample"), c.In("timestep"), conditioning);
        return c.Compare(field => field is "sample" or "" ? sample : null);
    }

    private static Verdict Vae(ModelCase c)
    {
        var vae = AutoencoderKL.Load(c.Folder, device: c.Device);
        switch (c.Call)
        {
            case "encode":
                var posterior = vae.Encode(c.In("x"));
                return c.Compare(field => Posterior(posterior, field));
            case "forward":
                return c.Compare(_ => vae.Decode(vae.Encode(c.In("sample")).Mode));
            case "tiled":
                var tiled = VaeOptions.Default.WithTiling(Tiling(c));
                return c.Compare(field => field == "encode_mode" ? vae.Encode(c.In("x"), tiled).Mode : vae.Decode(c.In("z"), tiled));
            case "sliced":
                return c.Compare(_ => vae.Decode(c.In("z"), VaeOptions.Default.WithSlicing(true)));
            case "decode":
                return c.Compare(_ => vae.Decode(c.In("z")));
            default:
                return Verdict.Skip($"the call {c.Call} of AutoencoderKL isn't known.");
        }
    }

    private static Tensor? Posterior(DiagonalGaussian posterior, string field) => field switch
    {
        "mean" => posterior.Mean,
        "logvar" => posterior.LogVariance,
        "std" => posterior.StandardDeviation,
        "var" => posterior.Variance,
        "mode" => posterior.Mode,
        "kl" => posterior.KlDivergence(),
        _ when field.StartsWith("sample_seed", StringComparison.Ordinal) => posterior.Sample(Tensor.From(
            new TorchGenerator(ulong.Parse(field["sample_seed".Length..], System.Globalization.CultureInfo.InvariantCulture)).Randn(posterior.Mean.Shape.Count),
            posterior.Mean.Shape, posterior.Mean.Device)),
        _ => null,
    };

    private static VaeTiling Tiling(ModelCase c) =>
        new(c.Integer("tile_sample_min_size"), c.Integer("tile_latent_min_size"), c.Number("tile_overlap_factor") ?? 0.25);

    private static Verdict TinyVae(ModelCase c)
    {
        var vae = AutoencoderTiny.Load(c.Folder, device: c.Device);
        var tiled = VaeOptions.Default.WithTiling(Tiling(c));
        var z = c.In("z");
        return c.Compare(field => field switch
        {
            "encode" => vae.Encode(c.In("x")),
            "decode" => vae.Decode(z),
            "forward" => vae.Decode(vae.UnscaleLatents((vae.ScaleLatents(vae.Encode(c.In("x"))) * 255).Round() / 255)),
            "scaled" => vae.ScaleLatents(z),
            "unscaled" => vae.UnscaleLatents(vae.ScaleLatents(z)),
            "tiled_decode" => vae.Decode(c.In("zt"), tiled),
            "tiled_encode" => vae.Encode(c.In("xt"), tiled),
            // The reference decodes the whole batch for each of its pictures and puts all of that together.
            "sliced_decode" => Tensor.Concat(0, [.. Enumerable.Repeat(vae.Decode(z, VaeOptions.Default.WithSlicing(true)), z.Shape[0])]),
            _ => null,
        });
    }

    private static Verdict ClipText(ModelCase c)
    {
        var output = ClipTextModel.Load(c.Folder, device: c.Device).Forward(c.In("input_ids"), c.Optional("attention_mask"));
        return c.Compare(field => TextField(output, field));
    }

    private static Verdict ClipTextProjection(ModelCase c)
    {
        var output = ClipTextModelWithProjection.Load(c.Folder, device: c.Device).Forward(c.In("input_ids"), c.Optional("attention_mask"));
        return c.Compare(field => field == "text_embeds" ? output.TextEmbeds : TextField(output.Text, field));
    }

    private static Tensor? TextField(ClipTextOutput output, string field) => field switch
    {
        "last_hidden_state" => output.LastHiddenState,
        "pooler_output" => output.PoolerOutput,
        _ when field.StartsWith("hidden_states/", StringComparison.Ordinal) =>
            output.HiddenStates[int.Parse(field["hidden_states/".Length..], System.Globalization.CultureInfo.InvariantCulture)],
        _ => null,
    };
}
