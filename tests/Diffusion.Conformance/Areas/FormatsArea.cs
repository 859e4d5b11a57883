using System.Text.Json;
using Diffusion.Core.Formats;

namespace Diffusion.Conformance.Areas;

/// <summary>
/// <c>formats</c>: files that the readers must read exactly. A <c>name.safetensors</c> with a <c>name.json</c> that lists its
/// values, shard indexes, and files of kinds that come later.
/// </summary>
public static class FormatsArea
{
    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options) =>
        from file in Directory.GetFiles(folder).Order(StringComparer.Ordinal)
        let check = CheckOf(file)
        where check is not null
        from result in options.Case($"formats/{CaseName(file)}", check)
        select result;

    private static string CaseName(string file) => file.EndsWith(ShardSuffix, StringComparison.Ordinal)
        ? Path.GetFileName(file)[..^ShardSuffix.Length]
        : Path.GetExtension(file) == ".json" ? Path.GetFileNameWithoutExtension(file) : Path.GetFileName(file);

    private const string ShardSuffix = ".safetensors.index.json";

    private static Func<Verdict>? CheckOf(string file) => Path.GetFileName(file) switch
    {
        var name when name.EndsWith(ShardSuffix, StringComparison.Ordinal) => () => Verdict.Skip("sharded checkpoints aren't supported yet."),
        var name when name.StartsWith("keys_", StringComparison.Ordinal) => () => Verdict.Skip("single-file checkpoints with original names come later."),
        var name when name.StartsWith("openclip", StringComparison.Ordinal) && name.EndsWith(".json", StringComparison.Ordinal) =>
            () => Verdict.Skip("OpenCLIP names come later."),
        var name when Path.GetExtension(name) is ".bin" or ".ckpt" or ".pt" or ".pth" => () => Verdict.Skip("pickle checkpoints come later."),
        var name when Path.GetExtension(name) is ".json" => () => Values(file),
        _ => null,
    };

    private static Verdict Values(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        if (!json.RootElement.TryGetProperty("tensors", out var tensors))
            return Verdict.Skip("the JSON lists no tensors to compare with.");

        using var safetensors = SafetensorsFile.Open(Path.ChangeExtension(file, ".safetensors"));
        var names = Compare.Equal("names", tensors.EnumerateObject().Select(t => t.Name).Order(StringComparer.Ordinal), safetensors.Names.Order(StringComparer.Ordinal));
        var metadata = json.RootElement.TryGetProperty("metadata", out var texts)
            ? Compare.Equal("metadata", texts.EnumerateObject().Select(t => $"{t.Name}={t.Value}").Order(StringComparer.Ordinal), safetensors.Header.Metadata.Select(t => $"{t.Key}={t.Value}").Order(StringComparer.Ordinal))
            : Verdict.Pass(0);
        return tensors.EnumerateObject().Select(tensor => TensorValues(safetensors, tensor.Name, tensor.Value)).Aggregate(names.And(metadata), (a, b) => a.And(b));
    }

    private static Verdict TensorValues(SafetensorsFile file, string name, JsonElement expected)
    {
        var entry = file.Entry(name);
        var torch = expected.GetProperty("dtype").GetString();
        var dtype = Compare.Equal($"{name} dtype", [torch ?? ""], [TorchName(entry.Dtype)]);
        var shape = Compare.Equal($"{name} shape", expected.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), entry.Shape);
        var values = expected.GetProperty("values").EnumerateArray().ToArray();
        var isInteger = entry.Dtype is not (SafetensorsDtype.F16 or SafetensorsDtype.BF16 or SafetensorsDtype.F32 or SafetensorsDtype.F64);
        var numbers = isInteger
            ? Compare.Equal(name, values.Select(value => value.GetInt64()), file.ToInt64s(name))
            : Floats(name, [.. values.Select(Number)], file.ToDoubles(name));
        return dtype.And(shape).And(numbers);
    }

    // Exactly equal, the sign of zero included.
    private static Verdict Floats(string name, double[] expected, double[] actual) =>
        Compare.Absolute(name, expected, actual, 0).And(
            Compare.Equal($"{name} bits", expected.Select(BitConverter.DoubleToInt64Bits), actual.Select(BitConverter.DoubleToInt64Bits)));

    private static double Number(JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? value.GetDouble()
        : value.GetString() switch
        {
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            "nan" => double.NaN,
            var other => throw new InvalidDataException($"'{other}' is no number."),
        };

    private static string TorchName(SafetensorsDtype dtype) => dtype switch
    {
        SafetensorsDtype.Bool => "torch.bool",
        SafetensorsDtype.U8 => "torch.uint8",
        SafetensorsDtype.I8 => "torch.int8",
        SafetensorsDtype.I16 => "torch.int16",
        SafetensorsDtype.I32 => "torch.int32",
        SafetensorsDtype.I64 => "torch.int64",
        SafetensorsDtype.F16 => "torch.float16",
        SafetensorsDtype.BF16 => "torch.bfloat16",
        SafetensorsDtype.F32 => "torch.float32",
        SafetensorsDtype.F64 => "torch.float64",
        _ => dtype.HeaderName(),
    };
}
