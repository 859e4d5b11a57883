using System.Collections.Immutable;
using System.Text.Json;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// The configuration of a scheduler, as <c>scheduler_config.json</c> has it: a class name and options under diffusers' names.
/// Options that aren't given have the default of the class. Options that the class doesn't know are kept, and count when the
/// configuration is used for another class (<see cref="WithClassName"/>), as with diffusers' <c>from_config</c>. Immutable; compared by value.
/// </summary>
public sealed partial record SchedulerConfig
{
    private readonly ImmutableSortedDictionary<string, string> values;

    private SchedulerConfig(string className, ImmutableSortedDictionary<string, string> values)
    {
        ClassName = className;
        this.values = values;
    }

    /// <summary>The name of diffusers' class, such as <c>DDIMScheduler</c>.</summary>
    public string ClassName { get; }

    /// <summary>The names of the options that were given, whether the class knows them or not.</summary>
    public IEnumerable<string> Given => values.Keys;

    /// <summary>A class with its defaults.</summary>
    /// <param name="className">The name of diffusers' class, or any name for a user's own.</param>
    /// <returns>The configuration.</returns>
    public static SchedulerConfig Default(string className)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(className);
        return new(className, ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal));
    }

    /// <summary>Reads <c>scheduler_config.json</c>, with its bare <c>-Infinity</c> where there is one.</summary>
    /// <param name="json">The text of the file.</param>
    /// <returns>The configuration; <see cref="ToJson"/> writes it again with everything that was in it.</returns>
    /// <exception cref="FormatException">When it is not a JSON object or names no class.</exception>
    public static SchedulerConfig FromJson(string json)
    {
        var all = SchedulerConfigJson.Parse(json);
        if (!all.TryGetValue("_class_name", out var raw) || SchedulerConfigJson.ReadText(raw) is not { Length: > 0 } name)
            throw new FormatException("A scheduler configuration needs the field \"_class_name\", such as \"DDIMScheduler\".");
        return new(name, all.Remove("_class_name"));
    }

    /// <summary>The configuration as <c>scheduler_config.json</c>: the class and the options that were given, in alphabetical order.</summary>
    /// <returns>The text of the file.</returns>
    public string ToJson() => SchedulerConfigJson.Write(values.SetItem("_class_name", SchedulerConfigJson.Write(ClassName)));

    /// <summary>The same options for another class: diffusers' <c>from_config</c>.</summary>
    /// <param name="className">The name of the other class.</param>
    /// <returns>The configuration; options that the new class doesn't know are kept for a later change.</returns>
    public SchedulerConfig WithClassName(string className)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(className);
        return new(className, values);
    }

    /// <summary>Sets an option by its name in the file.</summary>
    /// <param name="name">The name, such as <c>beta_start</c>.</param>
    /// <param name="json">The value as JSON, such as <c>0.001</c> or <c>"linear"</c>.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig With(string name, string json)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(json);
        return new(ClassName, values.SetItem(name, json.Trim()));
    }

    /// <summary>The value of an option as JSON: the given one, else the default of the class.</summary>
    /// <param name="name">The name in the file, such as <c>beta_start</c>.</param>
    /// <returns>The value, <c>null</c> (the four letters) when the class has no such option.</returns>
    public string Json(string name) => values.GetValueOrDefault(name) ?? SchedulerDefaults.Of(ClassName).GetValueOrDefault(name) ?? "null";

    /// <summary>Whether the class itself has an option of that name.</summary>
    /// <param name="name">The name in the file.</param>
    /// <returns>True when it has.</returns>
    public bool Knows(string name) => SchedulerDefaults.Of(ClassName).ContainsKey(name);

    /// <inheritdoc/>
    public bool Equals(SchedulerConfig? other) =>
        other is not null && ClassName == other.ClassName && values.SequenceEqual(other.values);

    /// <inheritdoc/>
    public override int GetHashCode() =>
        values.Aggregate(ClassName.GetHashCode(StringComparison.Ordinal), (hash, entry) => HashCode.Combine(hash, entry.Key, entry.Value));

    /// <inheritdoc/>
    public override string ToString() => ToJson();

    internal ArgumentException Error(string name, string expected) =>
        new($"{ClassName}: {name} is {Json(name)}, but {expected}.");

    private double Number(string name) => SchedulerConfigJson.ReadNumber(Json(name)) ?? throw Error(name, "a number is expected");

    private double NumberOrNaN(string name) => Json(name) == "null" ? double.NaN : Number(name);

    private int Integer(string name) =>
        Number(name) is var number && number == Math.Floor(number) && Math.Abs(number) <= 1e9
            ? (int)number
            : throw Error(name, "a whole number is expected");

    private bool Flag(string name) => Json(name) switch
    {
        "true" => true,
        "false" or "null" or "0" => false,
        "1" => true,
        _ => throw Error(name, "true or false is expected"),
    };

    private string Text(string name) => SchedulerConfigJson.ReadText(Json(name)) ?? throw Error(name, "a text is expected");

    private string TextOrEmpty(string name) => Json(name) == "null" ? "" : Text(name);

    private ImmutableArray<double> Numbers(string name)
    {
        string json = Json(name);
        if (json == "null") return [];
        try
        {
            using var document = JsonDocument.Parse(json);
            return [.. document.RootElement.EnumerateArray().Select(item => item.GetDouble())];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw Error(name, "a list of numbers is expected");
        }
    }

    private ImmutableArray<int> Integers(string name) =>
        [.. Numbers(name).Select(number => number == Math.Floor(number) ? (int)number : throw Error(name, "whole numbers are expected"))];
}
