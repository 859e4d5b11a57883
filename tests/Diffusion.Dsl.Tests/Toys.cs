using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Text;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Pipelines;
using Diffusion.Dsl.Schedulers;
using Catalogue = Diffusion.Dsl.Schedulers.Schedulers;

namespace Diffusion.Dsl.Tests;

/// <summary>Models small enough to know what they must give.</summary>
internal static class Toys
{
    /// <summary>The fixtures' dummy model: the sample, nearly whole at large timesteps.</summary>
    public static Denoiser Denoiser { get; } = Dsl.Denoising.Denoiser.Create((sample, timestep, _) => sample * (timestep / (timestep + 1)));

    /// <summary>Adds the conditioning's mean to a part of the sample, so that conditionings make a difference.</summary>
    public static Denoiser Conditional { get; } = Dsl.Denoising.Denoiser.Create((sample, timestep, conditioning) =>
        sample * (timestep / (timestep + 1)) + conditioning[Conditioning.EncoderHiddenStates].Mean(1, 2).Reshape(-1, 1, 1, 1));

    public static Scheduler Scheduler(string name) => Catalogue.ByName(name);

    /// <summary>A device of its own, whose bytes nobody else changes.</summary>
    public static Device Device() => new(Kernels.CpuBackend.Create(1));

    public static DenoisingLoop Loop(string scheduler, int steps, ulong seed = 7, Device? device = null) =>
        DenoisingLoop.FromNoise(Denoiser, Scheduler(scheduler).Timetable(steps), [1, 4, 4, 6], [seed], device ?? Core.Devices.Device.Cpu);

    /// <summary>A latent model: a letter is a token, its code the embedding; a latent is a square of eight pixels.</summary>
    public static TextToImageModel TextToImage(Device? device = null) => new()
    {
        Name = "toy",
        Device = device ?? Core.Devices.Device.Cpu,
        Tokenize = Tokenize,
        EncodeText = (ids, skip) => ids.Cast(Kernels.ElementType.Float32).Unsqueeze(2) * (0.01 + skip),
        TextLayers = 2,
        Denoiser = Conditional,
        Decode = latents => latents.Slice(1, 0, 3).UpsampleNearest(8),
        LatentHeight = 4,
        LatentWidth = 6,
        Scheduler = Scheduler("DDIM").With(config => config.WithClipSample(false)),
    };

    private static Tokenized Tokenize(string text)
    {
        const int length = 8;
        ImmutableArray<int> ids = [.. text.Select(letter => letter % 32).Concat(Enumerable.Repeat(0, length)).Take(length)];
        return new(ids, Math.Min(length, text.Length), text.Length > length ? text[length..] : "");
    }
}
