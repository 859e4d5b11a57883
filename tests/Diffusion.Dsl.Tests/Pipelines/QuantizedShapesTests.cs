using Diffusion.Core.Devices;
using Diffusion.Core.Images;
using Diffusion.Core.Weights;
using Diffusion.Dsl.Pipelines;
using Diffusion.Dsl.Recipes;
using Diffusion.Dsl.Tests.Documentation;
using Xunit;

namespace Diffusion.Dsl.Tests.Pipelines;

/// <summary>The default model with its linear layers as small integers.</summary>
public sealed class QuantizedShapesTests
{
    private static readonly Lazy<Model> Stored = new(() => Model.Load(Path.Combine(Repository.Root, "models", "shapes-64"), Device.Cpu));
    private static readonly Lazy<Image> Picture = new(() => Draw(Stored.Value).Image);

    public static TheoryData<string, double, int, double> Kinds => new()
    {
        // Mean and largest difference in levels of 255 (measured: 0.09 and 3, 0.56 and 14, 1.5 and 41), and how much of the weights' memory is left:
        // a third of this model's float16 weights are linear layers.
        { "int8", 0.3, 9, 0.83 },
        { "int8-activations", 1.5, 40, 0.83 },
        { "int4", 3, 90, 0.74 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_picture_stays_close_and_the_weights_shrink(string kind, double mean, int largest, double memory)
    {
        var model = Stored.Value.WithQuantizedWeights(Quantization.ByName(kind));
        var (actual, expected) = (Draw(model).Image, Picture.Value);
        var differences = actual.Pixels.AsEnumerable().Zip(expected.Pixels.AsEnumerable(), (a, b) => Math.Abs(a - b)).ToArray();
        Assert.True(differences.Average() <= mean, $"levels differ by {differences.Average():F3} in the mean, expected {mean} at most");
        Assert.True(differences.Max() <= largest, $"a level differs by {differences.Max()}, expected {largest} at most");
        Assert.True(differences.Max() > 0, "nothing was rounded");
        Assert.True(model.WeightBytes < memory * Stored.Value.WeightBytes, $"{model.WeightBytes} bytes of {Stored.Value.WeightBytes}");
    }

    [Fact]
    public void The_recipe_says_how_the_weights_were_kept()
    {
        var model = Stored.Value.WithQuantizedWeights(Quantization.Int8);
        var made = model.TextToImage("a ring").Seed(3).Steps(2).Run(cancel: TestContext.Current.CancellationToken);
        Assert.Equal("int8", made.Recipe.Quantization);
        Assert.Contains("int8", made.Recipe.ToString(), StringComparison.Ordinal);
        var read = Recipe.Parse(made.Recipe.ToJson());
        Assert.Equal(made.Recipe, read);
        Assert.Equal(made.Image, read.Reproduce(model, TestContext.Current.CancellationToken));
        Assert.Equal(made.Image, read.Reproduce(Stored.Value, TestContext.Current.CancellationToken));
        Assert.Contains("WithQuantizedWeights", Assert.Throws<ArgumentException>(() => read.ToTextToImage(Stored.Value.TextToImageModel())).Message, StringComparison.Ordinal);
        var own = Stored.Value.WithQuantizedWeights(Quantization.Int8.WithLayers(name => name.Contains("ff", StringComparison.Ordinal)));
        Assert.NotEmpty(own.TextToImage("a ring").Seed(3).Steps(1).Run(cancel: TestContext.Current.CancellationToken).Recipe.Unrecorded);
    }

    private static Pictures Draw(Model model) =>
        model.TextToImage("a large red circle on a white background").Seed(42).Steps(20).GuidanceScale(5).Run(cancel: TestContext.Current.CancellationToken);
}
