using Diffusion.Conformance;
using Diffusion.Core.Devices;
using Diffusion.Core.Images;
using Diffusion.Dsl.Pipelines;
using Diffusion.Dsl.Recipes;
using Xunit;

namespace Diffusion.Dsl.Tests.Pipelines;

/// <summary>The default model, end to end.</summary>
public sealed class ShapesTests : IDisposable
{
    private static readonly Lazy<Model> Loaded = new(() => Model.Load(Folder, Device.Cpu));

    private readonly string folder = Directory.CreateTempSubdirectory("diffusion-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string Folder
    {
        get
        {
            string at = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(at, "Diffusion.slnx")))
                at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("The repository's root wasn't found.");
            return Path.Combine(at, "models", "shapes-64");
        }
    }

    [Fact]
    public void A_large_red_circle_on_a_white_background()
    {
        var image = Loaded.Value.TextToImage("a large red circle on a white background").Seed(42).Steps(20).GuidanceScale(5).Run(cancel: Cancel).Image;
        Assert.Equal((64, 64), (image.Width, image.Height));
        Assert.True(image[32, 32, 0] > 180 && image[32, 32, 1] < 90 && image[32, 32, 2] < 90, "the middle isn't red");
        foreach (var (x, y) in new[] { (1, 1), (62, 1), (1, 62), (62, 62) })
            Assert.True(image[x, y, 0] > 200 && image[x, y, 1] > 200 && image[x, y, 2] > 200, $"the corner {x}, {y} isn't white");
    }

    [Fact]
    public void A_picture_read_back_gives_the_run_that_made_it()
    {
        string path = Path.Combine(folder, "star.png");
        var made = Loaded.Value.TextToImage("a blue star").NegativePrompt("a circle").Seed(7).Steps(4).Scheduler("Euler ancestral").GuidanceRescale(0.3).Run(cancel: Cancel);
        made.Image.Save(path);
        var recipe = Recipe.FromFile(path);
        Assert.Equal(made.Recipe, recipe);
        Assert.Equal(made.Image, recipe.Reproduce(Loaded.Value, Cancel));
    }

    [Fact]
    public void A_grid_read_back_is_the_grid()
    {
        string path = Path.Combine(folder, "grid.png");
        var grid = Loaded.Value.TextToImage("a ring").Batch(2).Seeds(1, 2).Steps(2).Run(cancel: Cancel).Grid();
        grid.Save(path);
        Assert.Equal(Image.Load(path).Pixels.AsEnumerable(), Recipe.FromFile(path).Reproduce(Loaded.Value, Cancel).Pixels.AsEnumerable());
    }

    [Theory]
    [InlineData("pndm-red-circle")]
    [InlineData("ddim-eta-rescale")]
    [InlineData("euler-a-heart")]
    public void The_numbers_are_those_of_the_reference(string name)
    {
        var result = Assert.Single(Runner.Run(Folder, new ConformanceOptions(name, "cpu")));
        Assert.True(result.Outcome == Outcome.Pass, result.ToString());
    }

    [Fact]
    public void A_damaged_folder_is_told_of_when_it_is_loaded()
    {
        Copy(Folder, folder);
        string weights = Path.Combine(folder, "unet", "diffusion_pytorch_model.safetensors");
        using (var file = new FileStream(weights, FileMode.Open, FileAccess.Write))
            file.SetLength(file.Length / 2);
        Assert.Contains("unet", Refused().Message, StringComparison.Ordinal);
        File.Copy(Path.Combine(Folder, "unet", "diffusion_pytorch_model.safetensors"), weights, overwrite: true);
        File.WriteAllText(Path.Combine(folder, "scheduler", "scheduler_config.json"), """{"_class_name": "NoScheduler"}""");
        Assert.Contains("NoScheduler", Refused().Message, StringComparison.Ordinal);
        Directory.Delete(Path.Combine(folder, "vae"), recursive: true);
        Assert.Contains("vae", Refused().Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private Core.Formats.CheckpointException Refused() =>
        Assert.Throws<Core.Formats.CheckpointException>(() => Model.Load(folder, Device.Cpu));

    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
