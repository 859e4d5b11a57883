using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// Reads and writes <c>scheduler_config.json</c> field by field. The value of a field stays the text that it was, so that a file
/// survives reading and writing; Python's bare <c>-Infinity</c>, <c>Infinity</c> and <c>NaN</c> are allowed.
/// </summary>
internal static class SchedulerConfigJson
{
    // Stands for a bare literal while System.Text.Json reads the file; no file has it in a text.
    private const char Mark = '\uE000';

    private static readonly string[] Literals = ["-Infinity", "Infinity", "NaN"];

    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static ImmutableSortedDictionary<string, string> Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using var document = JsonDocument.Parse(Quote(json));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new FormatException($"A scheduler configuration must be a JSON object, not {document.RootElement.ValueKind}.");
            var fields = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
            foreach (var field in document.RootElement.EnumerateObject())
            {
                if (!fields.TryAdd(field.Name, Unquote(field.Value.GetRawText())))
                    throw new FormatException($"The scheduler configuration has the field \"{field.Name}\" twice.");
            }

            return fields.ToImmutable();
        }
        catch (JsonException e)
        {
            throw new FormatException($"The scheduler configuration isn't valid JSON (line {e.LineNumber + 1}): {e.Message}", e);
        }
    }

    public static string Write(ImmutableSortedDictionary<string, string> fields) =>
        "{\n" + string.Join(",\n", fields.Select(field => $"  {Write(field.Key)}: {field.Value}")) + "\n}\n";

    public static string Write(string text) => JsonSerializer.Serialize(text, Plain);

    public static string Write(bool flag) => flag ? "true" : "false";

    public static string Write(int number) => number.ToString(CultureInfo.InvariantCulture);

    public static string Write(double number) =>
        double.IsNaN(number) ? "NaN"
        : double.IsInfinity(number) ? number > 0 ? "Infinity" : "-Infinity"
        : number.ToString("R", CultureInfo.InvariantCulture);

    public static string Write(double[] numbers) => "[" + string.Join(", ", numbers.Select(Write)) + "]";

    public static string Write(int[] numbers) => "[" + string.Join(", ", numbers.Select(Write)) + "]";

    public static string? ReadText(string json) =>
        json.StartsWith('"') ? JsonSerializer.Deserialize<string>(json) : null;

    public static double? ReadNumber(string json) => json.Trim('"').ToUpperInvariant() switch
    {
        "-INFINITY" or "-INF" => double.NegativeInfinity,
        "INFINITY" or "INF" => double.PositiveInfinity,
        "NAN" => double.NaN,
        _ => double.TryParse(json, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : null,
    };

    private static string Quote(string json)
    {
        var quoted = new StringBuilder(json.Length);
        bool inText = false;
        for (int i = 0; i < json.Length; i++)
        {
            char c = json[i];
            if (inText && c == '\\' && i + 1 < json.Length) quoted.Append(c).Append(json[++i]);
            else if (!inText && Array.Find(Literals, l => string.CompareOrdinal(json, i, l, 0, l.Length) == 0) is { } literal)
            {
                quoted.Append('"').Append(Mark).Append(literal).Append('"');
                i += literal.Length - 1;
            }
            else
            {
                inText ^= c == '"';
                quoted.Append(c);
            }
        }

        return quoted.ToString();
    }

    private static string Unquote(string json) =>
        Literals.Aggregate(json, (text, literal) => text.Replace($"\"{Mark}{literal}\"", literal, StringComparison.Ordinal));
}
