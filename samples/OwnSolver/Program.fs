// A solver of one's own in F#, without inheritance: the second-order Adams-Bashforth method on the probability-flow ODE.
//     dotnet run -c Release --project samples/OwnSolver -- star.png
open Diffusion.Core.Devices
open Diffusion.Dsl.Guidances
open Diffusion.Dsl.Pipelines
open Diffusion.Dsl.Schedulers

/// What the solver remembers: the derivative of the step before, once there is one.
let adamsBashforth =
    Scheduler.Create(
        "AdamsBashforth2",
        (fun _ -> None),
        (fun previous (step: SolverStep) ->
            let slope = step.Derivative
            let guess =
                match previous with
                | Some before -> 1.5 * slope - 0.5 * before
                | None -> slope
            SolverResult(step.Sample + (step.NextSigma - step.Sigma) * guess, Some slope)))

[<EntryPoint>]
let main args =
    let file = if args.Length > 0 then args[0] else "star.png"
    let model = Model.Load("models/shapes-64", Device.Cpu)
    let own = model.TextToImageModel().Scheduler

    let run =
        model.TextToImage("a large yellow star on dark blue")
            .Seed(7UL)
            .Scheduler(adamsBashforth.With(fun _ -> own.Config.WithClassName "AdamsBashforth2"))
            .Steps(20)
            .Guide(Guidance.ClassifierFree 5.0)

    run.Observe()
    |> Observable.filter (fun step -> step.Index % 5 = 4)
    |> Observable.add (fun step -> printfn "%O" step)

    run.Run().Image.Save file
    0
