using System.Collections.Immutable;
using Diffusion.Core.Formats;
using static Diffusion.Core.Models.ConfigChecks;

namespace Diffusion.Core.Models;

/// <summary>The configuration of an <see cref="AutoencoderKL"/>: the fields and defaults of diffusers 0.27.</summary>
public sealed record AutoencoderKLConfig
{
    /// <summary>Where it was read, for messages.</summary>
    public string Source { get; init; } = "AutoencoderKLConfig";

    /// <summary>Channels of pictures.</summary>
    public int InChannels { get; init; } = 3;

    /// <summary>Channels of decoded pictures.</summary>
    public int OutChannels { get; init; } = 3;

    /// <summary>Classes of the encoder's blocks, finest first.</summary>
    public ImmutableArray<string> DownBlockTypes { get; init; } = ["DownEncoderBlock2D"];

    /// <summary>Classes of the decoder's blocks, coarsest first.</summary>
    public ImmutableArray<string> UpBlockTypes { get; init; } = ["UpDecoderBlock2D"];

    /// <summary>Channels, a level each.</summary>
    public ImmutableArray<int> BlockOutChannels { get; init; } = [64];

    /// <summary>Layers of an encoder's block; a decoder's has one more.</summary>
    public int LayersPerBlock { get; init; } = 1;

    /// <summary>The activation inside blocks.</summary>
    public string ActFn { get; init; } = "silu";

    /// <summary>Channels of latents.</summary>
    public int LatentChannels { get; init; } = 4;

    /// <summary>Groups of normalisations.</summary>
    public int NormNumGroups { get; init; } = 32;

    /// <summary>Rows and columns of pictures that it was made for; also the default size of a tile.</summary>
    public int SampleSize { get; init; } = 32;

    /// <summary>Latents are multiplied by it before diffusion, and divided by it before decoding.</summary>
    public double ScalingFactor { get; init; } = 0.18215;

    /// <summary>Means of the latents' channels; empty for 0.</summary>
    public ImmutableArray<double> LatentsMean { get; init; } = [];

    /// <summary>Standard deviations of the latents' channels; empty for what <see cref="ScalingFactor"/> says.</summary>
    public ImmutableArray<double> LatentsStd { get; init; } = [];

    /// <summary>Doesn't work in float16 in the reference; here activations are float32 anyway.</summary>
    public bool ForceUpcast { get; init; } = true;

    /// <summary>How many pixels a latent stands for in each direction.</summary>
    public int ScaleFactor => 1 << (BlockOutChannels.Length - 1);

    /// <summary>Tiles of the size that the model was made for.</summary>
    public VaeTiling DefaultTiling => new(SampleSize, Math.Max(1, SampleSize / ScaleFactor));

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <exception cref="CheckpointException">A value isn't what was expected; the message names field and value.</exception>
    public static AutoencoderKLConfig Parse(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Class(config, "AutoencoderKL");
        var d = new AutoencoderKLConfig();
        return new AutoencoderKLConfig
        {
            Source = config.Source,
            InChannels = config.GetInt("in_channels", d.InChannels),
            OutChannels = config.GetInt("out_channels", d.OutChannels),
            DownBlockTypes = config.GetTextArray("down_block_types", d.DownBlockTypes),
            UpBlockTypes = config.GetTextArray("up_block_types", d.UpBlockTypes),
            BlockOutChannels = config.GetIntArray("block_out_channels", d.BlockOutChannels),
            LayersPerBlock = config.GetInt("layers_per_block", d.LayersPerBlock),
            ActFn = config.GetText("act_fn", d.ActFn),
            LatentChannels = config.GetInt("latent_channels", d.LatentChannels),
            NormNumGroups = config.GetInt("norm_num_groups", d.NormNumGroups),
            SampleSize = config.IsList("sample_size") ? config.GetIntArray("sample_size")[0] : config.GetInt("sample_size", d.SampleSize),
            ScalingFactor = config.GetDouble("scaling_factor", d.ScalingFactor),
            LatentsMean = config.GetDoubleArray("latents_mean", []),
            LatentsStd = config.GetDoubleArray("latents_std", []),
            ForceUpcast = config.IsNumber("force_upcast") ? config.GetDouble("force_upcast") != 0 : config.GetBool("force_upcast", d.ForceUpcast),
        }.Validated();
    }

    /// <summary>This configuration, once its values have been found to fit together.</summary>
    /// <exception cref="CheckpointException">A value isn't what was expected; the message names field and value.</exception>
    public AutoencoderKLConfig Validated()
    {
        NotEmpty(Source, "down_block_types", DownBlockTypes);
        Length(Source, "up_block_types", UpBlockTypes.Length, "down_block_types", DownBlockTypes.Length);
        Length(Source, "block_out_channels", BlockOutChannels.Length, "down_block_types", DownBlockTypes.Length);
        Sizes(Source, "block_out_channels", BlockOutChannels);
        Size(Source, "in_channels", InChannels);
        Size(Source, "out_channels", OutChannels);
        Size(Source, "latent_channels", LatentChannels);
        Size(Source, "sample_size", SampleSize);
        if (LayersPerBlock is < 1 or > 1000)
            throw Error(Source, "layers_per_block", LayersPerBlock, "a number from 1 to 1000");
        Divides(Source, "norm_num_groups", NormNumGroups, "block_out_channels", BlockOutChannels);
        Finite(Source, "scaling_factor", ScalingFactor, 1e-9, 1e9);
        if (!LatentsMean.IsEmpty)
            Length(Source, "latents_mean", LatentsMean.Length, "latent_channels", LatentChannels);
        if (!LatentsStd.IsEmpty)
            Length(Source, "latents_std", LatentsStd.Length, "latent_channels", LatentChannels);
        return this;
    }
}
