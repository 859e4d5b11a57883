using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Models;
using Diffusion.Core.Tensors;
using Diffusion.Core.Text;
using Diffusion.Core.Weights;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Pipelines;

/// <summary>
/// What text-to-image needs of a latent diffusion model, as a record of functions: a folder's networks
/// (<see cref="Model.Load"/>), or anything that behaves like them. Pure.
/// </summary>
public sealed record TextToImageModel
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

    /// <summary>A prompt to ids of the text encoder's length.</summary>
    public required Func<string, Tokenized> Tokenize { get; init; }

    /// <summary>
    /// Ids [batch, tokens] to embeddings [batch, tokens, size]. The number says how many of the encoder's last layers to leave
    /// out: 0 for none (<c>clip_skip</c>).
    /// </summary>
    public required Func<Tensor, int, Tensor> EncodeText { get; init; }

    /// <summary>How many layers the text encoder has; <c>clip_skip</c> can't leave out more.</summary>
    public int TextLayers { get; init; } = int.MaxValue;

    /// <summary>The UNet: latents [batch, channels, height, width] to a prediction of the same shape.</summary>
    public required Denoiser Denoiser { get; init; }

    /// <summary>
    /// The size of the guidance scale's embedding that the denoiser takes as <c>timestep_cond</c>, as consistency-distilled models do
    /// (<c>time_cond_proj_dim</c>); 0 where it takes none. Such a model is called once a step, without classifier-free guidance.
    /// </summary>
    public int GuidanceEmbeddingSize { get; init; }

    /// <summary>The denoiser with hooks in the network: adapters, FreeU.</summary>
    public Func<UNetHooks, Denoiser> Hooked { get; init; } =
        _ => throw new NotSupportedException("WithHooks: this model isn't a UNet; change its denoiser instead.");

    /// <summary>What was changed about the model since it was loaded: a recipe can't hold it.</summary>
    public ImmutableArray<string> Changes { get; init; } = [];

    /// <summary>Latents as the loop has them, to pixels [batch, 3, height, width] in −1 … 1.</summary>
    public required Func<Tensor, Tensor> Decode { get; init; }

    /// <summary>The channels of the latents.</summary>
    public int LatentChannels { get; init; } = 4;

    /// <summary>How many pixels a latent is wide and high.</summary>
    public int ScaleFactor { get; init; } = 8;

    /// <summary>The height in latents that the model was made for.</summary>
    public int LatentHeight { get; init; } = 64;

    /// <summary>The width in latents that the model was made for.</summary>
    public int LatentWidth { get; init; } = 64;

    /// <summary>The scheduler that the model came with.</summary>
    public required Scheduler Scheduler { get; init; }

    /// <summary>What there is to say about the model: components that aren't used, for instance.</summary>
    public ImmutableArray<string> Notes { get; init; } = [];

    /// <summary>The model with another denoiser: guidance, adapters or a toy.</summary>
    public TextToImageModel WithDenoiser(Denoiser denoiser) => this with { Denoiser = denoiser, Changes = Changes.Add("a denoiser") };

    /// <summary>The model with hooks in its UNet, instead of those it had.</summary>
    /// <exception cref="NotSupportedException">The model isn't a UNet.</exception>
    public TextToImageModel WithHooks(UNetHooks hooks) => this with { Denoiser = Hooked(hooks), Changes = Changes.Add("hooks in the UNet") };

    /// <summary>The model with FreeU (Si et al., arXiv:2309.11497): stronger features, and skip connections with less of the low frequencies.</summary>
    /// <param name="s1">The factor of the first block's skip connections; for Stable Diffusion 1.5: 0.9.</param>
    /// <param name="s2">The same for the second block: 0.2.</param>
    /// <param name="b1">The factor of the first block's features: 1.2.</param>
    /// <param name="b2">The same for the second block: 1.4.</param>
    public TextToImageModel WithFreeU(double s1, double s2, double b1, double b2) => WithHooks(UNetHooks.None.WithFreeU(s1, s2, b1, b2));

    /// <summary>The model with another scheduler.</summary>
    public TextToImageModel WithScheduler(Scheduler scheduler) => this with { Scheduler = scheduler };

    /// <summary>A text-to-image run.</summary>
    /// <param name="prompts">What is wanted, a picture each.</param>
    public TextToImage TextToImage(params string[] prompts) => new(this, TextToImageOptions.Default.WithPrompts(prompts));
}
