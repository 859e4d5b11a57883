using Diffusion.Core.Images;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Guidances;
using Diffusion.Dsl.Recipes;
using Diffusion.Dsl.Schedulers;
using FsCheck;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Dsl.Tests.Recipes;

public sealed class RecipeTests
{
    private static Recipe Sample => new()
    {
        Pipeline = Recipe.TextToImage,
        Model = "toy",
        Prompts = ["a \"fox\"\nin the snow \u2603"],
        Scheduler = SchedulerConfig.Default("DPMSolverMultistepScheduler").WithLambdaMinClipped(double.NegativeInfinity),
        Width = 64,
        Height = 32,
    };

    [Property]
    public void Written_and_read_it_is_the_same(NonNull<string> prompt, NonNull<string> negative, ulong seed, NormalFloat guidance, PositiveInt steps, NonNegativeInt skip)
    {
        var recipe = Sample with
        {
            Prompts = [prompt.Get, "b"],
            NegativePrompts = [negative.Get],
            Seeds = [seed, ulong.MaxValue],
            GuidanceScale = guidance.Get,
            Steps = steps.Get,
            Timesteps = [999, 0.1],
            ClipSkip = skip.Get,
            Unrecorded = ["x"],
        };
        Assert.Equal(recipe, Recipe.Parse(recipe.ToJson()));
        Assert.Equal(recipe.ToJson(), Recipe.Parse(recipe.ToJson()).ToJson());
    }

    [Fact]
    public void A_scheduler_keeps_its_whole_configuration() =>
        Assert.Equal(Sample.Scheduler, Recipe.Parse(Sample.ToJson()).Scheduler);

    [Fact]
    public void It_survives_a_png()
    {
        var image = Image.Filled(2, 2, 1, 2, 3).WithText(Recipe.Keyword, Sample.ToJson());
        Assert.Equal(Sample, Recipe.FromImage(ImageCodec.Decode(image.ToPng().AsSpan(), ImageReadOptions.Default)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"format\": 2}")]
    [InlineData("{\"format\": 1, \"pipeline\": \"text-to-image\"}")]
    [InlineData("{\"format\": 1, \"pipeline\": 5, \"model\": \"m\"}")]
    public void Damaged_texts_are_refused(string text) => Assert.Throws<FormatException>(() => Recipe.Parse(text));

    [Theory]
    [InlineData("\"seeds\":[0]", "\"seeds\":[]")]
    [InlineData("\"seeds\":[0]", "\"seeds\":[-1]")]
    [InlineData("\"steps\":50", "\"steps\":0")]
    [InlineData("\"width\":64", "\"width\":\"64\"")]
    [InlineData("\"prompts\":[", "\"prompts\":[1, ")]
    [InlineData("\"eta\":0", "\"eta\":1e999")]
    public void Wrong_values_are_refused(string from, string to)
    {
        string json = Sample.ToJson();
        Assert.Contains(from, json, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => Recipe.Parse(json.Replace(from, to, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_picture_without_a_recipe_says_so() =>
        Assert.Contains("recipe", Assert.Throws<FormatException>(() => Recipe.FromImage(Image.Filled(1, 1, 0))).Message, StringComparison.Ordinal);

    [Fact]
    public void Other_weights_are_refused() => Assert.Throws<ArgumentException>(() =>
        (Sample with { ModelHash = new string('a', 64) }).ToTextToImage(Toys.TextToImage()));

    [Fact]
    public void What_a_text_can_t_hold_is_named()
    {
        var run = Toys.TextToImage().TextToImage("abc").Steps(2).Latents(Tensor.Ones([1, 4, 4, 6])).Map(step => step);
        Assert.Equal(["initial latents", "edits of steps"], run.Recipe().Unrecorded.AsEnumerable());
        Assert.Contains("initial latents", Assert.Throws<NotSupportedException>(() => run.Recipe().ToTextToImage(Toys.TextToImage())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void People_can_read_it()
    {
        string text = Toys.TextToImage().TextToImage("a fox").Seed(42).Steps(20).Describe();
        Assert.Contains("prompt: a fox\n", text, StringComparison.Ordinal);
        Assert.Contains("seed: 42\n", text, StringComparison.Ordinal);
        Assert.Contains("scheduler: DDIMScheduler\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_scale_that_own_guidances_replace_is_not_printed()
    {
        var run = Toys.TextToImage().TextToImage("a fox").Steps(2).GuidanceScale(7.5);
        Assert.Contains("guidance: 7.5\n", run.Describe(), StringComparison.Ordinal);
        string own = run.Guide(Guidance.ClassifierFree(3)).Describe();
        Assert.DoesNotContain("7.5", own, StringComparison.Ordinal);
        Assert.Contains("not recorded: guidance (", own, StringComparison.Ordinal);
    }
}
