using Diffusion.Core.Devices;
using Diffusion.Core.Images;
using Diffusion.Core.Randomness;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Pipelines;
using Xunit;

namespace Diffusion.Dsl.Tests.Pipelines;

public sealed class RepaintTests
{
    private static readonly PixelModel Model = new()
    {
        Name = "toy",
        Device = Device.Cpu,
        Denoiser = Toys.Denoiser,
        Channels = 3,
        Height = 32,
        Width = 32,
        Scheduler = Toys.Scheduler("DDPM"),
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // A gray picture of which the left half is kept.
    private static RepaintInput Half => RepaintInput.Of(Image.Filled(32, 32, 50, 100, 200), Left).WithJumps(2, 3);

    private static Image Left => Image.Create(32, 32, 1, [.. Enumerable.Range(0, 32 * 32).Select(i => (byte)(i % 32 < 16 ? 128 : 127))]);

    [Fact]
    public void What_is_kept_comes_out_as_it_went_in()
    {
        var run = Model.UnconditionalImage().Repaint(Half).Steps(6).Eta(0.5).Seed(3);
        var image = run.Run(cancel: Cancel).Image;
        Assert.Equal((32, 32), (image.Width, image.Height));
        for (int y = 0; y < 32; y++)
        {
            for (int x = 0; x < 16; x++)
                Assert.Equal([50, 100, 200], [image[x, y, 0], image[x, y, 1], image[x, y, 2]]);
        }

        Assert.NotEqual((50, 100, 200), (image[20, 7, 0], image[20, 7, 1], image[20, 7, 2]));
        Assert.Contains("repaint", run.Describe(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_step_back_is_a_step_of_the_loop_that_asks_nobody()
    {
        int calls = 0;
        var counting = new Denoiser(input =>
        {
            calls++;
            return Toys.Denoiser.Predict(input);
        });
        var run = Model.WithDenoiser(counting).UnconditionalImage().Repaint(Half).Steps(6);
        var steps = run.EnumerateSteps(Cancel).ToArray();
        var timetable = run.Denoise().Timetable;
        Assert.Equal(timetable.Count, steps.Length);
        int back = steps.Zip(steps.Skip(1)).Count(pair => pair.Second.Timestep > pair.First.Timestep);
        Assert.Equal(8, back);
        Assert.Equal(steps.Length - back, calls);
    }

    [Fact]
    public void A_run_can_go_on_from_any_step_and_leaves_it_as_it_is()
    {
        var loop = Model.UnconditionalImage().Repaint(Half).Steps(4).Seed(9).Denoise();
        var steps = loop.Steps(Cancel).ToArray();
        var expected = steps[^1].Sample.ToArray();
        int back = Enumerable.Range(1, steps.Length - 1).First(i => steps[i].Timestep > steps[i - 1].Timestep);
        var kept = steps[back - 1].Sample.ToArray();
        Assert.Equal(expected, loop.From(steps[back - 1]).Run(cancel: Cancel).Sample.ToArray());
        Assert.Equal(expected, loop.From(steps[back - 1]).Steps(Cancel).Last().Sample.ToArray());
        Assert.Equal(kept, steps[back - 1].Sample.ToArray());
    }

    [Fact]
    public void With_a_seed_for_each_picture_the_steps_draw_from_the_first()
    {
        var pictures = RepaintInput.Prepare([Image.Filled(32, 32, 0, 0, 0), Image.Filled(32, 32, 255, 255, 255)]);
        var input = RepaintInput.Of(pictures, RepaintInput.PrepareMasks([Left])).WithJumps(2, 2);
        var start = Model.UnconditionalImage().Repaint(input).Steps(4).Seeds(5, 6).Denoise().Start(Cancel);
        Assert.Equal(NoiseSource.FromSeed(6).Randn([1, 3, 32, 32]), start.Sample.ToArray()[(3 * 32 * 32)..]);
        var first = NoiseSource.FromSeed(5);
        first.Randn([1, 3, 32, 32]);
        Assert.Equal(first.Randn([2, 3, 32, 32]), NoiseSource.FromStates([Assert.Single(start.Generators)]).Randn([2, 3, 32, 32]));
    }

    [Fact]
    public void Recorded_noise_is_used_for_every_training_step_of_the_way_back()
    {
        var run = Model.UnconditionalImage().Repaint(Half).Steps(4).Seed(1);
        var loop = run.Denoise();
        var source = NoiseSource.FromStates(loop.Start(Cancel).Generators);
        var noise = Enumerable.Range(0, loop.Timetable.Count).Select(i => Enumerable.Range(0, loop.Timetable.NoiseCount(i)).SelectMany(_ => source.Randn([1, 3, 32, 32])).ToArray()).ToArray();
        Assert.Contains(noise, values => values.Length == 250 * 3 * 32 * 32);
        Assert.Equal(loop.Run(cancel: Cancel).Sample.ToArray(), loop.WithNoise(i => noise[i]).Run(cancel: Cancel).Sample.ToArray());
        Assert.Contains("WithNoise", Assert.Throws<ArgumentException>(() => loop.WithNoise(i => noise[i][1..]).Run(cancel: Cancel)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sizes_are_rounded_as_in_diffusers_and_must_fit()
    {
        var input = RepaintInput.Of(Image.Filled(39, 70, 255, 255, 255), Image.Filled(63, 95, 127));
        Assert.Equal((32, 64), (input.Original.Width, input.Original.Height));
        Assert.Equal((1, 32, 64), (input.Mask.Channels, input.Mask.Width, input.Mask.Height));
        Assert.All(input.Original.Values, value => Assert.Equal(1f, value));
        Assert.All(input.Mask.Values, value => Assert.Equal(0f, value));
        Assert.Contains("multiples of 32", Assert.Throws<ArgumentException>(() => RepaintInput.Of(Image.Filled(40, 40, 0), Image.Filled(40, 40, 0))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => RepaintInput.PrepareMasks([Image.Filled(31, 64, 0)]));
        Assert.Throws<ArgumentException>(() => RepaintInput.Prepare([]));
        Assert.Equal([1, 1, 4, 5], RepaintInput.MaskOf(Tensor.Zeros([4, 5])).Shape);
        Assert.Throws<ArgumentException>(() => RepaintInput.MaskOf(Tensor.Zeros([4])));
        Assert.Throws<ArgumentOutOfRangeException>(() => Half.WithJumps(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Half.WithJumps(1, 0));
    }

    [Fact]
    public void Pictures_must_fit_the_model_and_the_batch()
    {
        var gray = RepaintInput.Of(Image.Filled(32, 32, 9), Left);
        Assert.Contains("channels of toy", Assert.Throws<ArgumentException>(() => Model.UnconditionalImage().Repaint(gray).Denoise()).Message, StringComparison.Ordinal);
        Assert.Equal(50, Model.UnconditionalImage().Repaint(Image.Filled(32, 32, 9), Left).Options.Steps);
        var two = RepaintInput.Of(RepaintInput.Prepare([Image.Filled(32, 32, 0, 0, 0), Image.Filled(32, 32, 1, 1, 1)]), RepaintInput.PrepareMasks([Left]));
        Assert.Throws<ArgumentException>(() => Model.UnconditionalImage().Repaint(two).Batch(3).Denoise());
        Assert.Equal(2, Model.UnconditionalImage().Repaint(two.WithJumps(1, 1)).Steps(2).Run(cancel: Cancel).Count);
    }
}
