module Diffusion.FSharp.Tests.PipelineTests

open System
open System.IO
open Diffusion.Core.Devices
open Diffusion.Core.Images
open Diffusion.Dsl.Guidances
open Diffusion.Dsl.Pipelines
open Diffusion.Dsl.Recipes
open Diffusion.Dsl.Schedulers
open Xunit

let private shapes =
    lazy
        (let rec up (folder: string) =
            if File.Exists(Path.Combine(folder, "Diffusion.slnx")) then
                folder
            else
                match Path.GetDirectoryName folder with
                | null -> failwith "The repository's root wasn't found."
                | parent -> up parent

         Model.Load(Path.Combine(up AppContext.BaseDirectory, "models", "shapes-64"), Device.Cpu))

[<Fact>]
let ``a pipeline is a value that reads well with pipes`` () =
    let fox = Toys.textToImage.TextToImage("fox").Steps(3).Seed(42UL).GuidanceScale(4.0).Size(32, 40)
    let pictures = [ "DDIM"; "Euler"; "UniPC" ] |> List.map (fun name -> fox.Scheduler(name).Run().Image)
    Assert.Equal(3 * 32, Image.Grid(pictures, 3).Width)
    Assert.Equal(42UL, fox.Options.Seeds[0])

[<Fact>]
let ``options are changed by functions`` () =
    let hurried (run: TextToImage) = run.With(fun options -> options.WithSteps(2).WithGuidanceScale 1.0)
    let run = Toys.textToImage.TextToImage("fox") |> hurried
    Assert.Equal(2, Seq.length (run.EnumerateSteps()))

[<Fact>]
let ``a real model draws what it was asked for`` () =
    let guidance = Guidance.Between(0.0, 0.8, Guidance.ClassifierFree 5.0)

    let image =
        shapes.Value.TextToImage("a large red circle on a white background").Seed(42UL).Steps(10).Scheduler("DDIM").Guide(guidance).Run().Image

    Assert.True(image[32, 32, 0] > 170uy && image[32, 32, 1] < 100uy, "the middle isn't red")
    Assert.True(image[1, 1, 0] > 200uy && image[1, 1, 1] > 200uy, "the corner isn't white")

[<Fact>]
let ``a picture gives its run back`` () =
    let made = shapes.Value.TextToImage("a green cross").Seed(3UL).Steps(3).Scheduler("UniPC").Run()
    let recipe = Recipe.FromImage made.Image
    Assert.Equal("a green cross", Seq.exactlyOne recipe.Prompts)
    Assert.Equal(made.Image, recipe.Reproduce shapes.Value)

[<Fact>]
let ``schedulers are a catalogue to choose from`` () =
    let again = Seq.toList Schedulers.All |> List.filter _.Stochastic |> List.map _.Name
    Assert.Contains("Euler ancestral", again)
