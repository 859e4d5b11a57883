/// Models small enough to know what they must give, written as an F# user would.
module Diffusion.FSharp.Tests.Toys

open System.Collections.Immutable
open Diffusion.Core.Devices
open Diffusion.Core.Tensors
open Diffusion.Core.Text
open Diffusion.Dsl.Denoising
open Diffusion.Dsl.Pipelines
open Diffusion.Dsl.Schedulers
open Diffusion.Kernels

/// A network that always sees the same picture in the noise: it predicts the noise that leads there.
let seeing (picture: Tensor) (timetable: Timetable) =
    Denoiser.Create(fun sample timestep _ ->
        let noisy = timetable.NoiseLevelAt.Invoke timestep
        // What a network sees is of unit variance, whatever the scheduler's scale.
        let level = NoiseLevel.FromSigma(noisy.Sigma / noisy.Signal)
        (sample - picture * level.Signal) / level.Sigma)

/// The fixtures' dummy model: the sample, nearly whole at large timesteps.
let dummy = Denoiser.Create(fun sample timestep _ -> sample * (timestep / (timestep + 1.0)))

/// As the dummy, but a conditioning makes a difference.
let conditional =
    Denoiser.Create(fun sample timestep conditioning ->
        sample * (timestep / (timestep + 1.0))
        + conditioning[Conditioning.EncoderHiddenStates].Mean(1, 2).Reshape(-1, 1, 1, 1))

let private tokenize (text: string) =
    let ids = [ for i in 0..7 -> if i < text.Length then int text[i] % 32 else 0 ]
    Tokenized(ids.ToImmutableArray(), min 8 text.Length, (if text.Length > 8 then text[8..] else ""))

/// A latent model: a letter is a token, its code the embedding; a latent is a square of eight pixels.
let textToImage =
    TextToImageModel(
        Name = "toy",
        Device = Device.Cpu,
        Tokenize = tokenize,
        EncodeText = (fun ids skip -> ids.Cast(ElementType.Float32).Unsqueeze(2) * (0.01 + float skip)),
        Denoiser = conditional,
        Decode = (fun latents -> latents.Slice(1, 0, 3).UpsampleNearest(8)),
        LatentHeight = 4,
        LatentWidth = 4,
        Scheduler = Schedulers.ByName("DDIM").With(fun config -> config.WithClipSample(false))
    )

let loop (scheduler: Scheduler) steps =
    DenoisingLoop.FromNoise(dummy, scheduler.Timetable(steps: int), Shape.Of(1, 3, 4, 4), ImmutableArray.Create 7UL, Device.Cpu)

let near (tolerance: float) (expected: float32[]) (actual: float32[]) =
    Xunit.Assert.Equal(expected.Length, actual.Length)

    for e, a in Seq.zip expected actual do
        Xunit.Assert.Equal(float e, float a, float tolerance)
