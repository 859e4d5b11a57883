using System.Globalization;
using System.Text.Json;

namespace Diffusion.Core.Text;

/// <summary>From the texts of a tokenizer folder to a tokenizer, with every mismatch named.</summary>
internal static class ClipTokenizerParser
{
    private static readonly string[] Roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>A token as the configuration files write it: a text, or an object with flags.</summary>
    private sealed record Written(string Text, bool StripLeft, bool StripRight, bool SingleWord, bool IsSpecial);

    internal static ClipTokenizer Parse(ClipTokenizerFiles files)
    {
        try
        {
            return ParseValid(files);
        }
        catch (InvalidOperationException error)
        {
            // What System.Text.Json throws for an escape that is half a surrogate pair.
            throw new TokenizerException("tokenizer", "", "a text in one of the JSON files is no valid Unicode.", error);
        }
    }

    private static ClipTokenizer ParseValid(ClipTokenizerFiles files)
    {
        using var config = Open(files.Config, ClipTokenizerFiles.ConfigName);
        using var map = Open(files.SpecialTokensMap, ClipTokenizerFiles.SpecialTokensMapName);
        CheckClass(config.RootElement);
        var vocabulary = ClipVocabulary.Create(
            Ids(files.Vocabulary, ClipTokenizerFiles.VocabularyName),
            ClipVocabulary.Lines(new StringReader(files.Merges.Trim())),
            ClipTokenizerFiles.VocabularyName,
            ClipTokenizerFiles.MergesName);

        var roles = Roles.ToDictionary(role => role, role => Role(role, config.RootElement, map.RootElement));
        var special = new SpecialTokens(
            roles["bos_token"]?.Text ?? SpecialTokens.Clip.Start,
            roles["eos_token"]?.Text ?? SpecialTokens.Clip.End,
            roles["unk_token"]?.Text ?? SpecialTokens.Clip.Unknown,
            roles["pad_token"]?.Text ?? SpecialTokens.Clip.Padding);
        Written[] specials =
        [
            .. Roles.Select(role => roles[role]).OfType<Written>(),
            .. new[] { special.Start, special.End, special.Unknown, special.Padding }.Select(Plain),
            .. Additional(config.RootElement, ClipTokenizerFiles.ConfigName),
            .. Additional(map.RootElement, ClipTokenizerFiles.SpecialTokensMapName),
        ];
        var added = Added(files, config.RootElement, vocabulary, specials);
        return new ClipTokenizer(vocabulary, special, added, MaxLength(config.RootElement));
    }

    // Tokens with ids of their own first, then the special tokens, which get the next free ids where the vocabulary lacks them.
    private static AddedTokens Added(ClipTokenizerFiles files, JsonElement config, ClipVocabulary vocabulary, Written[] specials)
    {
        var byText = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        var owners = new Dictionary<int, string>();
        foreach (var (token, id, file) in WithIds(files, config))
        {
            var known = vocabulary.Tokens.TryGetValue(token.Text, out var own) ? own : (int?)null;
            if (known is { } expected && expected != id)
                throw new TokenizerException(
                    file, $"\"{token.Text}\"", $"got id {id}, but {ClipTokenizerFiles.VocabularyName} gives it {expected}.");
            if (known is null && vocabulary.Texts.TryGetValue(id, out var other))
                throw new TokenizerException(
                    file, $"\"{token.Text}\"", $"got id {id}, which \"{other}\" of {ClipTokenizerFiles.VocabularyName} has.");
            if (owners.TryGetValue(id, out var owner) && owner != token.Text)
                throw new TokenizerException(file, $"\"{token.Text}\"", $"got id {id}, which \"{owner}\" already has.");
            if (byText.TryGetValue(token.Text, out var same) && same.Id != id)
                throw new TokenizerException(file, $"\"{token.Text}\"", $"got id {id}, but it was already given {same.Id}.");
            owners[id] = token.Text;
            var isSpecial = token.IsSpecial || specials.Any(each => each.Text == token.Text);
            byText[token.Text] = new AddedToken(token.Text, id, isSpecial, token.StripLeft, token.StripRight, token.SingleWord);
        }
        foreach (var token in specials)
        {
            if (byText.ContainsKey(token.Text)) continue;
            var id = vocabulary.Tokens.TryGetValue(token.Text, out var known) ? known : NextFree(vocabulary, byText);
            if (owners.TryGetValue(id, out var owner))
                throw new TokenizerException(
                    ClipTokenizerFiles.AddedTokensName, $"\"{owner}\"", $"got id {id}, which the special token \"{token.Text}\" needs.");
            owners[id] = token.Text;
            byText[token.Text] = new AddedToken(token.Text, id, true, token.StripLeft, token.StripRight, token.SingleWord);
        }
        return new AddedTokens(byText.Values.OrderBy(token => token.Id));
    }

    private static int NextFree(ClipVocabulary vocabulary, Dictionary<string, AddedToken> added) =>
        vocabulary.Tokens.Count + added.Keys.Count(text => !vocabulary.Tokens.ContainsKey(text));

    private static IEnumerable<(Written Token, int Id, string File)> WithIds(ClipTokenizerFiles files, JsonElement config)
    {
        if (Field(config, "added_tokens_decoder") is { } decoder)
        {
            if (decoder.ValueKind != JsonValueKind.Object)
                throw Wrong(ClipTokenizerFiles.ConfigName, "added_tokens_decoder", decoder, "an object of ids");
            foreach (var entry in decoder.EnumerateObject())
            {
                if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                    throw new TokenizerException(
                        ClipTokenizerFiles.ConfigName, "added_tokens_decoder", $"got \"{entry.Name}\", expected an id of 0 or more.");
                var token = Token(entry.Value, ClipTokenizerFiles.ConfigName, $"added_tokens_decoder.{entry.Name}");
                yield return (token, id, ClipTokenizerFiles.ConfigName);
            }
        }
        if (files.AddedTokens.Length == 0) yield break;
        foreach (var (text, id) in Ids(files.AddedTokens, ClipTokenizerFiles.AddedTokensName))
        {
            if (text.Length == 0)
                throw new TokenizerException(ClipTokenizerFiles.AddedTokensName, "\"\"", "got an empty token, expected a text.");
            yield return (Plain(text), id, ClipTokenizerFiles.AddedTokensName);
        }
    }

    private static Written? Role(string role, JsonElement config, JsonElement map) =>
        Field(map, role) is { } mapped ? Token(mapped, ClipTokenizerFiles.SpecialTokensMapName, role)
        : Field(config, role) is { } configured ? Token(configured, ClipTokenizerFiles.ConfigName, role)
        : null;

    private static Written[] Additional(JsonElement root, string file)
    {
        const string Name = "additional_special_tokens";
        if (Field(root, Name) is not { } tokens) return [];
        if (tokens.ValueKind != JsonValueKind.Array) throw Wrong(file, Name, tokens, "a list of tokens");
        return [.. tokens.EnumerateArray().Select(token => Token(token, file, Name))];
    }

    private static Written Token(JsonElement element, string file, string field)
    {
        var text = element.ValueKind switch
        {
            JsonValueKind.String => element.GetString(),
            JsonValueKind.Object when Field(element, "content") is { ValueKind: JsonValueKind.String } content => content.GetString(),
            _ => null,
        };
        if (string.IsNullOrEmpty(text)) throw Wrong(file, field, element, "a token: a text, or an object with its text as \"content\"");
        return element.ValueKind == JsonValueKind.String
            ? Plain(text)
            : new Written(text, Flag(element, "lstrip"), Flag(element, "rstrip"), Flag(element, "single_word"), Flag(element, "special"));
    }

    private static Written Plain(string text) => new(text, false, false, false, false);

    private static bool Flag(JsonElement element, string name) => Field(element, name) is { ValueKind: JsonValueKind.True };

    private static int MaxLength(JsonElement config)
    {
        const string Name = "model_max_length";
        if (Field(config, Name) is not { } element) return ClipTokenizer.DefaultMaxLength;
        if (element.ValueKind != JsonValueKind.Number || !element.TryGetDouble(out var length)
            || length < 2 || length != Math.Floor(length))
            throw Wrong(ClipTokenizerFiles.ConfigName, Name, element, "a whole number of 2 or more");
        // transformers writes 1e30 where it does not know the length.
        return length > 1e9 ? ClipTokenizer.DefaultMaxLength
            : length <= 1 << 20 ? (int)length
            : throw Wrong(ClipTokenizerFiles.ConfigName, Name, element, $"at most {1 << 20}");
    }

    private static void CheckClass(JsonElement config)
    {
        if (Field(config, "tokenizer_class") is { ValueKind: JsonValueKind.String } name
            && name.GetString() is not ("CLIPTokenizer" or "CLIPTokenizerFast"))
            throw new NotSupportedException(
                $"{ClipTokenizerFiles.ConfigName}: got tokenizer_class \"{name.GetString()}\", ClipTokenizer reads CLIPTokenizer only.");
        if (Field(config, "errors") is { ValueKind: JsonValueKind.String } errors && errors.GetString() != "replace")
            throw new NotSupportedException(
                $"{ClipTokenizerFiles.ConfigName}: got errors \"{errors.GetString()}\", only \"replace\" is supported: set it in the file.");
    }

    private static List<KeyValuePair<string, int>> Ids(string json, string file)
    {
        using var document = Open(json, file);
        var ids = new List<KeyValuePair<string, int>>();
        foreach (var entry in document.RootElement.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out var id) || id < 0)
                throw Wrong(file, $"\"{entry.Name}\"", entry.Value, "an id: a whole number of 0 or more");
            ids.Add(KeyValuePair.Create(entry.Name, id));
        }
        return ids;
    }

    private static JsonDocument Open(string json, string file)
    {
        try
        {
            var document = JsonDocument.Parse(json.Length == 0 ? "{}" : json);
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            using (document) throw Wrong(file, "", document.RootElement, "a JSON object");
        }
        catch (JsonException error)
        {
            throw new TokenizerException(file, "", $"the file is no JSON: {error.Message}", error);
        }
    }

    // null counts as absent, as in Python.
    private static JsonElement? Field(JsonElement root, string name) =>
        root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    private static TokenizerException Wrong(string file, string field, JsonElement got, string expected)
    {
        var text = got.GetRawText();
        return new TokenizerException(file, field, $"got {(text.Length <= 60 ? text : text[..60] + "…")}, expected {expected}.");
    }
}
