using System.Collections.Immutable;
using Diffusion.Core.Formats;

namespace Diffusion.Core.Models;

/// <summary>Checks of configuration values, each of which names the field, the value and what was expected.</summary>
internal static class ConfigChecks
{
    // Far above any network, far below what overflows when sizes are multiplied.
    private const int Largest = 1 << 17;

    public static void Size(string source, string field, int value)
    {
        if (value is < 1 or > Largest)
            throw Error(source, field, value, $"a number from 1 to {Largest}");
    }

    public static void Sizes(string source, string field, IEnumerable<int> values)
    {
        foreach (int value in values)
            Size(source, field, value);
    }

    public static void Optional(string source, string field, int? value)
    {
        if (value is { } number)
            Size(source, field, number);
    }

    public static void Count(string source, string field, int value, int most = 1000)
    {
        if (value < 0 || value > most)
            throw Error(source, field, value, $"a number from 0 to {most}");
    }

    public static void Length(string source, string field, int length, string other, int expected)
    {
        if (length != expected)
            throw Error(source, field, $"a list of {length}", $"{expected}, as many as {other} has");
    }

    public static void NotEmpty<T>(string source, string field, ImmutableArray<T> values)
    {
        if (values.IsDefaultOrEmpty)
            throw Error(source, field, "an empty list", "at least one element");
    }

    public static void OneOf(string source, string field, string value, params string[] known)
    {
        if (!known.Contains(value))
            throw Error(source, field, $"'{value}'", string.Join(", ", known.Select(k => k.Length == 0 ? "null" : k)));
    }

    public static void Divides(string source, string field, int divisor, string other, IEnumerable<int> values)
    {
        foreach (int value in values)
        {
            if (divisor < 1 || value % divisor != 0)
                throw Error(source, field, divisor, $"a divisor of {other}, which has {value}");
        }
    }

    public static void Finite(string source, string field, double value, double least, double most)
    {
        if (!(value >= least && value <= most))
            throw Error(source, field, value, $"a number from {least} to {most}");
    }

    public static CheckpointException Error(string source, string field, object value, string expected) =>
        new(source, field, FormattableString.Invariant($"is {value}, expected {expected}."));

    public static void Class(ModelConfig config, params string[] names)
    {
        string name = config.GetText("_class_name", names[0]);
        if (!names.Contains(name))
            throw config.Invalid("_class_name", string.Join(" or ", names));
    }
}
