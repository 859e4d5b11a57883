using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Guidances;
using Diffusion.Dsl.Pipelines;
using Xunit;

namespace Diffusion.Dsl.Tests.Pipelines;

public sealed class TextToImageTests
{
    private static TextToImage Run => Toys.TextToImage().TextToImage("abc").Steps(4);

    [Fact]
    public void A_value_stays_as_it_is()
    {
        var first = Run.Seed(1);
        var second = first.Seed(2).Steps(9).GuidanceScale(1);
        Assert.Equal((1UL, 4, 7.5), (first.Options.Seeds[0], first.Options.Steps, first.Options.GuidanceScale));
        Assert.Equal((2UL, 9, 1.0), (second.Options.Seeds[0], second.Options.Steps, second.Options.GuidanceScale));
    }

    [Fact]
    public void A_picture_with_its_own_seed_is_the_picture_alone()
    {
        var both = Run.Batch(2).Seeds(5, 6).Scheduler("Euler ancestral").Run(cancel: Cancel);
        var alone = Run.Seed(6).Scheduler("Euler ancestral").Run(cancel: Cancel);
        Assert.Equal(alone.Image.Pixels.AsEnumerable(), both[1].Pixels.AsEnumerable());
        Assert.NotEqual(both[0].Pixels.AsEnumerable(), both[1].Pixels.AsEnumerable());
    }

    [Fact]
    public void Every_prompt_gets_its_pictures_in_order()
    {
        var pictures = Run.Prompts("a", "z").Batch(2).Seeds(1, 1, 1, 1).Run(cancel: Cancel);
        Assert.Equal(4, pictures.Count);
        Assert.Equal(pictures[0].Pixels.AsEnumerable(), pictures[1].Pixels.AsEnumerable());
        Assert.NotEqual(pictures[1].Pixels.AsEnumerable(), pictures[2].Pixels.AsEnumerable());
    }

    [Theory]
    [InlineData(1.0, 1)]
    [InlineData(1.5, 2)]
    public void Guidance_is_on_above_1(double scale, int batch)
    {
        var batches = new List<int>();
        var model = Toys.TextToImage();
        var watched = model.WithDenoiser(new Denoiser(input =>
        {
            batches.Add(input.Latents.Shape[0]);
            return model.Denoiser.Predict(input);
        }));
        watched.TextToImage("abc").Steps(2).GuidanceScale(scale).Run(cancel: Cancel);
        Assert.All(batches, size => Assert.Equal(batch, size));
    }

    [Fact]
    public void Own_guidance_takes_the_place_of_the_scale()
    {
        var scaled = Run.GuidanceScale(3).Run(cancel: Cancel);
        var own = Run.Guide(Guidance.ClassifierFree(3)).Run(cancel: Cancel);
        Assert.Equal(scaled.Image.Pixels.AsEnumerable(), own.Image.Pixels.AsEnumerable());
    }

    [Fact]
    public void Given_latents_and_embeddings_are_used()
    {
        var encoded = Run.Encode();
        var noise = Core.Randomness.NoiseSource.FromSeed(0).Randn([1, 4, 4, 6]);
        var given = Run.Latents(Tensor.From(noise, [1, 4, 4, 6]))
            .Embeddings(encoded.Conditioning[Conditioning.EncoderHiddenStates], encoded.Unconditional[Conditioning.EncoderHiddenStates]);
        Assert.Equal(Run.Run(cancel: Cancel).Image.Pixels.AsEnumerable(), given.Run(cancel: Cancel).Image.Pixels.AsEnumerable());
    }

    [Fact]
    public void What_doesn_t_fit_is_noted()
    {
        var pictures = Run.Prompts("abcdefghijk").NegativePrompt("abc").Run(cancel: Cancel);
        Assert.Contains("\"ijk\"", Assert.Single(pictures.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_can_be_pulled_watched_and_finished()
    {
        var steps = Run.EnumerateSteps(Cancel).ToArray();
        Assert.Equal((48, 32), (steps[1].Preview().Width, steps[1].Preview().Height));
        Assert.Equal(Run.Run(cancel: Cancel).Image.Pixels.AsEnumerable(), Run.Finish(steps[^1], Cancel).Image.Pixels.AsEnumerable());
    }

    [Fact]
    public async Task A_run_can_be_awaited()
    {
        var pictures = await Run.RunAsync(cancel: Cancel);
        Assert.Equal(Run.Run(cancel: Cancel).Image.Pixels.AsEnumerable(), pictures.Image.Pixels.AsEnumerable());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Run.RunAsync(cancel: new CancellationToken(true)));
    }

    [Fact]
    public void The_memory_of_a_run_is_given_back()
    {
        using var device = Toys.Device();
        var run = Toys.TextToImage(device).TextToImage("abc").Steps(5).Scheduler("UniPC");
        run.Run(cancel: Cancel).Sample.Dispose();
        CollectGarbage();
        long before = device.LiveBytes;
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => run.Map(step =>
        {
            if (step.Index == 2)
                stop.Cancel();
            return step;
        }).Run(cancel: stop.Token));
        CollectGarbage();
        Assert.Equal(before, device.LiveBytes);
    }

    [Fact]
    public void Impossible_options_are_told_of()
    {
        Refuses("multiple of 8", () => Run.Size(65, 64).Denoise());
        Refuses("64 or 72", () => Run.Size(64, 65).Denoise());
        Refuses("1 or more", () => Run.Steps(0));
        Refuses("1 or more", () => Run.Batch(0));
        Refuses("3 for 2 pictures", () => Run.Batch(2).Seeds(1, 2, 3).Denoise());
        Refuses("2 for 1 prompts", () => Run.NegativePrompt("a", "b").Denoise());
        Refuses("0 … 1", () => Run.GuidanceRescale(1.5));
        Refuses("finite", () => Run.GuidanceScale(double.NaN));
        Refuses("0 … 2", () => Run.ClipSkip(3).Denoise());
        Refuses("nonsense", () => Run.Scheduler("nonsense"));
        Refuses("timesteps", () => Run.Timesteps(10, 20).Scheduler("DDPM").Denoise());
        Refuses("[1, 4, 4, 6]", () => Run.Latents(Tensor.Ones([1, 4, 2, 2])).Run());
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static void Refuses(string words, Func<object> action) =>
        Assert.Contains(words, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);

    private static void CollectGarbage()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }
}
