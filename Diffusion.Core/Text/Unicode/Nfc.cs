using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Diffusion.Core.Text.Unicode;

/// <summary>
/// Normalization form C (Unicode Standard Annex #15). It has tables of its own, so that a text has the same tokens whether or not the
/// program that hosts the library runs with invariant globalization.
/// </summary>
internal static class Nfc
{
    // Below the first combining character everything is its own form C.
    private static readonly SearchValues<char> Plain = SearchValues.Create([.. Enumerable.Range(0, 0x300).Select(c => (char)c)]);

    private const int HangulFirst = 0xac00, HangulCount = 11172, LeadFirst = 0x1100, VowelFirst = 0x1161, TailFirst = 0x11a7;
    private const int LeadCount = 19, VowelCount = 21, TailCount = 28;

    /// <summary>The text in form C. Lone surrogates become U+FFFD.</summary>
    internal static string Normalize(string text)
    {
        if (!text.AsSpan().ContainsAnyExcept(Plain)) return text;
        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes()) Decompose(rune.Value, points);
        Order(points);
        return Compose(points);
    }

    private static void Decompose(int point, List<int> into)
    {
        if ((uint)(point - HangulFirst) < HangulCount)
        {
            var index = point - HangulFirst;
            into.Add(LeadFirst + index / (VowelCount * TailCount));
            into.Add(VowelFirst + index % (VowelCount * TailCount) / TailCount);
            if (index % TailCount != 0) into.Add(TailFirst + index % TailCount);
        }
        else if (point >= 0xc0 && Tables.Decompositions.TryGetValue(point, out var parts))
        {
            foreach (var part in parts) Decompose(part, into);
        }
        else
        {
            into.Add(point);
        }
    }

    // Marks after a base go into the order of their classes; marks of one class keep theirs. A stable sort bounds the time where
    // somebody stacks thousands of marks.
    private static void Order(List<int> points)
    {
        for (var start = 0; start < points.Count; start++)
        {
            if (ClassOf(points[start]) == 0) continue;
            var end = start + 1;
            while (end < points.Count && ClassOf(points[end]) != 0) end++;
            if (end - start > 1)
            {
                var sorted = points.GetRange(start, end - start).OrderBy(ClassOf).ToArray();
                for (var i = 0; i < sorted.Length; i++) points[start + i] = sorted[i];
            }
            start = end;
        }
    }

    private static string Compose(List<int> points)
    {
        var result = new List<int>(points.Count);
        var starter = -1;
        var lastClass = 0;
        foreach (var point in points)
        {
            var pointClass = ClassOf(point);
            // A mark is blocked from its base by an equal or higher class between them.
            var adjacent = starter == result.Count - 1;
            if (starter >= 0 && (adjacent || lastClass < pointClass) && Pair(result[starter], point) is { } composed)
            {
                result[starter] = composed;
                continue;
            }
            if (pointClass == 0) starter = result.Count;
            lastClass = pointClass;
            result.Add(point);
        }
        var text = new StringBuilder(result.Count);
        foreach (var point in result) text.Append(new Rune(point).ToString());
        return text.ToString();
    }

    private static int? Pair(int first, int second)
    {
        if ((uint)(first - LeadFirst) < LeadCount && (uint)(second - VowelFirst) < VowelCount)
            return HangulFirst + ((first - LeadFirst) * VowelCount + (second - VowelFirst)) * TailCount;
        if ((uint)(first - HangulFirst) < HangulCount && (first - HangulFirst) % TailCount == 0
            && (uint)(second - TailFirst - 1) < TailCount - 1)
            return first + (second - TailFirst);
        return Tables.Compositions.TryGetValue((first, second), out var composed) ? composed : null;
    }

    private static int ClassOf(int point) => point >= 0x300 && Tables.Classes.TryGetValue(point, out var value) ? value : 0;

    // Read when the first text needs them.
    private static class Tables
    {
        internal static readonly FrozenDictionary<int, int[]> Decompositions;
        internal static readonly FrozenDictionary<(int, int), int> Compositions;
        internal static readonly FrozenDictionary<int, byte> Classes;

        static Tables()
        {
            var decompositions = new Dictionary<int, int[]>();
            var compositions = new Dictionary<(int, int), int>();
            foreach (var entry in Split(CanonicalDecompositions.Entries))
            {
                var sign = entry.AsSpan().IndexOfAny('=', '!');
                var point = Hex(entry[..sign]);
                int[] parts = [.. entry[(sign + 1)..].Split(',').Select(Hex)];
                decompositions.Add(point, parts);
                if (entry[sign] == '=') compositions.Add((parts[0], parts[1]), point);
            }
            var classes = new Dictionary<int, byte>();
            foreach (var entry in Split(CombiningClasses.Entries))
            {
                var (range, value) = (entry.Split('=')[0].Split('-'), entry.Split('=')[1]);
                for (var point = Hex(range[0]); point <= Hex(range[^1]); point++)
                    classes.Add(point, byte.Parse(value, CultureInfo.InvariantCulture));
            }
            Decompositions = decompositions.ToFrozenDictionary();
            Compositions = compositions.ToFrozenDictionary();
            Classes = classes.ToFrozenDictionary();
        }

        private static string[] Split(string entries) => entries.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);

        private static int Hex(string text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
    }
}
