module Diffusion.FSharp.Tests.GuidanceTests

open Diffusion.Core.Tensors
open Diffusion.Dsl.Denoising
open Diffusion.Dsl.Guidances
open FsCheck.Xunit
open Xunit

let private text (value: float) = Conditioning.FromText(Tensor.Full(value, Shape.Of(1, 2, 1)))

let private question wanted unwanted =
    DenoiserInput(Tensor.Ones(Shape.Of(1, 1, 2, 2)), 9.0, text wanted).WithUnconditional(text unwanted)

let private predict (denoiser: Denoiser) input = denoiser.Predict.Invoke(input).Value.ToArray()

/// Perturbs the result with the sample itself: not classifier-free guidance at all.
let private leaning (weight: float) =
    Guidance.Create("leaning", fun next input ->
        let output = next.Predict.Invoke input
        output.WithValue(output.Value + weight * input.Latents))

[<Fact>]
let ``an own guidance is a function`` () =
    let guided = Toys.conditional.Guide(leaning 0.5)
    Toys.near 1e-5 [| for _ in 1..4 -> 0.9f + 3f + 0.5f |] (predict guided (question 3.0 0.0))

[<Fact>]
let ``guidances compose with each other and with own ones`` () =
    let both = Guidance.ClassifierFree(2.0).Then(leaning 1.0)
    // u + 2 (c - u) = 0.9 + 2·3 - 1, and the sample.
    Toys.near 1e-5 [| for _ in 1..4 -> 0.9f + 5f + 1f |] (predict (Toys.conditional.Guide both) (question 3.0 1.0))
    Assert.Equal("classifier-free 2, leaning", both.Name)

[<Property(MaxTest = 20)>]
let ``a scale of 1 is the conditional prediction`` (wanted: int16) (unwanted: int16) =
    let input = question (float wanted / 100.0) (float unwanted / 100.0)
    Toys.near 1e-3 (predict Toys.conditional input) (predict (Toys.conditional.Guide(Guidance.ClassifierFree 1.0)) input)

[<Fact>]
let ``a pipeline takes it in place of the scale`` () =
    let run = Toys.textToImage.TextToImage("fox").Steps(3)
    let plain = run.GuidanceScale(1.0).Run()
    let guided = run.Guide(leaning 0.1).Run()
    Assert.NotEqual<seq<byte>>(plain.Image.Pixels, guided.Image.Pixels)
