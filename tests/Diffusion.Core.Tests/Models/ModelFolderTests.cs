using Diffusion.Core.Formats;
using Diffusion.Core.Models;
using Diffusion.Core.Tests.Formats;
using Xunit;

namespace Diffusion.Core.Tests.Models;

public sealed class ModelFolderTests : IDisposable
{
    private const string Index = """
        {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.27.2", "safety_checker": [null, null], "requires_safety_checker": false,
         "unet": ["diffusers", "UNet2DConditionModel"], "scheduler": ["diffusers", "PNDMScheduler"]}
        """;

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void A_pipeline_folder_is_described()
    {
        var folder = ModelFolder.Open(MakeFolder(Index));
        Assert.Equal("StableDiffusionPipeline", folder.PipelineClass);
        Assert.Equal(["unet", "scheduler"], folder.Components.Select(part => part.Name));
        Assert.Equal(["safety_checker"], folder.Absent);
        Assert.False(folder.Options.GetBool("requires_safety_checker"));
        Assert.False(folder.Has("safety_checker"));
        Assert.Equal("diffusers", folder.Component("unet").Library);
        Assert.Equal(4, folder.Component("unet").Config().GetInt("in_channels"));
        Assert.Equal(1000, folder.Component("scheduler").Config().GetInt("num_train_timesteps"));
        using var weights = folder.Component("unet").Weights();
        Assert.Equal(["a"], weights.Names);
        Assert.Equal(64, folder.Hash().Hex.Length);
        Assert.Contains("It has unet, scheduler", Assert.Throws<CheckpointException>(() => folder.Component("vae")).Message, StringComparison.Ordinal);
        Assert.Contains(
            "Supported there: UNet2DModel", Assert.Throws<NotSupportedException>(() => folder.Component("unet").Require("UNet2DModel")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_hash_doesn_t_depend_on_the_folder_s_place()
    {
        var here = ModelFolder.Open(MakeFolder(Index)).Hash().Hex;
        using var elsewhere = new TemporaryFolder();
        var moved = Path.Combine(elsewhere.Path, "moved");
        CopyTo(_folder.Path, moved);
        Assert.Equal(here, ModelFolder.Open(moved).Hash().Hex);
        File.WriteAllText(Path.Combine(moved, "unet", "diffusion_pytorch_model.safetensors"), "changed");
        Assert.NotEqual(here, ModelFolder.Open(moved).Hash().Hex);
    }

    [Theory]
    [InlineData("""{"unet": ["diffusers", "U"]}""", "_class_name: is missing")]
    [InlineData("""{"_class_name": "P", "unet": ["diffusers"]}""", "unet: is [\"diffusers\"], expected [library, class]")]
    [InlineData("""{"_class_name": "P", "unet": ["diffusers", "U", "V"]}""", "expected [library, class]")]
    [InlineData("""{"_class_name": "P", "unet": []}""", "expected [library, class]")]
    [InlineData("""{"_class_name": "P", "unet": ["diffusers", null]}""", "expected [library, class]")]
    [InlineData("""{"_class_name": "P", "unet": ["diffusers", 3]}""", "unet[1]: is 3, expected text")]
    [InlineData("""{"_class_name": "P", "unet": ["os; rm", "U"]}""", "expected the name of a class or a library")]
    [InlineData("""{"_class_name": "P", "unet": ["diffusers", "../U"]}""", "expected the name of a class or a library")]
    [InlineData("""{"_class_name": "P", "../unet": ["diffusers", "U"]}""", "leads out of the folder")]
    [InlineData("""{"_class_name": "P", "unet": ["diffusers", "U"], "vae": ["diffusers", "V"], "prior": ["diffusers", "W"]}""", "missing: vae, prior")]
    [InlineData("[]", "is a JSON Array")]
    [InlineData("", "is empty")]
    public void A_damaged_index_is_refused(string index, string message)
    {
        var path = MakeFolder(index);
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => ModelFolder.Open(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"_class_name": ["my_pipeline", "P"], "unet": ["diffusers", "U"]}""")]
    [InlineData("""{"_class_name": "P", "unet": ["my_unet.py", "U"]}""")]
    [InlineData("""{"_class_name": "P", "unet": ["my_unet", "U"]}""")]
    public void Python_code_is_refused(string index)
    {
        var path = MakeFolder(index);
        _folder.Write("unet/my_unet.py", "import os");
        Assert.Contains("never run", Assert.Throws<NotSupportedException>(() => ModelFolder.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_pipeline_folder_says_what_was_expected()
    {
        AssertMessage("there is no such folder. Expected a folder with model_index.json", _folder.File("absent"));
        AssertMessage("has no model_index.json. Expected", _folder.Path);
        AssertMessage("is a file. Expected a folder", _folder.Write("model.safetensors", "x"));
        _folder.Write("unet/config.json", "{}");
        AssertMessage("it is one component", _folder.File("unet"));
    }

    [Fact]
    public void A_component_without_settings_says_so()
    {
        var folder = ModelFolder.Open(MakeFolder(Index));
        File.Delete(_folder.File("unet/config.json"));
        Assert.Contains("has none of config.json", Assert.Throws<CheckpointException>(() => folder.Component("unet").Config()).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static void AssertMessage(string message, string path) =>
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => ModelFolder.Open(path)).Message, StringComparison.Ordinal);

    private static void CopyTo(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private string MakeFolder(string index)
    {
        _folder.Write("model_index.json", index);
        _folder.Write("unet/config.json", """{"in_channels": 4}""");
        _folder.Write("scheduler/scheduler_config.json", """{"num_train_timesteps": 1000}""");
        SafetensorsWriter.Save(_folder.File("unet/diffusion_pytorch_model.safetensors"), [TensorBytes.OfFloats("a", [1], [1])], []);
        return _folder.Path;
    }
}
