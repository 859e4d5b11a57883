using System.Text;
using Diffusion.Core.Formats;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Formats;

public sealed class ModelConfigTests : IDisposable
{
    private const string Sample = """
        {"in_channels": 4, "scale": 0.18215, "blocks": ["A", "B"], "one": "A", "layers": [1, [2, 3]], "flag": true, "none": null,
         "inf": -Infinity, "nan": NaN, "text": "NaN and \"Infinity\"", "inner": {"x": 1.0, "y": [Infinity], "sizes": [1, 2]}, "half": 0.5, "big": 5000000000}
        """;

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Fields_are_read_by_type()
    {
        var config = ModelConfig.Parse(Sample, "c");
        Assert.Equal(4, config.GetInt("in_channels"));
        Assert.Equal(4, config.GetInt("none", 4));
        Assert.Equal(4.0, config.GetDouble("in_channels"));
        Assert.Equal(0.18215, config.GetDouble("scale", 1));
        Assert.Equal(["A", "B"], config.GetTextArray("blocks"));
        Assert.Equal(["A"], config.GetTextArray("one"));
        Assert.Equal([4], config.GetIntArray("in_channels"));
        Assert.Equal([7, 8], config.GetIntArray("absent", [7, 8]));
        Assert.Equal([[1], [2, 3]], config.GetNestedIntArray("layers").Select(list => list.ToArray()));
        Assert.True(config.GetBool("flag"));
        Assert.Equal([true, true], config.GetBoolPerBlock("flag", 2, false));
        Assert.Equal([4, 4, 4], config.GetIntPerBlock("in_channels", 3, 1));
        Assert.Equal([1, 1], config.GetIntPerBlock("absent", 2, 1));
        Assert.Equal(double.NegativeInfinity, config.GetDouble("inf"));
        Assert.True(double.IsNaN(config.GetDouble("nan")));
        Assert.Equal("NaN and \"Infinity\"", config.GetText("text"));
        Assert.Equal(1, config.GetObject("inner").GetInt("x"));
        Assert.Equal([double.PositiveInfinity], config.GetObject("inner").GetDoubleArray("y", []));
        Assert.Empty(config.GetObject("absent").Names);
        Assert.Equal(5_000_000_000, config.GetLong("big", 0));
        Assert.False(config.Has("none"));
        Assert.True(config.IsNumber("inf") && !config.IsText("inf") && config.IsText("one") && config.IsList("blocks") && config.IsObject("inner"));
    }

    [Fact]
    public void Errors_name_file_field_and_value()
    {
        var config = ModelConfig.Parse(Sample, "unet/config.json");
        AssertMessage("unet/config.json: absent: is missing", () => config.GetInt("absent"));
        AssertMessage("unet/config.json: none: is missing", () => config.GetText("none"));
        AssertMessage("unet/config.json: half: is 0.5, expected a whole number", () => config.GetInt("half"));
        AssertMessage("big: is 5000000000, expected a whole number of 32 bits", () => config.GetInt("big"));
        AssertMessage("blocks[0]: is \"A\", expected a whole number", () => config.GetIntArray("blocks"));
        AssertMessage("inner.sizes: is [1, 2], expected one value or a list of 3", () => config.GetObject("inner").GetIntPerBlock("sizes", 3, 1));
        AssertMessage("in_channels: is 4, expected text", () => config.GetText("in_channels"));
        AssertMessage("one: is \"A\", expected true or false", () => config.GetBool("one"));
        AssertMessage("inf: is -Infinity, expected text", () => config.GetText("inf"));
        AssertMessage("inner.y[0]: is Infinity, expected a whole number", () => config.GetObject("inner").GetIntArray("y"));
        AssertMessage("in_channels: is a JSON Number, expected an object", () => config.GetObject("in_channels"));
        AssertMessage("in_channels: is 4, expected a multiple of 8", () => throw config.Invalid("in_channels", "a multiple of 8"));
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("[1]", "is a JSON Array")]
    [InlineData("{\"a\":1,}", "isn't the JSON")]
    [InlineData("{\"a\":1} x", "isn't the JSON")]
    [InlineData("{\"a\":1 /* no */}", "isn't the JSON")]
    [InlineData("// no\n{\"a\":1}", "isn't the JSON")]
    [InlineData("{\"a\":1,\"a\":2}", "isn't the JSON")]
    [InlineData("{\"x\":{\"a\":1,\"\\u0061\":2}}", "isn't the JSON")]
    [InlineData("\uFEFF{\"a\":1}", "byte order mark")]
    [InlineData("{\"a\":nan}", "isn't the JSON")]
    [InlineData("{\"a\":+Infinity}", "isn't the JSON")]
    [InlineData("{\"a\":-NaN}", "isn't the JSON")]
    [InlineData("{\"a\":1NaN}", "isn't the JSON")]
    [InlineData("{NaN : 1}", "isn't the JSON")]
    [InlineData("{\"a\": \"unended", "isn't the JSON")]
    [InlineData("{\"a\": \"unended\\", "isn't the JSON")]
    public void What_is_no_json_object_is_refused(string json, string message)
    {
        var path = _folder.Write("config.json", json);
        var error = Assert.Throws<CheckpointException>(() => ModelConfig.Load(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Invalid_utf8_is_refused() => Assert.Contains(
        "UTF-8",
        Assert.Throws<CheckpointException>(() => ModelConfig.Load(_folder.Write("c.json", [(byte)'{', 0xff, (byte)'}']))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Deep_json_is_refused()
    {
        var deep = string.Concat(Enumerable.Repeat("{\"a\":", 10_000)) + "1" + new string('}', 10_000);
        Assert.Throws<CheckpointException>(() => ModelConfig.Parse(deep, "c"));
    }

    [Fact]
    public void Long_json_is_refused_unread()
    {
        var path = _folder.File("long.json");
        using (var file = File.Create(path))
            file.SetLength(200L << 20);

        Assert.Contains("too many", Assert.Throws<CheckpointException>(() => ModelConfig.Load(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Merge_and_without_leave_the_original_alone()
    {
        var config = ModelConfig.Parse("""{"a": 1, "b": 2}""", "c");
        var merged = config.Merge(ModelConfig.Parse("""{"b": 3, "d": null}""", "o"));
        Assert.Equal(3, merged.GetInt("b"));
        Assert.Equal(["a", "b", "d"], merged.Names);
        Assert.Equal(2, config.GetInt("b"));
        Assert.Equal(["a"], config.Without("b").Names);
    }

    [Property(MaxTest = 300)]
    public void Damaged_json_never_gives_anything_but_the_typed_error(PositiveInt at, PositiveInt what, PositiveInt at2, byte value)
    {
        const string Characters = "{}[]\",:0123456789-.eENaIfinty\\utrnl \u0000";
        var bytes = Encoding.UTF8.GetBytes(Sample);
        bytes[at.Get % bytes.Length] = (byte)Characters[what.Get % Characters.Length];
        bytes[at2.Get % bytes.Length] = value;
        try
        {
            var config = ModelConfig.Load(_folder.Write("config.json", bytes));
            Assert.All(config.Names, name => config.Has(name));
        }
        catch (CheckpointException error)
        {
            Assert.NotEmpty(error.Message);
        }
    }

    public void Dispose() => _folder.Dispose();

    private static void AssertMessage(string message, Func<object> action) =>
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => { action(); }).Message, StringComparison.Ordinal);
}
