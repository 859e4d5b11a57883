using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Weights;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Pipelines;

/// <summary>What unconditional generation needs of a model that works on pixels, as a record of functions. Pure.</summary>
public sealed record PixelModel
{
    /// <summary>The model's name, for people and for the description of a run.</summary>
    public required string Name { get; init; }

    /// <summary>The identity of the weights: 64 hexadecimal digits, or empty where there are none. Computed when it is asked for.</summary>
    public Func<string> Hash { get; init; } = () => "";

    /// <summary>How the weights of linear layers are kept.</summary>
    public Quantization Quantization { get; init; } = Quantization.None;

    /// <summary>The bytes of all weights as they are kept; 0 where there are none.</summary>
    public long WeightBytes { get; init; }

    /// <summary>Where it computes.</summary>
    public required Device Device { get; init; }

    /// <summary>The UNet: pixels [batch, channels, height, width] in −1 … 1 to a prediction.</summary>
    public required Denoiser Denoiser { get; init; }

    /// <summary>The channels of a picture: 1 or 3.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The height in pixels that the model was made for.</summary>
    public int Height { get; init; } = 32;

    /// <summary>The width in pixels that the model was made for.</summary>
    public int Width { get; init; } = 32;

    /// <summary>The scheduler that the model came with.</summary>
    public required Scheduler Scheduler { get; init; }

    /// <summary>What there is to say about the model.</summary>
    public ImmutableArray<string> Notes { get; init; } = [];

    /// <summary>The model with another denoiser.</summary>
    public PixelModel WithDenoiser(Denoiser denoiser) => this with { Denoiser = denoiser };

    /// <summary>The model with another scheduler.</summary>
    public PixelModel WithScheduler(Scheduler scheduler) => this with { Scheduler = scheduler };

    /// <summary>A run that makes pictures of nothing in particular.</summary>
    public UnconditionalImage UnconditionalImage() => new(this, UnconditionalImageOptions.Default);
}
