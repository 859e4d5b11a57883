using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Diffusion.Core.Text;

namespace Diffusion.Conformance.Areas;

/// <summary>
/// <c>tokenizer</c>: one vocabulary (<c>*.txt.gz</c>, or <c>vocab.json</c> with <c>merges.txt</c>) and JSON files of prompts with their
/// ids, of prompts after adding tokens, or of checks of the vocabulary. One case for each prompt, <c>tokenizer/file/index</c>.
/// </summary>
public static class TokenizerArea
{
    private static readonly string[] OwnFiles =
        ["vocab.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.json"];

    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options)
    {
        var files = Directory.GetFiles(folder, "*.json").Order(StringComparer.Ordinal)
            .Where(file => !OwnFiles.Contains(Path.GetFileName(file)))
            .ToArray();
        var tokenizer = new Lazy<ClipTokenizer>(() => Load(folder));
        foreach (var file in files)
        {
            var name = $"tokenizer/{Path.GetFileNameWithoutExtension(file)}";
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            foreach (var (part, check) in Cases(json.RootElement, tokenizer))
            {
                foreach (var result in options.Case($"{name}/{part}", check))
                    yield return result;
            }
        }
    }

    private static ClipTokenizer Load(string folder)
    {
        if (File.Exists(Path.Combine(folder, "vocab.json")))
            return ClipTokenizer.Load(folder);

        var packed = Directory.GetFiles(folder, "*.txt.gz").Order(StringComparer.Ordinal).FirstOrDefault()
            ?? throw new InvalidDataException($"{folder}: holds neither vocab.json nor a packed vocabulary (*.txt.gz).");
        using var stream = File.OpenRead(packed);
        return ClipTokenizer.FromSimpleVocabulary(stream);
    }

    private static IEnumerable<(string Part, Func<Verdict> Check)> Cases(JsonElement root, Lazy<ClipTokenizer> tokenizer)
    {
        if (root.TryGetProperty("prompts", out var prompts))
        {
            var added = root.TryGetProperty("added", out var list) ? list.EnumerateArray().ToArray() : [];
            var extended = new Lazy<ClipTokenizer>(() => tokenizer.Value.WithAddedTokens(added.Select(pair => pair[0].GetString()!)));
            yield return ("special", () => Special(root, extended.Value).And(AddedIds(added, extended.Value)));
            var index = 0;
            foreach (var prompt in prompts.EnumerateArray())
            {
                var part = index++.ToString("D3", CultureInfo.InvariantCulture);
                yield return (part, () => Prompt(prompt, extended.Value, PaddingOf(root, extended.Value)));
                if (root.TryGetProperty("note", out var note) && note.GetString()!.Contains("ids_fast", StringComparison.Ordinal))
                    yield return ($"{part}/fast", () => Fast(prompt, extended.Value));
            }
        }
        else if (root.TryGetProperty("sha256_of_joined_vocab", out _))
        {
            yield return ("vocabulary", () => Vocabulary(root, tokenizer.Value));
        }
        else
        {
            yield return ("*", () => Verdict.Skip("the JSON holds neither prompts nor checks of a vocabulary."));
        }
    }

    private static Verdict Special(JsonElement root, ClipTokenizer tokenizer) => Verdict.All(
        new (string Name, int Actual)[]
        {
            ("bos", tokenizer.StartId), ("eos", tokenizer.EndId), ("pad", tokenizer.PaddingId), ("vocab_size", tokenizer.Vocabulary.Length),
        }
        .Where(pair => root.TryGetProperty(pair.Name, out _))
        .Select(pair => Compare.Equal(pair.Name, [root.GetProperty(pair.Name).GetInt32()], [pair.Actual]))
        .Prepend(Compare.Equal("ids of start and end", [tokenizer.StartId, tokenizer.EndId], tokenizer.EncodeAll(""))));

    private static Verdict AddedIds(JsonElement[] added, ClipTokenizer tokenizer) =>
        Compare.Equal("added", added.Select(pair => (int?)pair[1].GetInt32()), added.Select(pair => tokenizer.Find(pair[0].GetString()!)));

    private static int PaddingOf(JsonElement root, ClipTokenizer tokenizer) =>
        root.TryGetProperty("pad", out var pad) ? pad.GetInt32() : tokenizer.PaddingId;

    private static Verdict Prompt(JsonElement prompt, ClipTokenizer tokenizer, int padding)
    {
        var text = prompt.GetProperty("text").GetString()!;
        var ids = Ints(prompt.GetProperty("ids"));
        return Verdict.All(prompt.EnumerateObject().Select(field => field.Name switch
        {
            "ids" => Compare.Equal("ids", ids, tokenizer.EncodeAll(text)),
            "decoded" => Compare.Equal("decoded", [field.Value.GetString()], [tokenizer.Decode(ids)]),
            _ when Length(field.Name, "ids_", "") is { } length => Padded(field.Value, tokenizer.WithMaxLength(length).Encode(text), padding),
            _ when Length(field.Name, "attention_mask_", "_sum") is { } length =>
                Compare.Equal(field.Name, [field.Value.GetInt32()], [tokenizer.WithMaxLength(length).Encode(text).AttentionMask.Sum()]),
            "text" or "ids_fast" => Verdict.Pass(0),
            _ => Verdict.Skip($"the field '{field.Name}' isn't known."),
        }));
    }

    // Stored without the padding at its end.
    private static Verdict Padded(JsonElement stored, Tokenized actual, int padding)
    {
        var ids = Ints(stored);
        return Compare.Equal("padded ids", ids.Concat(Enumerable.Repeat(padding, Math.Max(0, actual.Ids.Length - ids.Length))), actual.Ids)
            .And(Compare.Equal("length", [ids.Length], [actual.Length]));
    }

    // Only stored where they differ.
    private static Verdict Fast(JsonElement prompt, ClipTokenizer tokenizer) => Compare.Equal(
        "ids_fast",
        Ints(prompt.TryGetProperty("ids_fast", out var fast) ? fast : prompt.GetProperty("ids")),
        tokenizer.WithCleaning(TextCleaning.Fast).EncodeAll(prompt.GetProperty("text").GetString()!));

    private static Verdict Vocabulary(JsonElement root, ClipTokenizer tokenizer)
    {
        var (texts, merges) = (tokenizer.Vocabulary, tokenizer.Merges);
        return Verdict.All(root.EnumerateObject().Select(field => field.Name switch
        {
            "n" => Compare.Equal("n", [field.Value.GetInt32()], [texts.Length]),
            "n_merges" => Compare.Equal("n_merges", [field.Value.GetInt32()], [merges.Length]),
            "first" => Compare.Equal("first", Texts(field.Value), texts.Take(field.Value.GetArrayLength())),
            "last" => Compare.Equal("last", Texts(field.Value), texts.TakeLast(field.Value.GetArrayLength())),
            "first_merges" => Compare.Equal("first_merges", Texts(field.Value), merges.Take(field.Value.GetArrayLength())),
            "last_merge" => Compare.Equal("last_merge", [field.Value.GetString()], [merges[^1]]),
            "samples" => Compare.Equal(
                "samples",
                field.Value.EnumerateObject().Select(sample => sample.Value.GetString()),
                field.Value.EnumerateObject().Select(sample => texts[int.Parse(sample.Name, CultureInfo.InvariantCulture)])),
            "sha256_of_joined_vocab" => Compare.Equal(
                field.Name,
                [field.Value.GetString()],
                [Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', texts))))]),
            _ when Length(field.Name, "at_", "") is { } index => Compare.Equal(field.Name, [field.Value.GetString()], [texts[index]]),
            _ => Verdict.Skip($"the field '{field.Name}' isn't known."),
        }));
    }

    // The number in "ids_77" and the like.
    private static int? Length(string field, string before, string after) =>
        field.StartsWith(before, StringComparison.Ordinal) && field.EndsWith(after, StringComparison.Ordinal)
        && int.TryParse(field[before.Length..^after.Length], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    private static string?[] Texts(JsonElement array) => [.. array.EnumerateArray().Select(text => text.GetString())];
}
