using System.Collections.Immutable;
using Diffusion.Core.Formats;
using static Diffusion.Core.Models.ConfigChecks;

namespace Diffusion.Core.Models;

/// <summary>The configuration of an <see cref="AutoencoderTiny"/>: the fields and defaults of diffusers 0.27.</summary>
public sealed record AutoencoderTinyConfig
{
    /// <summary>Where it was read, for messages.</summary>
    public string Source { get; init; } = "AutoencoderTinyConfig";

    /// <summary>Channels of pictures.</summary>
    public int InChannels { get; init; } = 3;

    /// <summary>Channels of decoded pictures.</summary>
    public int OutChannels { get; init; } = 3;

    /// <summary>Channels of the encoder, a level each.</summary>
    public ImmutableArray<int> EncoderBlockOutChannels { get; init; } = [64, 64, 64, 64];

    /// <summary>Channels of the decoder, a level each.</summary>
    public ImmutableArray<int> DecoderBlockOutChannels { get; init; } = [64, 64, 64, 64];

    /// <summary>The activation.</summary>
    public string ActFn { get; init; } = "relu";

    /// <summary>Channels of latents.</summary>
    public int LatentChannels { get; init; } = 4;

    /// <summary>How many times larger each level of the decoder is than the one before.</summary>
    public int UpsamplingScalingFactor { get; init; } = 2;

    /// <summary>Blocks of the encoder, a level each.</summary>
    public ImmutableArray<int> NumEncoderBlocks { get; init; } = [1, 3, 3, 3];

    /// <summary>Blocks of the decoder, a level each.</summary>
    public ImmutableArray<int> NumDecoderBlocks { get; init; } = [3, 3, 3, 1];

    /// <summary>Latents lie within minus this and this, for storing them as bytes.</summary>
    public double LatentMagnitude { get; init; } = 3;

    /// <summary>Where 0 is stored.</summary>
    public double LatentShift { get; init; } = 0.5;

    /// <summary>Latents are multiplied by it before diffusion, and divided by it before decoding.</summary>
    public double ScalingFactor { get; init; } = 1;

    /// <summary>How many pixels a latent stands for in each direction.</summary>
    public int ScaleFactor => 1 << (NumEncoderBlocks.Length - 1);

    /// <summary>The tiles of the reference: 512 pixels that overlap by an eighth.</summary>
    public VaeTiling DefaultTiling => new(512, 512 / ScaleFactor, 0.125);

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <exception cref="CheckpointException">A value isn't what was expected; the message names field and value.</exception>
    public static AutoencoderTinyConfig Parse(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Class(config, "AutoencoderTiny");
        var d = new AutoencoderTinyConfig();
        return new AutoencoderTinyConfig
        {
            Source = config.Source,
            InChannels = config.GetInt("in_channels", d.InChannels),
            OutChannels = config.GetInt("out_channels", d.OutChannels),
            EncoderBlockOutChannels = config.GetIntArray("encoder_block_out_channels", d.EncoderBlockOutChannels),
            DecoderBlockOutChannels = config.GetIntArray("decoder_block_out_channels", d.DecoderBlockOutChannels),
            ActFn = config.GetText("act_fn", d.ActFn),
            LatentChannels = config.GetInt("latent_channels", d.LatentChannels),
            UpsamplingScalingFactor = config.GetInt("upsampling_scaling_factor", d.UpsamplingScalingFactor),
            NumEncoderBlocks = config.GetIntArray("num_encoder_blocks", d.NumEncoderBlocks),
            NumDecoderBlocks = config.GetIntArray("num_decoder_blocks", d.NumDecoderBlocks),
            LatentMagnitude = config.GetDouble("latent_magnitude", d.LatentMagnitude),
            LatentShift = config.GetDouble("latent_shift", d.LatentShift),
            ScalingFactor = config.GetDouble("scaling_factor", d.ScalingFactor),
        }.Validated();
    }

    /// <summary>This configuration, once its values have been found to fit together.</summary>
    /// <exception cref="CheckpointException">A value isn't what was expected; the message names field and value.</exception>
    public AutoencoderTinyConfig Validated()
    {
        NotEmpty(Source, "num_encoder_blocks", NumEncoderBlocks);
        NotEmpty(Source, "num_decoder_blocks", NumDecoderBlocks);
        Length(Source, "encoder_block_out_channels", EncoderBlockOutChannels.Length, "num_encoder_blocks", NumEncoderBlocks.Length);
        Length(Source, "decoder_block_out_channels", DecoderBlockOutChannels.Length, "num_decoder_blocks", NumDecoderBlocks.Length);
        Sizes(Source, "encoder_block_out_channels", EncoderBlockOutChannels);
        Sizes(Source, "decoder_block_out_channels", DecoderBlockOutChannels);
        foreach (int blocks in NumEncoderBlocks)
            Count(Source, "num_encoder_blocks", blocks);
        foreach (int blocks in NumDecoderBlocks)
            Count(Source, "num_decoder_blocks", blocks);
        Size(Source, "in_channels", InChannels);
        Size(Source, "out_channels", OutChannels);
        Size(Source, "latent_channels", LatentChannels);
        if (UpsamplingScalingFactor is < 1 or > 16)
            throw Error(Source, "upsampling_scaling_factor", UpsamplingScalingFactor, "a number from 1 to 16");
        Finite(Source, "latent_magnitude", LatentMagnitude, 1e-9, 1e9);
        Finite(Source, "scaling_factor", ScalingFactor, 1e-9, 1e9);
        return this;
    }
}
