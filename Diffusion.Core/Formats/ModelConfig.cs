using System.Collections.Immutable;
using System.Text.Json;

namespace Diffusion.Core.Formats;

/// <summary>
/// An immutable view of a JSON object such as <c>config.json</c> or <c>scheduler_config.json</c>, with getters that name the file
/// and the field when a value isn't what was asked for. A field that is <c>null</c> counts as absent, as in diffusers.
/// </summary>
public sealed class ModelConfig
{
    private readonly ImmutableDictionary<string, JsonElement> _fields;
    private readonly string _prefix;

    private ModelConfig(string source, string prefix, ImmutableArray<string> names, ImmutableDictionary<string, JsonElement> fields)
    {
        Source = source;
        Names = names;
        _prefix = prefix;
        _fields = fields;
    }

    /// <summary>The file that was read, or what was given instead; it begins every error message.</summary>
    public string Source { get; }

    /// <summary>The field names as they were written, the absent ones (<c>null</c>) included.</summary>
    public ImmutableArray<string> Names { get; }

    /// <summary>Reads a JSON file.</summary>
    /// <param name="path">The file's path.</param>
    /// <exception cref="CheckpointException">The file is absent, or isn't a JSON object within the limits.</exception>
    public static ModelConfig Load(string path) => Of(JsonText.ReadFile(path), path, "");

    /// <summary>Reads JSON text.</summary>
    /// <param name="json">The text of a JSON object.</param>
    /// <param name="source">What to call it in error messages.</param>
    /// <exception cref="CheckpointException">It isn't a JSON object within the limits.</exception>
    public static ModelConfig Parse(string json, string source) =>
        Of(JsonText.Parse(System.Text.Encoding.UTF8.GetBytes(json), source), source, "");

    /// <summary>A configuration without fields: every getter gives its default.</summary>
    public static ModelConfig Empty(string source) => new(source, "", [], ImmutableDictionary<string, JsonElement>.Empty);

    /// <summary>Whether the field is there and isn't <c>null</c>.</summary>
    public bool Has(string field) => Find(field) is not null;

    /// <summary>Whether the field is a list.</summary>
    public bool IsList(string field) => Find(field)?.ValueKind == JsonValueKind.Array;

    /// <summary>Whether the field is text.</summary>
    public bool IsText(string field) => Find(field) is { ValueKind: JsonValueKind.String } value && JsonText.ToNumber(value) is null;

    /// <summary>Whether the field is a number, NaN and infinities included.</summary>
    public bool IsNumber(string field) => Find(field) is { } value && JsonText.ToNumber(value) is not null;

    /// <summary>Whether the field is <c>true</c> or <c>false</c>.</summary>
    public bool IsBool(string field) => Find(field)?.ValueKind is JsonValueKind.True or JsonValueKind.False;

    /// <summary>Whether the field is an object.</summary>
    public bool IsObject(string field) => Find(field)?.ValueKind == JsonValueKind.Object;

    /// <summary>A whole number that must be there.</summary>
    /// <exception cref="CheckpointException">The field is absent or no whole number of 32 bits.</exception>
    public int GetInt(string field) => Int(field, Required(field));

    /// <summary>A whole number, or the default where the field is absent.</summary>
    /// <exception cref="CheckpointException">The field is no whole number of 32 bits.</exception>
    public int GetInt(string field, int @default) => Find(field) is { } value ? Int(field, value) : @default;

    /// <summary>A whole number of 64 bits, or the default where the field is absent.</summary>
    /// <exception cref="CheckpointException">The field is no whole number of 64 bits.</exception>
    public long GetLong(string field, long @default) => Find(field) is { } value ? Whole(field, value) : @default;

    /// <summary>A number that must be there.</summary>
    /// <exception cref="CheckpointException">The field is absent or no number.</exception>
    public double GetDouble(string field) => Double(field, Required(field));

    /// <summary>A number, or the default where the field is absent. NaN and infinities are read as they are.</summary>
    /// <exception cref="CheckpointException">The field is no number.</exception>
    public double GetDouble(string field, double @default) => Find(field) is { } value ? Double(field, value) : @default;

    /// <summary>A truth value that must be there.</summary>
    /// <exception cref="CheckpointException">The field is absent or neither <c>true</c> nor <c>false</c>.</exception>
    public bool GetBool(string field) => Bool(field, Required(field));

    /// <summary>A truth value, or the default where the field is absent.</summary>
    /// <exception cref="CheckpointException">The field is neither <c>true</c> nor <c>false</c>.</exception>
    public bool GetBool(string field, bool @default) => Find(field) is { } value ? Bool(field, value) : @default;

    /// <summary>Text that must be there.</summary>
    /// <exception cref="CheckpointException">The field is absent or no text.</exception>
    public string GetText(string field) => Text(field, Required(field));

    /// <summary>Text, or the default where the field is absent.</summary>
    /// <exception cref="CheckpointException">The field is no text.</exception>
    public string GetText(string field, string @default) => Find(field) is { } value ? Text(field, value) : @default;

    /// <summary>A list of whole numbers that must be there; a single number counts as a list of one.</summary>
    /// <exception cref="CheckpointException">The field is absent, or a value is no whole number of 32 bits.</exception>
    public ImmutableArray<int> GetIntArray(string field) => List(field, Required(field), Int);

    /// <summary>A list of whole numbers, or the default where the field is absent; a single number counts as a list of one.</summary>
    /// <exception cref="CheckpointException">A value is no whole number of 32 bits.</exception>
    public ImmutableArray<int> GetIntArray(string field, ImmutableArray<int> @default) => ListOr(field, @default, Int);

    /// <summary>A list of numbers, or the default where the field is absent; a single number counts as a list of one.</summary>
    /// <exception cref="CheckpointException">A value is no number.</exception>
    public ImmutableArray<double> GetDoubleArray(string field, ImmutableArray<double> @default) => ListOr(field, @default, Double);

    /// <summary>A list of truth values, or the default where the field is absent; a single one counts as a list of one.</summary>
    /// <exception cref="CheckpointException">A value is neither <c>true</c> nor <c>false</c>.</exception>
    public ImmutableArray<bool> GetBoolArray(string field, ImmutableArray<bool> @default) => ListOr(field, @default, Bool);

    /// <summary>A list of texts that must be there; a single text counts as a list of one.</summary>
    /// <exception cref="CheckpointException">The field is absent, or a value is no text.</exception>
    public ImmutableArray<string> GetTextArray(string field) => List(field, Required(field), Text);

    /// <summary>A list of texts, or the default where the field is absent; a single text counts as a list of one.</summary>
    /// <exception cref="CheckpointException">A value is no text.</exception>
    public ImmutableArray<string> GetTextArray(string field, ImmutableArray<string> @default) => ListOr(field, @default, Text);

    /// <summary>A list of texts where <c>null</c> counts as empty text, e.g. <c>[null, null]</c>. Empty where the field is absent.</summary>
    /// <exception cref="CheckpointException">A value is neither text nor <c>null</c>.</exception>
    public ImmutableArray<string> GetOptionalTexts(string field) =>
        ListOr(field, [], (name, item) => item.ValueKind == JsonValueKind.Null ? "" : Text(name, item));

    /// <summary>
    /// One whole number a block: a single number is repeated <paramref name="count"/> times, a list must have that length. Where the
    /// field is absent, the default is repeated.
    /// </summary>
    /// <exception cref="CheckpointException">The list has another length, or a value is no whole number of 32 bits.</exception>
    public ImmutableArray<int> GetIntPerBlock(string field, int count, int @default) => PerBlock(field, count, @default, Int);

    /// <summary>One truth value a block, as <see cref="GetIntPerBlock"/>.</summary>
    /// <exception cref="CheckpointException">The list has another length, or a value is neither <c>true</c> nor <c>false</c>.</exception>
    public ImmutableArray<bool> GetBoolPerBlock(string field, int count, bool @default) => PerBlock(field, count, @default, Bool);

    /// <summary>
    /// A list whose elements may be lists of whole numbers themselves, e.g. <c>transformer_layers_per_block</c> = [[1, 2], 10].
    /// A single number counts as a list of one. Empty where the field is absent.
    /// </summary>
    /// <exception cref="CheckpointException">A value is no whole number of 32 bits.</exception>
    public ImmutableArray<ImmutableArray<int>> GetNestedIntArray(string field) => Find(field) is { } value
        ? List(field, value, (name, item) => List(name, item, Int))
        : [];

    /// <summary>An object inside this one; an empty one where the field is absent.</summary>
    /// <exception cref="CheckpointException">The field is no object.</exception>
    public ModelConfig GetObject(string field) => Find(field) is { } value
        ? Of(value, Source, $"{_prefix}{field}.")
        : new ModelConfig(Source, $"{_prefix}{field}.", [], ImmutableDictionary<string, JsonElement>.Empty);

    /// <summary>A list of objects; empty where the field is absent.</summary>
    /// <exception cref="CheckpointException">A value is no object.</exception>
    public ImmutableArray<ModelConfig> GetObjects(string field) => Find(field) is { } value
        ? List(field, value, (name, item) => Of(item, Source, $"{_prefix}{name}."))
        : [];

    /// <summary>This configuration with the fields of another one in place of its own: what <c>from_config(config, **overrides)</c> does.</summary>
    public ModelConfig Merge(ModelConfig overrides) => new(
        Source,
        _prefix,
        [.. Names.Concat(overrides.Names).Distinct(StringComparer.Ordinal)],
        _fields.SetItems(overrides._fields));

    /// <summary>This configuration without some fields.</summary>
    public ModelConfig Without(params string[] fields) => new(
        Source, _prefix, Names.RemoveAll(fields.Contains), _fields.RemoveRange(fields));

    /// <summary>The error for a field's value: file, field, value and what was expected.</summary>
    /// <param name="field">The field's name.</param>
    /// <param name="expected">What would be right, e.g. <c>a whole number above 0</c>.</param>
    public CheckpointException Invalid(string field, string expected)
    {
        var shown = Find(field) is { } value ? Show(value) : "absent";
        return new CheckpointException(Source, $"{_prefix}{field}", $"is {shown}, expected {expected}.");
    }

    private static ModelConfig Of(JsonElement element, string source, string prefix)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new CheckpointException(
                source, prefix.TrimEnd('.'), $"is a JSON {element.ValueKind}, expected an object {{…}}.");
        }

        var names = element.EnumerateObject().Select(property => property.Name).ToImmutableArray();
        var fields = element.EnumerateObject().ToImmutableDictionary(property => property.Name, property => property.Value, StringComparer.Ordinal);
        return new ModelConfig(source, prefix, names, fields);
    }

    private JsonElement? Find(string field) =>
        _fields.TryGetValue(field, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private JsonElement Required(string field) => Find(field)
        ?? throw new CheckpointException(Source, $"{_prefix}{field}", "is missing, and it has no default.");

    private int Int(string field, JsonElement value) =>
        Whole(field, value) is >= int.MinValue and <= int.MaxValue and var number
            ? (int)number
            : throw Wrong(field, value, "a whole number of 32 bits");

    // Python writes 1.0 where an integer was computed with floats; a fraction is an error.
    private long Whole(string field, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var whole) ? whole
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && Math.Abs(number) < 1L << 53 && number == Math.Floor(number)
            ? (long)number
            : throw Wrong(field, value, "a whole number");

    private double Double(string field, JsonElement value) => JsonText.ToNumber(value) ?? throw Wrong(field, value, "a number");

    private bool Bool(string field, JsonElement value) => value.ValueKind is JsonValueKind.True or JsonValueKind.False
        ? value.GetBoolean()
        : throw Wrong(field, value, "true or false");

    private string Text(string field, JsonElement value) => value.ValueKind == JsonValueKind.String && JsonText.ToNumber(value) is null
        ? value.GetString()!
        : throw Wrong(field, value, "text");

    private ImmutableArray<T> ListOr<T>(string field, ImmutableArray<T> @default, Func<string, JsonElement, T> read) =>
        Find(field) is { } value ? List(field, value, read) : @default;

    private static ImmutableArray<T> List<T>(string field, JsonElement value, Func<string, JsonElement, T> read) =>
        value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select((item, index) => read($"{field}[{index}]", item))]
            : [read(field, value)];

    private ImmutableArray<T> PerBlock<T>(string field, int count, T @default, Func<string, JsonElement, T> read)
    {
        if (Find(field) is not { } value)
            return [.. Enumerable.Repeat(@default, count)];

        if (value.ValueKind != JsonValueKind.Array)
            return [.. Enumerable.Repeat(read(field, value), count)];

        var list = List(field, value, read);
        return list.Length == count ? list : throw Wrong(field, value, $"one value or a list of {count}");
    }

    private CheckpointException Wrong(string field, JsonElement value, string expected) =>
        new(Source, $"{_prefix}{field}", $"is {Show(value)}, expected {expected}.");

    private static string Show(JsonElement value)
    {
        if (JsonText.ToNumber(value) is { } number && !double.IsFinite(number))
            return number.ToString(System.Globalization.CultureInfo.InvariantCulture);

        var text = value.GetRawText();
        return text.Length <= 120 ? text : string.Concat(text.AsSpan(0, 120), "…");
    }
}
