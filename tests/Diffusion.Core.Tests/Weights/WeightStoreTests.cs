using System.Security.Cryptography;
using System.Text;
using Diffusion.Core.Formats;
using Diffusion.Core.Tests.Formats;
using Diffusion.Core.Weights;
using Xunit;

namespace Diffusion.Core.Tests.Weights;

public sealed class WeightStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("", "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")]
    [InlineData("fp16", "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")]
    [InlineData("fp16", "model.safetensors", "model.safetensors", "model.non_ema.safetensors")]
    [InlineData("", "model.safetensors.index.json", "model.safetensors.index.json", "model.safetensors.index.fp16.json")]
    [InlineData("fp16", "model.safetensors.index.fp16.json", "model.safetensors.index.json", "model.safetensors.index.fp16.json")]
    [InlineData("fp16", "model.fp16.safetensors", "model.safetensors", "model.fp16.safetensors", "pytorch_model.bin")]
    [InlineData("", "model.safetensors", "model.safetensors", "model.safetensors.index.json")]
    public void The_file_is_chosen_as_in_diffusers(string variant, string chosen, params string[] files)
    {
        foreach (var file in files)
            _folder.Write(file, "x");

        Assert.Equal(_folder.File(chosen), WeightFiles.Choose(_folder.Path, variant));
    }

    [Fact]
    public void A_folder_without_usable_weights_says_what_is_there()
    {
        Assert.Contains("no such folder", Assert.Throws<CheckpointException>(() => WeightFiles.Choose(_folder.File("absent"))).Message, StringComparison.Ordinal);
        Assert.Contains("download complete", Assert.Throws<CheckpointException>(() => WeightFiles.Choose(_folder.Path)).Message, StringComparison.Ordinal);
        _folder.Write("diffusion_pytorch_model.bin", "x");
        Assert.Contains("Convert them to safetensors", Assert.Throws<NotSupportedException>(() => WeightFiles.Choose(_folder.Path)).Message, StringComparison.Ordinal);
        _folder.Write("diffusion_pytorch_model.fp16.safetensors", "x");
        Assert.Contains("fp16.safetensors: ask for that variant", Assert.Throws<CheckpointException>(() => WeightFiles.Choose(_folder.Path)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => WeightFiles.Choose(_folder.Path, "../x"));
        Assert.Throws<NotSupportedException>(() => WeightStore.Open(_folder.File("diffusion_pytorch_model.bin")));
    }

    [Fact]
    public void Shards_of_a_variant_open_as_one_store()
    {
        Save("model.fp16-00001-of-00002.safetensors", ("a", 1));
        Save("model.fp16-00002-of-00002.safetensors", ("b", 2));
        _folder.Write("model.safetensors.index.fp16.json",
            """{"metadata":{"total_size":8},"weight_map":{"a":"model.fp16-00001-of-00002.safetensors","b":"model.fp16-00002-of-00002.safetensors"}}""");
        using var store = WeightStore.OpenFolder(_folder.Path, "fp16");
        Assert.Equal(["a", "b"], store.Names);
        Assert.Equal([2f], store["b"].ToFloats());
        Assert.Equal(2, store.Files.Length);
    }

    [Fact]
    public void Changing_names_gives_other_stores_over_the_same_bytes()
    {
        Save("x.safetensors", ("vae.a", 1), ("vae.b", 2), ("unet.a", 3));
        using var store = WeightStore.Open(_folder.File("x.safetensors"));
        var vae = store.StripPrefix("vae.");
        Assert.Equal(["a", "b"], vae.Names);
        Assert.Equal([1f], vae["a"].ToFloats());
        Assert.Equal("vae.a", vae["a"].Name);
        Assert.Equal(3, store.Count);
        Assert.Equal(store.WithPrefix("vae.").Names, vae.AddPrefix("vae.").Names);
        Assert.Equal(["unet.a"], store.Where(name => name.StartsWith('u')).Names);
        Assert.Contains("'a'", Assert.Throws<ArgumentException>(() => store.Rename(name => name.Split('.')[1])).Message, StringComparison.Ordinal);
        Assert.Contains("x.safetensors: tensor 'c'", Assert.Throws<CheckpointException>(() => store["c"]).Message, StringComparison.Ordinal);

        var merged = vae.Merge(WeightStore.Of(TensorBytes.OfFloats("a", [1], [9]), TensorBytes.OfFloats("n", [], [8])));
        Assert.Equal(["a", "b", "n"], merged.Names);
        Assert.Equal([9f], merged["a"].ToFloats());
        Assert.Equal([1f], vae["a"].ToFloats());
        using var lease = merged["n"].Lease();
        Assert.Equal(4, lease.Length);
    }

    [Fact]
    public void Closed_stores_say_so()
    {
        Save("x.safetensors", ("a", 1));
        var store = WeightStore.Open(_folder.File("x.safetensors"));
        store.Dispose();
        Assert.Throws<ObjectDisposedException>(() => store["a"].ToFloats());
    }

    [Fact]
    public void The_report_lists_every_difference()
    {
        var store = WeightStore.Of(
            TensorBytes.OfFloats("same", [1], [1]), TensorBytes.OfFloats("turned", [2, 1], [1, 2]), TensorBytes.OfFloats("other", [2], [1, 2]),
            TensorBytes.OfFloats("extra1", [], [1]), TensorBytes.OfFloats("extra2", [], [1]));
        var report = WeightReport.Of(
            store, [new("same", [1]), new("turned", [1, 2]), new("other", [3]), new("absent1", [1]), new("absent2", [1])]);
        Assert.Equal(["absent1", "absent2"], report.Missing);
        Assert.Equal(["extra1", "extra2"], report.Unexpected);
        Assert.Equal([("other", false), ("turned", true)], report.MisShaped.Select(tensor => (tensor.Name, tensor.IsTransposed)));
        var message = Assert.Throws<CheckpointException>(() => report.RequireComplete("TestModel")).Message;
        Assert.All(["TestModel", "absent1", "absent2", "extra1", "extra2", "turned", "other"], name => Assert.Contains(name, message, StringComparison.Ordinal));
        Assert.True(WeightReport.Of(store, [new("same", [1])]) is { IsComplete: true, IsExact: false });
    }

    [Fact]
    public void The_hash_is_what_sha256sum_prints()
    {
        var one = _folder.Write("1.safetensors", "one");
        var two = _folder.Write("2.safetensors", "two");
        var (hashOne, hashTwo) = (Hex("one"), Hex("two"));
        Assert.Equal(hashOne, ModelHash.OfFile(one).Hex);
        var hash = ModelHash.OfFiles([new("vae/2.safetensors", two), new("unet/1.safetensors", one)]);
        Assert.Equal(Hex($"{hashOne}  unet/1.safetensors\n{hashTwo}  vae/2.safetensors\n"), hash.Hex);
        Assert.Equal(hash.Hex[..10], hash.Short);
        Assert.Throws<CheckpointException>(() => ModelHash.OfFile(_folder.File("absent")).Hex);
    }

    public void Dispose() => _folder.Dispose();

    private static string Hex(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private void Save(string file, params (string Name, float Value)[] tensors) =>
        SafetensorsWriter.Save(_folder.File(file), tensors.Select(tensor => TensorBytes.OfFloats(tensor.Name, [1], [tensor.Value])), []);
}
