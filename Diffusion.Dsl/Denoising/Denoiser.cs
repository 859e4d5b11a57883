using Diffusion.Core.Tensors;

namespace Diffusion.Dsl.Denoising;

/// <summary>What a denoiser is asked.</summary>
/// <param name="Latents">The sample as the model is to see it, [batch, channels, height, width].</param>
/// <param name="Timestep">The timestep of the training process.</param>
/// <param name="Conditioning">What is wanted.</param>
public sealed record DenoiserInput(Tensor Latents, double Timestep, Conditioning Conditioning)
{
    /// <summary>What guidance leads away from: the negative prompt, or the empty one.</summary>
    public Conditioning Unconditional { get; init; } = Conditioning.None;

    /// <summary>The position in the timetable.</summary>
    public int Index { get; init; }

    /// <summary>The number of positions.</summary>
    public int Count { get; init; } = 1;

    /// <summary>How much of the run is done: 0 at the first step, below 1 at the last.</summary>
    public double Progress => (double)Index / Count;

    /// <summary>The question with another sample.</summary>
    public DenoiserInput WithLatents(Tensor latents) => this with { Latents = latents };

    /// <summary>The question for another timestep.</summary>
    public DenoiserInput WithTimestep(double timestep) => this with { Timestep = timestep };

    /// <summary>The question about something else.</summary>
    public DenoiserInput WithConditioning(Conditioning conditioning) => this with { Conditioning = conditioning };

    /// <summary>The question away from something else.</summary>
    public DenoiserInput WithUnconditional(Conditioning unconditional) => this with { Unconditional = unconditional };
}

/// <summary>What a denoiser answers.</summary>
/// <param name="Value">The prediction (noise, velocity or sample: the scheduler knows which), shaped as the sample.</param>
/// <param name="Conditional">The prediction for the conditioning alone: the same as <paramref name="Value"/> without guidance.</param>
public sealed record DenoiserOutput(Tensor Value, Tensor Conditional)
{
    /// <summary>An answer without guidance.</summary>
    public static DenoiserOutput Of(Tensor value) => new(value, value);

    /// <summary>The answer with another prediction, the conditional one as it is.</summary>
    public DenoiserOutput WithValue(Tensor value) => this with { Value = value };
}

/// <summary>
/// A function from sample, timestep and conditioning to a prediction. Pure: it builds a graph and computes nothing. Guidance maps
/// denoisers to denoisers (<see cref="Guide"/>).
/// </summary>
/// <param name="Predict">The function.</param>
public sealed record Denoiser(Func<DenoiserInput, DenoiserOutput> Predict)
{
    /// <summary>A denoiser from a plain function: a model's forward pass, or a toy.</summary>
    /// <param name="predict">Sample [batch, …], timestep and conditioning to a prediction of the sample's shape.</param>
    public static Denoiser Create(Func<Tensor, double, Conditioning, Tensor> predict)
    {
        ArgumentNullException.ThrowIfNull(predict);
        return new(input => DenoiserOutput.Of(predict(input.Latents, input.Timestep, input.Conditioning)));
    }

    /// <summary>The denoiser under guidance; the first one is the innermost.</summary>
    public Denoiser Guide(params Guidances.Guidance[] guidances)
    {
        ArgumentNullException.ThrowIfNull(guidances);
        return guidances.Aggregate(this, (denoiser, guidance) => guidance.Apply(denoiser));
    }
}
