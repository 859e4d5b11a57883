using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Recipes;

/// <summary>A recipe as JSON, written and read by hand: no reflection, and every field is checked.</summary>
internal static class RecipeJson
{
    private const int Format = 1;

    public static string Write(Recipe recipe)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteNumber("format", Format);
            json.WriteString("library", recipe.Library);
            json.WriteString("pipeline", recipe.Pipeline);
            json.WriteString("model", recipe.Model);
            json.WriteString("model_hash", recipe.ModelHash);
            if (recipe.Quantization.Length > 0)
                json.WriteString("quantization", recipe.Quantization);
            Strings(json, "prompts", recipe.Prompts);
            Strings(json, "negative_prompts", recipe.NegativePrompts);
            Array(json, "seeds", recipe.Seeds, json.WriteNumberValue);
            json.WriteNumber("steps", recipe.Steps);
            Array(json, "timesteps", recipe.Timesteps, json.WriteNumberValue);

            // As text: a scheduler's configuration may hold a bare -Infinity, which isn't JSON.
            json.WriteString("scheduler", Compact(recipe.Scheduler));
            json.WriteNumber("guidance_scale", recipe.GuidanceScale);
            json.WriteNumber("guidance_rescale", recipe.GuidanceRescale);
            json.WriteNumber("eta", recipe.Eta);
            json.WriteBoolean("use_clipped_model_output", recipe.UseClippedModelOutput);
            json.WriteNumber("clip_skip", recipe.ClipSkip);
            json.WriteNumber("batch", recipe.Batch);
            json.WriteNumber("width", recipe.Width);
            json.WriteNumber("height", recipe.Height);
            json.WriteNumber("index", recipe.Index);
            json.WriteString("element_type", recipe.ElementType);
            json.WriteString("device", recipe.Device);
            Strings(json, "unrecorded", recipe.Unrecorded);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    public static Recipe Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 8 });
            return Read(document.RootElement);
        }
        catch (JsonException error)
        {
            throw new FormatException($"Recipe: the text isn't JSON: {error.Message}", error);
        }
    }

    private static Recipe Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new FormatException($"Recipe: got {root.ValueKind}, expected a JSON object.");
        int format = Int(root, "format", 0);
        if (format != Format)
            throw new FormatException($"Recipe: format is {format}, expected {Format}. Was it written by a later version?");
        return new Recipe
        {
            Library = Text(root, "library", ""),
            Pipeline = Text(root, "pipeline"),
            Model = Text(root, "model"),
            ModelHash = Text(root, "model_hash", ""),
            Quantization = Text(root, "quantization", ""),
            Prompts = List(root, "prompts", AsText),
            NegativePrompts = List(root, "negative_prompts", AsText),
            Seeds = List(root, "seeds", AsSeed) is { IsEmpty: false } seeds ? seeds : throw Wrong("seeds", "at least one whole number, 0 … 2⁶⁴−1"),
            Steps = Int(root, "steps", 1),
            Timesteps = List(root, "timesteps", AsDouble),
            Scheduler = SchedulerConfig.FromJson(Text(root, "scheduler")),
            GuidanceScale = Double(root, "guidance_scale"),
            GuidanceRescale = Double(root, "guidance_rescale"),
            Eta = Double(root, "eta"),
            UseClippedModelOutput = root.TryGetProperty("use_clipped_model_output", out var clipped) && clipped.ValueKind == JsonValueKind.True,
            ClipSkip = Int(root, "clip_skip", 0),
            Batch = Int(root, "batch", 1),
            Width = Int(root, "width", 0),
            Height = Int(root, "height", 0),
            Index = Int(root, "index", -1),
            ElementType = Text(root, "element_type", ""),
            Device = Text(root, "device", ""),
            Unrecorded = List(root, "unrecorded", AsText),
        };
    }

    // The configuration's own lines would make the picture's text many lines long.
    private static string Compact(SchedulerConfig config) => string.Join(' ', config.ToJson().Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));

    private static void Strings(Utf8JsonWriter json, string name, ImmutableArray<string> values) =>
        Array(json, name, values, text => json.WriteStringValue(Valid(text)));

    // Half of a surrogate pair, which a text from outside may have, can't be written.
    private static string Valid(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    private static void Array<T>(Utf8JsonWriter json, string name, ImmutableArray<T> values, Action<T> write)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            write(value);
        json.WriteEndArray();
    }

    private static string Text(JsonElement root, string name, string? otherwise = null) =>
        root.TryGetProperty(name, out var value)
            ? AsText(value) ?? throw Wrong(name, "a text")
            : otherwise ?? throw Wrong(name, "a text");

    private static int Int(JsonElement root, string name, int least) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least
            ? number : throw Wrong(name, $"a whole number of {least} or more");

    private static double Double(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && AsDouble(value) is { } number ? number : throw Wrong(name, "a number");

    private static ImmutableArray<T> List<T>(JsonElement root, string name, Func<JsonElement, T?> read)
        where T : struct =>
        Elements(root, name).Select(value => read(value) ?? throw Wrong(name, "a list of numbers")).ToImmutableArray();

    private static ImmutableArray<string> List(JsonElement root, string name, Func<JsonElement, string?> read) =>
        Elements(root, name).Select(value => read(value) ?? throw Wrong(name, "a list of texts")).ToImmutableArray();

    private static JsonElement[] Elements(JsonElement root, string name) =>
        !root.TryGetProperty(name, out var value) ? []
        : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : throw Wrong(name, "a list");

    private static string? AsText(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static ulong? AsSeed(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out ulong seed) ? seed : null;

    private static double? AsDouble(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) ? number : null;

    private static FormatException Wrong(string field, string expected) => new($"Recipe: the field \"{field}\" is missing or wrong; expected {expected}.");
}
