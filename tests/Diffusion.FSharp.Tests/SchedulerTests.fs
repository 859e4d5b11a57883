module Diffusion.FSharp.Tests.SchedulerTests

open System.Collections.Immutable
open Diffusion.Core.Devices
open Diffusion.Core.Tensors
open Diffusion.Dsl.Denoising
open Diffusion.Dsl.Generators
open Diffusion.Dsl.Schedulers
open Xunit
open FsCheck
open FsCheck.FSharp

/// Two lambdas, no inheritance: Adams-Bashforth of second order on the sigma scale, with an option as its memory.
let private adamsBashforth =
    Scheduler.Create(
        "AB2",
        (fun _ -> None),
        (fun (previous: Sample option) step ->
            let slope = step.Derivative
            let width = step.NextSigma - step.Sigma

            let sample =
                match previous with
                | None -> step.Sample + slope * width
                | Some before -> step.Sample + slope * (1.5 * width) - before * (0.5 * width)

            SolverResult(sample, Some slope))
    )

/// Plain Euler, to compare with the library's own.
let private euler =
    Scheduler.Create("own Euler", (fun _ -> ()), (fun () step -> SolverResult(step.Sample + step.Derivative * (step.NextSigma - step.Sigma), ())))

/// Ancestral, as far as noise goes: half of the way down, the rest as noise.
let private noisy =
    Scheduler.CreateStochastic(
        "noisy",
        (fun _ -> 0),
        (fun count step ->
            let down = step.Sample + step.Derivative * (step.NextSigma * 0.6 - step.Sigma)
            SolverResult(down + step.Noise * (step.NextSigma * 0.8), count + 1))
    )

[<Fact>]
let ``an own Euler is the library's`` () =
    let own = (Toys.loop euler 6).Run()
    let theirs = (Toys.loop (Schedulers.ByName "Euler") 6).Run()
    Toys.near 1e-3 (theirs.Sample.ToArray()) (own.Sample.ToArray())

[<Fact>]
let ``an own scheduler finds the picture that the network sees`` () =
    let picture = Tensor.From([| for i in 0..11 -> float32 (sin (float i)) |], Shape.Of(1, 3, 2, 2))

    for scheduler in [ adamsBashforth; euler ] do
        // Whole timesteps, where the noise level is known exactly.
        let timetable = scheduler.With(fun config -> config.WithTimestepSpacing "leading").Timetable 20
        let denoiser = Toys.seeing picture timetable
        let loop = DenoisingLoop.FromNoise(denoiser, timetable, picture.Shape, ImmutableArray.Create 3UL, Device.Cpu)
        Toys.near 1e-3 (picture.ToArray()) (loop.Run().Sample.ToArray())

[<Fact>]
let ``an own scheduler's run can be split at any step`` () =
    for scheduler in [ adamsBashforth; noisy ] do
        let loop = Toys.loop scheduler 5
        let steps = Seq.toArray (loop.Steps())

        for step in steps do
            let last = loop.From(step).Run()
            Toys.near 0.0 (steps[4].Sample.ToArray()) (last.Sample.ToArray())

[<Fact>]
let ``the laws of schedulers hold for an own one`` () =
    let runs = SchedulerGenerators.Runs(adamsBashforth) |> Arb.fromGen

    for law in [ SchedulerLaws.SplitRunEqualsUnsplit; SchedulerLaws.BatchEqualsLoop; SchedulerLaws.LinearInTheSample ] do
        Check.QuickThrowOnFailure(Prop.forAll runs law)

    SchedulerLaws.CheckAll euler
    SchedulerLaws.CheckAll noisy

[<Fact>]
let ``a pipeline takes an own scheduler`` () =
    let pictures = Toys.textToImage.TextToImage("fox").Steps(4).Scheduler(adamsBashforth).Seed(7UL).Run()
    Assert.Equal(32, pictures.Image.Width)
    Assert.Equal<string>([ "scheduler (AB2)" ], pictures.Recipe.Unrecorded)
