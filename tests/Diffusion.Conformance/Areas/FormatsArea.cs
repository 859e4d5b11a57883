using System.Text.Json;
using Diffusion.Core.Formats;
using Diffusion.Core.Weights;

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
        var name when name.EndsWith(ShardSuffix, StringComparison.Ordinal) => () => Shards(file),
        var name when name.StartsWith("keys_", StringComparison.Ordinal) => () => SingleFileNames.Check(file),
        var name when name.StartsWith("openclip", StringComparison.Ordinal) && name.EndsWith(".json", StringComparison.Ordinal) =>
            () => SingleFileNames.CheckOpenClip(Path.ChangeExtension(file, ".safetensors")),
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

    // The index's total size, and each tensor bit by bit against the unsharded files in the folder that have one of its kind and shape.
    private static Verdict Shards(string file)
    {
        var index = SafetensorsIndex.Load(file);
        using var sharded = WeightStore.Open(file);
        var shards = index.Shards.ToHashSet(StringComparer.Ordinal);
        var others = Directory.GetFiles(Path.GetDirectoryName(file)!, "*.safetensors")
            .Where(other => !shards.Contains(Path.GetFileName(other)))
            .Select(WeightStore.Open).ToArray();
        try
        {
            var names = Compare.Equal("names", index.WeightMap.Keys, sharded.Names);
            var size = ModelConfig.Load(file).GetObject("metadata").GetLong("total_size", -1);
            var total = size < 0
                ? Verdict.Pass(0)
                : Compare.Equal("total_size", [size], [sharded.Tensors.Sum(pair => pair.Value.ByteLength)]);
            return sharded.Tensors.Select(pair => SameSomewhere(pair.Key, pair.Value, others)).Aggregate(names.And(total), (a, b) => a.And(b));
        }
        finally
        {
            Array.ForEach(others, other => other.Dispose());
        }
    }

    private static Verdict SameSomewhere(string name, RawTensor tensor, WeightStore[] others)
    {
        var alike = others.SelectMany(other => other.Tensors.Select(pair => pair.Value))
            .Where(other => other.Dtype == tensor.Dtype && other.Shape.SequenceEqual(tensor.Shape)).ToArray();
        return alike.Length == 0 ? Verdict.Skip($"{name}: no other file has a tensor of its kind and shape to compare with.")
            : alike.Any(other => SameBytes(other, tensor)) ? Verdict.Pass(0)
            : Verdict.Fail($"{name}: differs from every {tensor.Dtype} tensor of its shape in the other files.");
    }

    private static bool SameBytes(RawTensor left, RawTensor right)
    {
        using var a = left.Lease();
        using var b = right.Lease();
        return a.Span.SequenceEqual(b.Span);
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
