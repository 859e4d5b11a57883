module Diffusion.FSharp.Tests.SmokeTests

open Xunit

[<Fact>]
let ``placeholder until the DSL lands`` () = Assert.Equal(2, 1 + 1)
