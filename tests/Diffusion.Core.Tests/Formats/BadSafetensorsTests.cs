using System.Text;
using Diffusion.Core.Formats;
using Xunit;

namespace Diffusion.Core.Tests.Formats;

/// <summary>Malformed files: each is refused with the typed error, which names the file and what is wrong.</summary>
public sealed class BadSafetensorsTests : IDisposable
{
    private const string Good = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> BadBytes => new()
    {
        { "", "0 bytes" },
        { "01000000000000", "7 bytes" },
        { "0000000000000000", "header length: 0" },
        { "FFFFFFFFFFFFFFFF", "header length: 18446744073709551615 bytes" },
        { "01E1F50500000000", "header length: 100000001 bytes" },
        { "00E1F50500000000", "header length: 100000000 bytes, but at most 0" },
        { "09000000000000007B7D", "header length: 9 bytes, but at most 2" },
        { "03000000000000007BFF7D", "isn't valid UTF-8" },
        { "0500000000000000EFBBBF7B7D", "byte order mark" },
        { "47475546030000000100000000000000", "GGUF" },
    };

    /// <summary>Headers over 8 bytes of data, and a part of the message that each must give.</summary>
    public static TheoryData<string, string> BadHeaders => new()
    {
        { "hello", "isn't the JSON" },
        { "[]", "is a JSON StartArray" },
        { "\"text\"", "is a JSON String" },
        { Good + "x", "isn't the JSON" },
        { Good + "{}", "isn't the JSON" },
        { Good[..^1], "isn't the JSON" },
        { "// no\n" + Good, "isn't the JSON" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "tensor 'a': occurs twice" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "tensor 'a': occurs twice" },
        { """{"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}""", "tensor 'a' dtype: occurs twice" },
        { """{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}""", "tensor 'a' shape: occurs twice" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"data_offsets":[0,8]}}""", "data_offsets: occurs twice" },
        { """{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", "tensor 'a' dtype: is 'F31'" },
        { """{"a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}""", "tensor 'a' dtype: is 'f32'" },
        { """{"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}""", "tensor 'a' dtype: is a JSON Number" },
        { """{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "tensor 'a' shape: holds '-2'" },
        { """{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,8]}}""", "tensor 'a' shape: holds '-0'" },
        { """{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", "tensor 'a' shape: holds '2.0'" },
        { """{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}""", "tensor 'a' shape: holds '2e0'" },
        { """{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", "shape: holds '99999999999999999999'" },
        { """{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", "tensor 'a' shape: holds a JSON String" },
        { """{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", "tensor 'a' shape: is a JSON Number" },
        { """{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}""", "is larger than any file" },
        { """{"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}""", "is larger than any file" },
        { """{"a":{"dtype":"F64","shape":[9223372036854775807],"data_offsets":[0,8]}}""", "is larger than any file" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "ends before it begins" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "has 1 numbers" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", "has 3 numbers" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,-8]}}""", "data_offsets: holds '-8'" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "overlap" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[3],"data_offsets":[2,8]}}""", "overlap" },
        { """{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "there is a hole" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "there is a hole" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "Something was appended" },
        { """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""", "cut off" },
        { "{}", "Something was appended" },
        { """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "are 8 bytes, but F32 [3] has 12" },
        { """{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,8]}}""", "isn't a whole number of bytes" },
        { """{"a":{"shape":[2],"data_offsets":[0,8]}}""", "dtype: is missing" },
        { """{"a":{"dtype":"F32","data_offsets":[0,8]}}""", "shape: is missing" },
        { """{"a":{"dtype":"F32","shape":[2]}}""", "data_offsets: is missing" },
        { """{"a":[]}""", "tensor 'a': is a JSON StartArray" },
        { """{"a":null}""", "tensor 'a': is a JSON Null" },
        { """{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "isn't the JSON" },
        { """{"__metadata__":{"format":7},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "__metadata__ 'format': is a JSON Number" },
        { """{"__metadata__":{"format":null},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "__metadata__ 'format': is a JSON Null" },
        { """{"__metadata__":["pt"],"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "__metadata__: is a JSON StartArray" },
        { """{"__metadata__":{"a":"1","a":"2"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "__metadata__ 'a': occurs twice" },
        { """{"__metadata__":{},"__metadata__":{},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "occurs twice" },
    };

    [Theory]
    [MemberData(nameof(BadBytes))]
    public void Bytes_that_are_no_header_are_refused(string hex, string message) =>
        AssertRefused(_folder.Write("x.safetensors", Convert.FromHexString(hex)), message);

    [Theory]
    [MemberData(nameof(BadHeaders))]
    public void Headers_that_break_a_rule_are_refused(string header, string message) =>
        AssertRefused(_folder.Safetensors(header, 8), message);

    [Theory]
    [InlineData("<!DOCTYPE html><html><body>Not found</body></html>", "web page")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull")]
    [InlineData("{\"a\":{\"dtype\":\"F32\"}}", "header's length are missing")]
    [InlineData("PK\u0003\u0004 archive/data.pkl", "zip")]
    public void Other_things_under_the_name_are_recognised(string content, string message) =>
        AssertRefused(_folder.Write("x.safetensors", content), message);

    [Theory]
    [InlineData("[", "]")]
    [InlineData("{\"a\":", "}")]
    public void Deep_nesting_is_refused(string open, string close)
    {
        var deep = string.Concat(Enumerable.Repeat(open, 10_000)) + "1" + string.Concat(Enumerable.Repeat(close, 10_000));
        AssertRefused(_folder.Safetensors($$$"""{"a":{"later":{{{deep}}},"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8), "isn't the JSON");
    }

    [Fact]
    public void White_space_around_the_header_is_accepted()
    {
        using var file = SafetensorsFile.Open(_folder.Safetensors(" \t\r\n" + Good + " \n    ", 8));
        Assert.Equal(["a"], file.Names);
    }

    [Fact]
    public void Scalars_and_tensors_without_elements_load()
    {
        var path = _folder.Safetensors(
            """{"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"e":{"dtype":"F64","shape":[3,0],"data_offsets":[4,4]},"z":{"dtype":"F4","shape":[0],"data_offsets":[0,0]}}""", 4);
        using var file = SafetensorsFile.Open(path);
        Assert.Single(file.ToFloats("s"));
        Assert.Empty(file.ToDoubles("e"));
        Assert.Equal(0, file.Entry("z").ElementCount);
    }

    [Fact]
    public void An_empty_header_without_data_loads()
    {
        using var file = SafetensorsFile.Open(_folder.Safetensors("{}", 0));
        Assert.Empty(file.Names);
    }

    [Fact]
    public void A_million_tiny_tensors_load()
    {
        var header = new StringBuilder("{");
        for (var i = 0; i < 1_000_000; i++)
            header.Append(i == 0 ? "" : ",").Append('"').Append(i).Append("\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[").Append(i).Append(',').Append(i + 1).Append("]}");

        var read = SafetensorsFile.ReadHeader(_folder.Safetensors(header.Append('}').ToString(), 1_000_000));
        Assert.Equal(1_000_000, read.Entries.Length);
    }

    [Fact]
    public void A_file_that_was_cut_off_while_mapped_is_an_error()
    {
        // Only systems whose locks are advisory let another program do this.
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs the command truncate.");
        var path = _folder.Safetensors("""{"a":{"dtype":"F32","shape":[4096],"data_offsets":[0,16384]}}""", 16384);
        using var file = SafetensorsFile.Open(path);
        using (var truncate = System.Diagnostics.Process.Start("truncate", ["-s", "100", path]))
            truncate.WaitForExit();

        Assert.Equal(100, new FileInfo(path).Length);
        Assert.Contains("cut it off", Assert.Throws<CheckpointException>(() => file.ToFloats("a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_was_replaced_while_mapped_keeps_its_old_content()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the system forbids it.");
        var path = _folder.Safetensors(Good, 8);
        using var file = SafetensorsFile.Open(path);
        var before = file.ToFloats("a");
        File.Move(_folder.Safetensors("{}", 0, "y.safetensors"), path, overwrite: true);
        Assert.Equal(before, file.ToFloats("a"));
    }

    [Theory]
    [InlineData("a\\u0000b")]
    [InlineData("/etc/passwd")]
    [InlineData("../../x")]
    [InlineData("")]
    public void Names_are_only_names(string name)
    {
        using var file = SafetensorsFile.Open(_folder.Safetensors($$$"""{"{{{name}}}":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8));
        Assert.Equal(2, file.ToFloats(Assert.Single(file.Names)).Length);
    }

    [Fact]
    public void A_name_of_a_megabyte_loads_and_is_cut_in_messages()
    {
        var name = new string('n', 1 << 20);
        using var file = SafetensorsFile.Open(_folder.Safetensors($$$"""{"{{{name}}}":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}""", 8));
        var error = Assert.Throws<NotSupportedException>(() => file.ToFloats(name));
        Assert.InRange(error.Message.Length, 1, 600);
    }

    [Fact]
    public void Nan_and_infinite_weights_load_and_are_counted()
    {
        var path = _folder.File("x.safetensors");
        SafetensorsWriter.Save(path, [TensorBytes.OfFloats("a", [4], [1, float.NaN, float.PositiveInfinity, -2])], []);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(2, file.CountNonFinite("a"));
        Assert.True(float.IsNaN(file.ToFloats("a")[1]));
    }

    [Fact]
    public void What_is_no_regular_file_is_refused_without_waiting()
    {
        AssertRefused(_folder.File("absent.safetensors"), "there is no such file");
        AssertRefused(_folder.Path, "is a folder");
        if (File.Exists("/dev/zero"))
            AssertRefused("/dev/zero", "no regular file");
    }

    [Fact]
    public void A_pipe_is_refused_without_waiting()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "pipes aren't files there.");
        var path = _folder.File("pipe.safetensors");
        using (var make = System.Diagnostics.Process.Start("mkfifo", [path]))
            make.WaitForExit();

        AssertRefused(path, "no regular file");
    }

    [Fact]
    public void Kinds_without_a_number_type_are_listed_and_refused_on_use()
    {
        using var file = SafetensorsFile.Open(_folder.Safetensors("""{"a":{"dtype":"F8_E5M2","shape":[8],"data_offsets":[0,8]}}""", 8));
        Assert.Equal(SafetensorsDtype.F8E5M2, file.Entry("a").Dtype);
        Assert.Contains("F8_E5M2", Assert.Throws<NotSupportedException>(() => file.ToDoubles("a")).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static void AssertRefused(string path, string message)
    {
        var error = Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(path));
        Assert.Equal(path, error.File);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.InRange(error.Message.Length, 1, 1000);
    }
}
