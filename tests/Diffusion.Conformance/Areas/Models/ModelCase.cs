using System.Text.Json;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Tensors;

namespace Diffusion.Conformance.Areas.Models;

/// <summary>One call of a model's <c>io.json</c> with its tensors in <c>io.safetensors</c>.</summary>
public sealed record ModelCase(string Folder, string Call, JsonElement Args, SafetensorsFile Tensors, Device Device)
{
    private const double Tolerance = 1e-4;

    /// <summary>Whether there is an input of that name.</summary>
    public bool Has(string name) => Tensors.Contains($"{Call}/in/{name}");

    /// <summary>An input.</summary>
    public Tensor In(string name) => FixtureTensors.Read(Tensors, $"{Call}/in/{name}", Device);

    /// <summary>An input, if it is there.</summary>
    public Tensor? Optional(string name) => Has(name) ? In(name) : null;

    /// <summary>The inputs of a list.</summary>
    public IEnumerable<Tensor> List(string name)
    {
        for (var i = 0; Has($"{name}/{i}"); i++)
            yield return In($"{name}/{i}");
    }

    /// <summary>A number among the arguments, or among the inputs.</summary>
    public double? Number(string name) => Args.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    /// <summary>A whole number among the arguments.</summary>
    public int Integer(string name) => Args.GetProperty(name).GetInt32();

    /// <summary>Compares all outputs of the call. An output that isn't computed here is a failure.</summary>
    /// <param name="outputs">Gives an output by its field's name (empty for the only one); null where there is none.</param>
    public Verdict Compare(Func<string, Tensor?> outputs)
    {
        var prefix = $"{Call}/out";
        var names = Tensors.Names.Where(name => name == prefix || name.StartsWith(prefix + "/", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        return Verdict.All(names.ToArray().Select(name => outputs(name == prefix ? "" : name[(prefix.Length + 1)..]) is { } actual
            ? FixtureTensors.Compare(Tensors, name, actual, Tolerance)
            : Verdict.Fail($"{name}: nothing to compare with.")));
    }
}

/// <summary>Tensors of fixture files.</summary>
internal static class FixtureTensors
{
    /// <summary>A tensor: floats as float32, everything else as 64-bit integers.</summary>
    public static Tensor Read(SafetensorsFile file, string name, Device device)
    {
        var entry = file.Entry(name);
        var shape = new Shape([.. entry.Shape.Select(n => (int)n)]);
        return entry.Dtype is SafetensorsDtype.F32 or SafetensorsDtype.F16 or SafetensorsDtype.BF16 or SafetensorsDtype.F64
            ? Tensor.From(file.ToFloats(name), shape, device)
            : Tensor.FromIntegers(file.ToInt64s(name), shape, device);
    }

    /// <summary>Compares a tensor's shape and values; the tolerance is relative to max(1, max|reference|).</summary>
    public static Verdict Compare(SafetensorsFile file, string name, Tensor actual, double tolerance)
    {
        var expected = file.Entry(name).Shape;
        return actual.Shape.Lengths.Select(n => (long)n).SequenceEqual(expected)
            ? Conformance.Compare.Relative(name, file.ToFloats(name), actual.ToArray(), tolerance)
            : Verdict.Fail($"{name}: shape {actual.Shape}, expected [{string.Join(", ", expected)}].");
    }

    /// <summary>The device of that name on the command line.</summary>
    /// <exception cref="NotSupportedException">This program can't compute there.</exception>
    public static Device DeviceOf(string name) => Device.Open(name);
}
