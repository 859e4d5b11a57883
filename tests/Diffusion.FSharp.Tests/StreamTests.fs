module Diffusion.FSharp.Tests.StreamTests

open System
open System.Threading
open Diffusion.Dsl.Denoising
open Diffusion.Dsl.Schedulers
open Xunit

let private ddim steps = Toys.loop (Schedulers.ByName "DDIM") steps

[<Fact>]
let ``the run is an observable of steps`` () =
    let seen = ResizeArray()

    (ddim 12).Observe()
    |> Observable.filter (fun step -> step.Index % 5 = 0)
    |> Observable.map (fun step -> step.Index)
    |> Observable.add seen.Add

    Assert.Equal<int>([ 0; 5; 10 ], seen)

[<Fact>]
let ``the run is a sequence of steps, and to stop is to cancel`` () =
    let timesteps = (ddim 10).Steps() |> Seq.takeWhile (fun step -> step.Progress < 0.45) |> Seq.map _.Timestep |> List.ofSeq
    Assert.Equal<float>([ 900.0; 800.0; 700.0; 600.0 ], timesteps)

[<Fact>]
let ``the run is an asynchronous sequence of steps`` () =
    task {
        let steps = (ddim 4).StepsAsync().GetAsyncEnumerator()
        let mutable count = 0
        let! first = steps.MoveNextAsync()
        let mutable more = first

        while more do
            count <- count + 1
            let! next = steps.MoveNextAsync()
            more <- next

        Assert.Equal(4, count)
    }

[<Fact>]
let ``a step may be edited and handed back`` () =
    let edited = (ddim 6).Map(fun step -> if step.Index = 3 then step.WithSample(step.Sample * 0.0) else step).Run()
    Toys.near 0.0 (Array.zeroCreate 48) (edited.Sample.ToArray())

[<Fact>]
let ``a run is cancelled by a token`` () =
    use stop = new CancellationTokenSource()
    let progress = { new IProgress<Step> with member _.Report step = if step.Index = 1 then stop.Cancel() }
    Assert.Throws<OperationCanceledException>(fun () -> (ddim 6).Run(progress, stop.Token) |> ignore) |> ignore
