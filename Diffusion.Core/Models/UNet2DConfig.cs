using System.Collections.Immutable;
using Diffusion.Core.Formats;
using static Diffusion.Core.Models.ConfigChecks;

namespace Diffusion.Core.Models;

/// <summary>The configuration of a <see cref="UNet2DModel"/>: the fields and defaults of diffusers 0.27.</summary>
public sealed record UNet2DConfig
{
    /// <summary>Where it was read, for messages.</summary>
    public string Source { get; init; } = "UNet2DConfig";

    /// <summary>Rows and columns that the model was made for; 0 where that isn't known. Others work too.</summary>
    public int SampleSize { get; init; }

    /// <summary>Channels of the sample.</summary>
    public int InChannels { get; init; } = 3;

    /// <summary>Channels of the prediction.</summary>
    public int OutChannels { get; init; } = 3;

    /// <summary>The sample is 0 … 1 and is made −1 … 1.</summary>
    public bool CenterInputSample { get; init; }

    /// <summary><c>positional</c>, <c>fourier</c> or <c>learned</c>.</summary>
    public string TimeEmbeddingType { get; init; } = "positional";

    /// <summary>Shift of the time embedding's frequencies.</summary>
    public double FreqShift { get; init; }

    /// <summary>Cosines first in the time embedding.</summary>
    public bool FlipSinToCos { get; init; } = true;

    /// <summary>Classes of the downward blocks, finest first.</summary>
    public ImmutableArray<string> DownBlockTypes { get; init; } = ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"];

    /// <summary>Classes of the upward blocks, coarsest first.</summary>
    public ImmutableArray<string> UpBlockTypes { get; init; } = ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"];

    /// <summary>Channels, a level each.</summary>
    public ImmutableArray<int> BlockOutChannels { get; init; } = [224, 448, 672, 896];

    /// <summary>Layers of a level.</summary>
    public int LayersPerBlock { get; init; } = 2;

    /// <summary>Sums in the middle block are divided by it.</summary>
    public double MidBlockScaleFactor { get; init; } = 1;

    /// <summary>Zeros around the input of downsampling convolutions.</summary>
    public int DownsamplePadding { get; init; } = 1;

    /// <summary>How attention blocks halve the size: <c>conv</c> or <c>resnet</c>.</summary>
    public string DownsampleType { get; init; } = "conv";

    /// <summary>How attention blocks double the size: <c>conv</c> or <c>resnet</c>.</summary>
    public string UpsampleType { get; init; } = "conv";

    /// <summary>The activation inside blocks.</summary>
    public string ActFn { get; init; } = "silu";

    /// <summary>Channels of a head; null for one head.</summary>
    public int? AttentionHeadDim { get; init; } = 8;

    /// <summary>Groups of normalisations; null for blocks that know their own.</summary>
    public int? NormNumGroups { get; init; } = 32;

    /// <summary>Groups of the normalisation in the middle block's attention; null to take <see cref="NormNumGroups"/>.</summary>
    public int? AttnNormNumGroups { get; init; }

    /// <summary>Added to variances.</summary>
    public double NormEps { get; init; } = 1e-5;

    /// <summary><c>default</c> or <c>scale_shift</c>.</summary>
    public string ResnetTimeScaleShift { get; init; } = "default";

    /// <summary>Whether the middle block has attention.</summary>
    public bool AddAttention { get; init; } = true;

    /// <summary><c>timestep</c>, <c>identity</c>; empty for numbered classes or none.</summary>
    public string ClassEmbedType { get; init; } = "";

    /// <summary>How many classes there are.</summary>
    public int? NumClassEmbeds { get; init; }

    /// <summary>How many timesteps there are, for <c>learned</c>.</summary>
    public int? NumTrainTimesteps { get; init; }

    /// <summary>Number of levels.</summary>
    public int Levels => DownBlockTypes.Length;

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <exception cref="CheckpointException">A value isn't what was expected; the message names field and value.</exception>
    public static UNet2DConfig Parse(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Class(config, "UNet2DModel");
        var d = new UNet2DConfig();
        return new UNet2DConfig
        {
            Source = config.Source,
            SampleSize = config.IsList("sample_size") ? config.GetIntArray("sample_size")[0] : config.GetInt("sample_size", 0),
            InChannels = config.GetInt("in_channels", d.InChannels),
            OutChannels = config.GetInt("out_channels", d.OutChannels),
            CenterInputSample = config.GetBool("center_input_sample", false),
            TimeEmbeddingType = config.GetText("time_embedding_type", d.TimeEmbeddingType),
            FreqShift = config.GetDouble("freq_shift", d.FreqShift),
            FlipSinToCos = config.GetBool("flip_sin_to_cos", d.FlipSinToCos),
            DownBlockTypes = config.GetTextArray("down_block_types", d.DownBlockTypes),
            UpBlockTypes = config.GetTextArray("up_block_types", d.UpBlockTypes),
            BlockOutChannels = config.GetIntArray("block_out_channels", d.BlockOutChannels),
            LayersPerBlock = config.GetInt("layers_per_block", d.LayersPerBlock),
            MidBlockScaleFactor = config.GetDouble("mid_block_scale_factor", d.MidBlockScaleFactor),
            DownsamplePadding = config.GetInt("downsample_padding", d.DownsamplePadding),
            DownsampleType = config.GetText("downsample_type", d.DownsampleType),
            UpsampleType = config.GetText("upsample_type", d.UpsampleType),
            ActFn = config.GetText("act_fn", d.ActFn),
            AttentionHeadDim = Int(config, "attention_head_dim", d.AttentionHeadDim),
            NormNumGroups = Int(config, "norm_num_groups", d.NormNumGroups),
            AttnNormNumGroups = Int(config, "attn_norm_num_groups", null),
            NormEps = config.GetDouble("norm_eps", d.NormEps),
            ResnetTimeScaleShift = config.GetText("resnet_time_scale_shift", d.ResnetTimeScaleShift),
            AddAttention = config.GetBool("add_attention", true),
            ClassEmbedType = config.GetText("class_embed_type", ""),
            NumClassEmbeds = Int(config, "num_class_embeds", null),
            NumTrainTimesteps = Int(config, "num_train_timesteps", null),
        }.Validated();
    }

    /// <summary>This configuration, once its values have been found to fit together.</summary>
    /// <exception cref="CheckpointException">A value isn't what was expected; the message names field and value.</exception>
    public UNet2DConfig Validated()
    {
        NotEmpty(Source, "down_block_types", DownBlockTypes);
        Length(Source, "up_block_types", UpBlockTypes.Length, "down_block_types", Levels);
        Length(Source, "block_out_channels", BlockOutChannels.Length, "down_block_types", Levels);
        Sizes(Source, "block_out_channels", BlockOutChannels);
        Size(Source, "in_channels", InChannels);
        Size(Source, "out_channels", OutChannels);
        if (LayersPerBlock is < 1 or > 1000)
            throw Error(Source, "layers_per_block", LayersPerBlock, "a number from 1 to 1000");
        Optional(Source, "attention_head_dim", AttentionHeadDim);
        if (NormNumGroups is { } groups)
            Divides(Source, "norm_num_groups", groups, "block_out_channels", BlockOutChannels);
        if (AttnNormNumGroups is { } attention)
            Divides(Source, "attn_norm_num_groups", attention, "block_out_channels", BlockOutChannels[^1..]);
        Finite(Source, "norm_eps", NormEps, 0, 1);
        Finite(Source, "mid_block_scale_factor", MidBlockScaleFactor, 1e-6, 1e6);
        Count(Source, "downsample_padding", DownsamplePadding, 2);
        OneOf(Source, "downsample_type", DownsampleType, "conv", "resnet");
        OneOf(Source, "upsample_type", UpsampleType, "conv", "resnet");
        OneOf(Source, "time_embedding_type", TimeEmbeddingType, "positional", "fourier", "learned");
        OneOf(Source, "class_embed_type", ClassEmbedType, "", "timestep", "identity");
        OneOf(Source, "resnet_time_scale_shift", ResnetTimeScaleShift, "default", "scale_shift");
        Optional(Source, "num_class_embeds", NumClassEmbeds);
        Optional(Source, "num_train_timesteps", NumTrainTimesteps);
        if (TimeEmbeddingType == "learned" && NumTrainTimesteps is null)
            throw Error(Source, "num_train_timesteps", "null", "a number, since time_embedding_type is learned");
        return this;
    }

    // A field that is there but null is none; one that isn't there has its default.
    private static int? Int(ModelConfig config, string field, int? @default) =>
        config.Has(field) ? config.GetInt(field) : config.Names.Contains(field) ? null : @default;
}
