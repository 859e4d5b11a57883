using System.Globalization;
using System.Text.Json;
using Diffusion.Core.Formats;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Conformance.Areas.Schedulers;

/// <summary>One case of a scheduler's fixture: its settings and its tensors.</summary>
public sealed record SchedulerCase(string ClassName, string Name, JsonElement Json, SafetensorsFile File)
{
    /// <summary>The tolerance of the fixtures, relative to max(1, max|reference|).</summary>
    public const double Tolerance = 1e-5;

    /// <summary>The configuration of the case.</summary>
    public SchedulerConfig Config => Json.GetProperty("config").EnumerateObject()
        .Aggregate(SchedulerConfig.Default(ClassName), (config, option) => config.With(option.Name, option.Value.GetRawText()));

    /// <summary>A setting beside the configuration, or its default.</summary>
    public double Number(string name, double otherwise, string? group = null)
    {
        var owner = group is null ? Json : Json.TryGetProperty(group, out var found) ? found : default;
        return owner.ValueKind == JsonValueKind.Object && owner.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
            ? value.GetDouble()
            : otherwise;
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Has(string tensor) => File.Contains($"{Name}/{tensor}");

    /// <summary>A tensor's values.</summary>
    public double[] Values(string tensor) => File.ToDoubles($"{Name}/{tensor}");

    /// <summary>A tensor's whole numbers.</summary>
    public int[] Integers(string tensor) => [.. File.ToInt64s($"{Name}/{tensor}").Select(value => (int)value)];

    /// <summary>A tensor's shape.</summary>
    public int[] Shape(string tensor) => [.. File.Entry($"{Name}/{tensor}").Shape.Select(size => (int)size)];

    /// <summary>Whether a tensor holds integers.</summary>
    public bool IsInteger(string tensor) => File.Entry($"{Name}/{tensor}").Dtype == SafetensorsDtype.I64;

    /// <summary>A tensor cut along its first dimension.</summary>
    public double[][] Rows(string tensor)
    {
        var values = Values(tensor);
        int count = Shape(tensor)[0];
        return count == 0 ? [] : [.. values.Chunk(values.Length / count)];
    }

    /// <summary>The names of the case's tensors below a prefix.</summary>
    public IEnumerable<string> Under(string prefix) => File.Names
        .Where(name => name.StartsWith($"{Name}/{prefix}", StringComparison.Ordinal))
        .Select(name => name[(Name.Length + 1)..]);

    /// <summary>Values against a tensor of the case, with the tolerance of the fixtures.</summary>
    public Verdict Check(string tensor, double[] actual, double tolerance = Tolerance) =>
        Compare.Relative(tensor, Values(tensor), actual, tolerance);

    /// <summary>Values against one row of a tensor; the tolerance is at least <paramref name="floor"/>.</summary>
    public static Verdict Check(string what, int row, double[] expected, double[] actual, double floor = 0) =>
        Compare.Absolute(string.Create(CultureInfo.InvariantCulture, $"{what}[{row}]"), expected, actual, Math.Max(ToleranceFor(expected), floor));

    /// <summary>The absolute tolerance for given reference values.</summary>
    public static double ToleranceFor(double[] expected) =>
        Tolerance * Math.Max(1, expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty().Max());

    /// <summary>Every 37th value and the last one, as the fixtures hold long tables.</summary>
    public Verdict CheckTable(string name, IReadOnlyList<double> table)
    {
        double[] values = table.Count > 130 ? [.. table.Where((_, i) => i % 37 == 0), table[^1]] : [.. table];
        return Check($"table/{name}", values);
    }
}
