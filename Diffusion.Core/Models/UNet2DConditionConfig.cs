using System.Collections.Immutable;
using Diffusion.Core.Formats;
using static Diffusion.Core.Models.ConfigChecks;

namespace Diffusion.Core.Models;

/// <summary>
/// The configuration of a <see cref="UNet2DConditionModel"/>: the fields and defaults of diffusers 0.27. Numbers that are null there
/// are null here, texts are empty.
/// </summary>
public sealed record UNet2DConditionConfig
{
    /// <summary>Where it was read, for messages.</summary>
    public string Source { get; init; } = "UNet2DConditionConfig";

    /// <summary>Rows and columns of the latents that the model was made for; 0 where that isn't known. Others work too.</summary>
    public int SampleSize { get; init; }

    /// <summary>Channels of the sample.</summary>
    public int InChannels { get; init; } = 4;

    /// <summary>Channels of the prediction.</summary>
    public int OutChannels { get; init; } = 4;

    /// <summary>The sample is 0 … 1 and is made −1 … 1.</summary>
    public bool CenterInputSample { get; init; }

    /// <summary>Cosines first in the time embedding.</summary>
    public bool FlipSinToCos { get; init; } = true;

    /// <summary>Shift of the time embedding's frequencies.</summary>
    public double FreqShift { get; init; }

    /// <summary>Classes of the downward blocks, finest first.</summary>
    public ImmutableArray<string> DownBlockTypes { get; init; } = ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"];

    /// <summary>Class of the middle block; empty for none.</summary>
    public string MidBlockType { get; init; } = "UNetMidBlock2DCrossAttn";

    /// <summary>Classes of the upward blocks, coarsest first.</summary>
    public ImmutableArray<string> UpBlockTypes { get; init; } = ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"];

    /// <summary>No self-attention, a level each.</summary>
    public ImmutableArray<bool> OnlyCrossAttention { get; init; } = [false];

    /// <summary>Channels, a level each.</summary>
    public ImmutableArray<int> BlockOutChannels { get; init; } = [320, 640, 1280, 1280];

    /// <summary>Layers, a level each.</summary>
    public ImmutableArray<int> LayersPerBlock { get; init; } = [2];

    /// <summary>Zeros around the input of downsampling convolutions.</summary>
    public int DownsamplePadding { get; init; } = 1;

    /// <summary>Sums in the middle block are divided by it.</summary>
    public double MidBlockScaleFactor { get; init; } = 1;

    /// <summary>The activation.</summary>
    public string ActFn { get; init; } = "silu";

    /// <summary>Groups of normalisations; null for K blocks, which know their own.</summary>
    public int? NormNumGroups { get; init; } = 32;

    /// <summary>Added to variances.</summary>
    public double NormEps { get; init; } = 1e-5;

    /// <summary>Channels of the tokens, a level each.</summary>
    public ImmutableArray<int> CrossAttentionDim { get; init; } = [1280];

    /// <summary>Transformer blocks a layer: a number a level, or a list with a number a layer.</summary>
    public ImmutableArray<ImmutableArray<int>> TransformerLayersPerBlock { get; init; } = [[1]];

    /// <summary>The same for the upward half; empty to take the downward half's in reverse.</summary>
    public ImmutableArray<ImmutableArray<int>> ReverseTransformerLayersPerBlock { get; init; } = [];

    /// <summary>Channels of the tokens as they come in, where they are projected.</summary>
    public int? EncoderHidDim { get; init; }

    /// <summary>How: <c>text_proj</c>, <c>text_image_proj</c>, <c>image_proj</c>; empty for not at all.</summary>
    public string EncoderHidDimType { get; init; } = "";

    /// <summary>
    /// Named for the size of a head, but for transformer blocks it is the <em>number</em> of heads: an old mistake in names that all
    /// checkpoints rely on. A level each.
    /// </summary>
    public ImmutableArray<int> AttentionHeadDim { get; init; } = [8];

    /// <summary>Two transformers in place of one.</summary>
    public bool DualCrossAttention { get; init; }

    /// <summary>Linear layers around transformer blocks.</summary>
    public bool UseLinearProjection { get; init; }

    /// <summary><c>timestep</c>, <c>identity</c>, <c>projection</c>, <c>simple_projection</c>; empty for numbered classes or none.</summary>
    public string ClassEmbedType { get; init; } = "";

    /// <summary><c>text</c>, <c>text_image</c>, <c>text_time</c>, <c>image</c>, <c>image_hint</c>; empty for none.</summary>
    public string AdditionEmbedType { get; init; } = "";

    /// <summary>Length of each embedded number of <c>text_time</c>.</summary>
    public int? AdditionTimeEmbedDim { get; init; }

    /// <summary>How many classes there are.</summary>
    public int? NumClassEmbeds { get; init; }

    /// <summary>Computes attention scores in float32; here they always are.</summary>
    public bool UpcastAttention { get; init; }

    /// <summary><c>default</c> or <c>scale_shift</c>.</summary>
    public string ResnetTimeScaleShift { get; init; } = "default";

    /// <summary>The time embedding comes activated already.</summary>
    public bool ResnetSkipTimeAct { get; init; }

    /// <summary>Sums in blocks that change size with residual blocks are divided by it.</summary>
    public double ResnetOutScaleFactor { get; init; } = 1;

    /// <summary><c>positional</c> or <c>fourier</c>.</summary>
    public string TimeEmbeddingType { get; init; } = "positional";

    /// <summary>Length of the time embedding; null for four times (fourier: twice) the first level's channels.</summary>
    public int? TimeEmbeddingDim { get; init; }

    /// <summary>Activation of the whole time embedding; empty for none.</summary>
    public string TimeEmbeddingActFn { get; init; } = "";

    /// <summary>Activation after the time embedding's second layer; empty for none.</summary>
    public string TimestepPostAct { get; init; } = "";

    /// <summary>Length of a condition that is added to the timestep's embedding.</summary>
    public int? TimeCondProjDim { get; init; }

    /// <summary>Size of the first convolution.</summary>
    public int ConvInKernel { get; init; } = 3;

    /// <summary>Size of the last convolution.</summary>
    public int ConvOutKernel { get; init; } = 3;

    /// <summary>Length of the vectors that <c>projection</c>, <c>simple_projection</c> and <c>text_time</c> take.</summary>
    public int? ProjectionClassEmbeddingsInputDim { get; init; }

    /// <summary><c>default</c>, or <c>gated</c> and <c>gated-text-image</c> for GLIGEN.</summary>
    public string AttentionType { get; init; } = "default";

    /// <summary>Class and time embeddings one after the other instead of added.</summary>
    public bool ClassEmbeddingsConcat { get; init; }

    /// <summary>No self-attention in the middle; null to take it from <see cref="OnlyCrossAttention"/>.</summary>
    public bool? MidBlockOnlyCrossAttention { get; init; }

    /// <summary><c>layer_norm</c> or <c>group_norm</c> on tokens; empty for none.</summary>
    public string CrossAttentionNorm { get; init; } = "";

    /// <summary>Heads of <c>text</c>'s pooling.</summary>
    public int AdditionEmbedTypeNumHeads { get; init; } = 64;

    /// <summary>Number of levels.</summary>
    public int Levels => DownBlockTypes.Length;

    /// <summary>Length of the time embedding.</summary>
    public int TimeEmbedDim => TimeEmbeddingDim ?? BlockOutChannels[0] * (TimeEmbeddingType == "fourier" ? 2 : 4);

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <exception cref="CheckpointException">A value isn't what was expected; the message names field and value.</exception>
    /// <exception cref="NotSupportedException">An option isn't supported.</exception>
    public static UNet2DConditionConfig Parse(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Class(config, "UNet2DConditionModel");
        if (config.Has("num_attention_heads"))
            throw new NotSupportedException($"{config.Source}: num_attention_heads can't be given; say how many heads there are with attention_head_dim, as diffusers does.");
        var d = new UNet2DConditionConfig();
        var read = new UNet2DConditionConfig
        {
            Source = config.Source,
            SampleSize = config.IsList("sample_size") ? config.GetIntArray("sample_size")[0] : config.GetInt("sample_size", 0),
            InChannels = config.GetInt("in_channels", d.InChannels),
            OutChannels = config.GetInt("out_channels", d.OutChannels),
            CenterInputSample = config.GetBool("center_input_sample", d.CenterInputSample),
            FlipSinToCos = config.GetBool("flip_sin_to_cos", d.FlipSinToCos),
            FreqShift = config.GetDouble("freq_shift", d.FreqShift),
            DownBlockTypes = config.GetTextArray("down_block_types", d.DownBlockTypes),
            // Absent is the default, null is none.
            MidBlockType = config.GetText("mid_block_type", config.Names.Contains("mid_block_type") ? "" : d.MidBlockType),
            UpBlockTypes = config.GetTextArray("up_block_types", d.UpBlockTypes),
            OnlyCrossAttention = config.GetBoolArray("only_cross_attention", d.OnlyCrossAttention),
            BlockOutChannels = config.GetIntArray("block_out_channels", d.BlockOutChannels),
            LayersPerBlock = config.GetIntArray("layers_per_block", d.LayersPerBlock),
            DownsamplePadding = config.GetInt("downsample_padding", d.DownsamplePadding),
            MidBlockScaleFactor = config.GetDouble("mid_block_scale_factor", d.MidBlockScaleFactor),
            ActFn = config.GetText("act_fn", d.ActFn),
            NormNumGroups = Int(config, "norm_num_groups", config.Names.Contains("norm_num_groups") ? null : d.NormNumGroups),
            NormEps = config.GetDouble("norm_eps", d.NormEps),
            CrossAttentionDim = config.GetIntArray("cross_attention_dim", d.CrossAttentionDim),
            TransformerLayersPerBlock = config.Has("transformer_layers_per_block") ? config.GetNestedIntArray("transformer_layers_per_block") : d.TransformerLayersPerBlock,
            ReverseTransformerLayersPerBlock = config.GetNestedIntArray("reverse_transformer_layers_per_block"),
            EncoderHidDim = Int(config, "encoder_hid_dim", null),
            EncoderHidDimType = config.GetText("encoder_hid_dim_type", config.Has("encoder_hid_dim") ? "text_proj" : ""),
            AttentionHeadDim = config.GetIntArray("attention_head_dim", d.AttentionHeadDim),
            DualCrossAttention = config.GetBool("dual_cross_attention", d.DualCrossAttention),
            UseLinearProjection = config.GetBool("use_linear_projection", d.UseLinearProjection),
            ClassEmbedType = config.GetText("class_embed_type", ""),
            AdditionEmbedType = config.GetText("addition_embed_type", ""),
            AdditionTimeEmbedDim = Int(config, "addition_time_embed_dim", null),
            NumClassEmbeds = Int(config, "num_class_embeds", null),
            UpcastAttention = config.GetBool("upcast_attention", false),
            ResnetTimeScaleShift = config.GetText("resnet_time_scale_shift", d.ResnetTimeScaleShift),
            ResnetSkipTimeAct = config.GetBool("resnet_skip_time_act", false),
            ResnetOutScaleFactor = config.GetDouble("resnet_out_scale_factor", d.ResnetOutScaleFactor),
            TimeEmbeddingType = config.GetText("time_embedding_type", d.TimeEmbeddingType),
            TimeEmbeddingDim = Int(config, "time_embedding_dim", null),
            TimeEmbeddingActFn = config.GetText("time_embedding_act_fn", ""),
            TimestepPostAct = config.GetText("timestep_post_act", ""),
            TimeCondProjDim = Int(config, "time_cond_proj_dim", null),
            ConvInKernel = config.GetInt("conv_in_kernel", d.ConvInKernel),
            ConvOutKernel = config.GetInt("conv_out_kernel", d.ConvOutKernel),
            ProjectionClassEmbeddingsInputDim = Int(config, "projection_class_embeddings_input_dim", null),
            AttentionType = config.GetText("attention_type", d.AttentionType),
            ClassEmbeddingsConcat = config.GetBool("class_embeddings_concat", false),
            MidBlockOnlyCrossAttention = config.Has("mid_block_only_cross_attention") ? config.GetBool("mid_block_only_cross_attention") : null,
            CrossAttentionNorm = config.GetText("cross_attention_norm", ""),
            AdditionEmbedTypeNumHeads = config.GetInt("addition_embed_type_num_heads", d.AdditionEmbedTypeNumHeads),
        };
        return read.Validated();
    }

    /// <summary>This configuration, once its values have been found to fit together.</summary>
    /// <exception cref="CheckpointException">A value isn't what was expected; the message names field and value.</exception>
    public UNet2DConditionConfig Validated()
    {
        NotEmpty(Source, "down_block_types", DownBlockTypes);
        Length(Source, "up_block_types", UpBlockTypes.Length, "down_block_types", Levels);
        Length(Source, "block_out_channels", BlockOutChannels.Length, "down_block_types", Levels);
        Sizes(Source, "block_out_channels", BlockOutChannels);
        Size(Source, "in_channels", InChannels);
        Size(Source, "out_channels", OutChannels);
        PerLevel("only_cross_attention", OnlyCrossAttention.Length);
        PerLevel("layers_per_block", LayersPerBlock.Length);
        PerLevel("cross_attention_dim", CrossAttentionDim.Length);
        PerLevel("attention_head_dim", AttentionHeadDim.Length);
        PerLevel("transformer_layers_per_block", TransformerLayersPerBlock.Length);
        if (!ReverseTransformerLayersPerBlock.IsEmpty)
            Length(Source, "reverse_transformer_layers_per_block", ReverseTransformerLayersPerBlock.Length, "down_block_types", Levels);
        foreach (int layers in LayersPerBlock)
        {
            if (layers is < 1 or > 1000)
                throw Error(Source, "layers_per_block", layers, "a number from 1 to 1000");
        }
        Sizes(Source, "cross_attention_dim", CrossAttentionDim);
        Sizes(Source, "attention_head_dim", AttentionHeadDim);
        foreach (var layers in TransformerLayersPerBlock.Concat(ReverseTransformerLayersPerBlock))
        {
            NotEmpty(Source, "transformer_layers_per_block", layers);
            foreach (int n in layers)
                Count(Source, "transformer_layers_per_block", n);
        }
        if (NormNumGroups is { } groups)
            Divides(Source, "norm_num_groups", groups, "block_out_channels", BlockOutChannels);
        Finite(Source, "norm_eps", NormEps, 0, 1);
        Finite(Source, "mid_block_scale_factor", MidBlockScaleFactor, 1e-6, 1e6);
        Finite(Source, "resnet_out_scale_factor", ResnetOutScaleFactor, 1e-6, 1e6);
        Count(Source, "downsample_padding", DownsamplePadding, 2);
        foreach (var (field, kernel) in new[] { ("conv_in_kernel", ConvInKernel), ("conv_out_kernel", ConvOutKernel) })
        {
            if (kernel is < 1 or > 15)
                throw Error(Source, field, kernel, "a number from 1 to 15");
        }
        OneOf(Source, "time_embedding_type", TimeEmbeddingType, "positional", "fourier");
        OneOf(Source, "class_embed_type", ClassEmbedType, "", "timestep", "identity", "projection", "simple_projection");
        OneOf(Source, "addition_embed_type", AdditionEmbedType, "", "text", "text_image", "text_time", "image", "image_hint");
        OneOf(Source, "encoder_hid_dim_type", EncoderHidDimType, "", "text_proj", "text_image_proj", "image_proj");
        OneOf(Source, "attention_type", AttentionType, "default", "gated", "gated-text-image");
        OneOf(Source, "resnet_time_scale_shift", ResnetTimeScaleShift, "default", "scale_shift", "ada_group", "spatial");
        OneOf(Source, "cross_attention_norm", CrossAttentionNorm, "", "layer_norm", "group_norm");
        Optional(Source, "encoder_hid_dim", EncoderHidDim);
        Optional(Source, "addition_time_embed_dim", AdditionTimeEmbedDim);
        Optional(Source, "num_class_embeds", NumClassEmbeds);
        Optional(Source, "time_embedding_dim", TimeEmbeddingDim);
        Optional(Source, "time_cond_proj_dim", TimeCondProjDim);
        Optional(Source, "projection_class_embeddings_input_dim", ProjectionClassEmbeddingsInputDim);
        if (TimeEmbeddingType == "fourier" && TimeEmbedDim % 2 != 0)
            throw Error(Source, "time_embedding_dim", TimeEmbedDim, "an even number");
        Needs("encoder_hid_dim", EncoderHidDim, EncoderHidDimType.Length > 0, "encoder_hid_dim_type");
        Needs("encoder_hid_dim", EncoderHidDim, AdditionEmbedType is "image" or "image_hint", "addition_embed_type");
        Needs("projection_class_embeddings_input_dim", ProjectionClassEmbeddingsInputDim, ClassEmbedType is "projection" or "simple_projection", "class_embed_type");
        Needs("projection_class_embeddings_input_dim", ProjectionClassEmbeddingsInputDim, AdditionEmbedType == "text_time", "addition_embed_type");
        Needs("addition_time_embed_dim", AdditionTimeEmbedDim, AdditionEmbedType == "text_time", "addition_embed_type");
        return this;
    }

    /// <summary>A level's value: the list's, or its only one.</summary>
    internal static T At<T>(ImmutableArray<T> values, int level) => values.Length == 1 ? values[0] : values[level];

    private void PerLevel(string field, int length)
    {
        if (length != 1)
            Length(Source, field, length, "down_block_types", Levels);
    }

    private void Needs(string field, int? value, bool needed, string by)
    {
        if (needed && value is null)
            throw Error(Source, field, "null", $"a number, since {by} is set");
    }

    private static int? Int(ModelConfig config, string field, int? @default) => config.Has(field) ? config.GetInt(field) : @default;
}
