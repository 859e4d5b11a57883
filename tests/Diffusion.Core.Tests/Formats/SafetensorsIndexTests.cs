using System.Text.Json;
using Diffusion.Core.Formats;
using Xunit;

namespace Diffusion.Core.Tests.Formats;

public sealed class SafetensorsIndexTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>File names that lead out of the folder, or that some system understands in another way.</summary>
    public static TheoryData<string> BadNames =>
    [
        "../x.safetensors", "..", "a/b.safetensors", "/etc/x.safetensors", "C:\\x.safetensors", "C:x.safetensors", "\\\\host\\share\\x.safetensors",
        "a\\x.safetensors", "x.safetensors.", "x.safetensors ", " x.safetensors", "", "a\u0000.safetensors", "NUL.safetensors", "com1.safetensors",
        "x?.safetensors", "file:x.safetensors", new string('x', 300) + ".safetensors",
    ];

    [Theory]
    [MemberData(nameof(BadNames))]
    public void Names_that_lead_out_are_refused(string name)
    {
        var path = _folder.Write("m.safetensors.index.json", Index(("a", name)));
        var error = Assert.Throws<CheckpointException>(() => SafetensorsIndex.Load(path));
        Assert.Equal(path, error.File);
        Assert.Contains("weight_map 'a'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shards_of_other_kinds_aren_t_supported()
    {
        var path = _folder.Write("m.safetensors.index.json", Index(("a", "pytorch_model-1.bin")));
        Assert.Throws<NotSupportedException>(() => SafetensorsIndex.Load(path));
    }

    [Theory]
    [InlineData("{}", "weight_map")]
    [InlineData("""{"weight_map":{}}""", "weight_map")]
    [InlineData("""{"weight_map":[]}""", "weight_map")]
    [InlineData("""{"weight_map":{"a":1}}""", "weight_map.a")]
    [InlineData("""{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}""", "Duplicate")]
    public void What_is_no_index_is_refused(string json, string message)
    {
        var path = _folder.Write("m.safetensors.index.json", json);
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => SafetensorsIndex.Load(path)).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void All_absent_files_are_listed()
    {
        Save("1.safetensors", "a");
        AssertRefused("2 of 3 files aren't in the folder: 2.safetensors, 3.safetensors", ("a", "1.safetensors"), ("b", "2.safetensors"), ("c", "3.safetensors"));
    }

    [Fact]
    public void All_tensors_that_a_file_lacks_are_listed()
    {
        Save("1.safetensors", "a");
        AssertRefused("'b' in 1.safetensors, 'c' in 1.safetensors", ("a", "1.safetensors"), ("b", "1.safetensors"), ("c", "1.safetensors"));
    }

    [Fact]
    public void A_tensor_in_two_files_is_refused()
    {
        Save("1.safetensors", "a", "b");
        Save("2.safetensors", "b");
        AssertRefused("in more than one file: 'b'", ("a", "1.safetensors"), ("b", "2.safetensors"));
    }

    [Fact]
    public void A_link_out_of_the_folder_is_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "making links needs a privilege there.");
        using var elsewhere = new TemporaryFolder();
        var target = elsewhere.File("t.safetensors");
        SafetensorsWriter.Save(target, [TensorBytes.OfFloats("a", [1], [1])], []);
        File.CreateSymbolicLink(_folder.File("1.safetensors"), target);
        AssertRefused("out of the model's folder", ("a", "1.safetensors"));
    }

    [Fact]
    public void Links_into_a_download_cache_s_blobs_are_followed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "making links needs a privilege there.");
        Directory.CreateDirectory(_folder.File("blobs"));
        Save("blobs/0123abcd", "a");
        Directory.CreateDirectory(_folder.File("snapshots/main/unet"));
        File.CreateSymbolicLink(_folder.File("snapshots/main/unet/1.safetensors"), "../../../blobs/0123abcd");
        var index = _folder.Write("snapshots/main/unet/m.safetensors.index.json", Index(("a", "1.safetensors")));
        var shard = Assert.Single(SafetensorsIndex.Load(index).OpenShards());
        Assert.Equal([1f], shard.ToFloats("a"));
        shard.Dispose();
    }

    public void Dispose() => _folder.Dispose();

    private static string Index(params (string Tensor, string File)[] map) => JsonSerializer.Serialize(
        new { metadata = new { total_size = 4 }, weight_map = map.ToDictionary(pair => pair.Tensor, pair => pair.File) });

    private void Save(string file, params string[] names) =>
        SafetensorsWriter.Save(_folder.File(file), names.Select(name => TensorBytes.OfFloats(name, [1], [1])), []);

    private void AssertRefused(string message, params (string Tensor, string File)[] map)
    {
        var path = _folder.Write("m.safetensors.index.json", Index(map));
        var error = Assert.Throws<CheckpointException>(() => SafetensorsIndex.Load(path).OpenShards());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }
}
