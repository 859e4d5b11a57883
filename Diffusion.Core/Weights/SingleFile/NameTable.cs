using System.Collections.Immutable;

namespace Diffusion.Core.Weights.SingleFile;

/// <summary>Pairs of names for the same part of a model, read in either direction. A pair also stands for what begins with it and a dot.</summary>
internal sealed class NameTable(params ImmutableArray<(string Here, string There)> pairs)
{
    /// <summary>The other name of <paramref name="name"/>, or the name itself where no pair knows it.</summary>
    public string There(string name) => Replace(name, pair => pair.Here, pair => pair.There);

    /// <summary>The reverse of <see cref="There"/>.</summary>
    public string Here(string name) => Replace(name, pair => pair.There, pair => pair.Here);

    private string Replace(string name, Func<(string Here, string There), string> from, Func<(string Here, string There), string> to)
    {
        foreach (var pair in pairs)
        {
            var start = from(pair);
            if (name.StartsWith(start, StringComparison.Ordinal) && (name.Length == start.Length || name[start.Length] == '.'))
                return to(pair) + name[start.Length..];
        }

        return name;
    }
}
