using System.Collections.Immutable;
using System.Text;
using Diffusion.Core.Text.Unicode;
using Microsoft.ML.Tokenizers;

namespace Diffusion.Core.Text;

/// <summary>
/// CLIP's byte-pair tokenizer as an immutable value: prompts to ids and back, equal to transformers' <c>CLIPTokenizer</c> (the slow one,
/// without <c>ftfy</c>), which diffusers uses. Safe for concurrent use.
/// </summary>
/// <remarks>The merging of byte pairs is Microsoft.ML.Tokenizers'; cleaning, words and added tokens are CLIP's own rules.</remarks>
public sealed class ClipTokenizer
{
    /// <summary>The number of positions of every CLIP text encoder, used where a tokenizer's files do not say.</summary>
    public const int DefaultMaxLength = 77;

    private readonly ClipVocabulary _vocabulary;
    // Longer words go another way: see LongWords.
    private const int LongWord = 1000;

    private readonly BpeTokenizer _pairs;
    private readonly Lazy<LongWords> _long;
    private readonly AddedTokens _added;

    internal ClipTokenizer(ClipVocabulary vocabulary, SpecialTokens special, AddedTokens added, int maxLength)
    {
        (_vocabulary, Special, _added, MaxLength, Cleaning) = (vocabulary, special, added, maxLength, TextCleaning.Basic);
        (StartId, EndId, UnknownId, PaddingId) = (Id(special.Start), Id(special.End), Id(special.Unknown), Id(special.Padding));
        _pairs = Pairs(vocabulary, special.Unknown, UnknownId);
        _long = new Lazy<LongWords>(() => new LongWords(vocabulary, UnknownId));
    }

    // The same vocabulary and special tokens, with other settings.
    private ClipTokenizer(ClipTokenizer from, AddedTokens added, int maxLength, TextCleaning cleaning)
    {
        (_vocabulary, _pairs, _long, Special) = (from._vocabulary, from._pairs, from._long, from.Special);
        (StartId, EndId, UnknownId, PaddingId) = (from.StartId, from.EndId, from.UnknownId, from.PaddingId);
        (_added, MaxLength, Cleaning) = (added, maxLength, cleaning);
    }

    /// <summary>How many ids <see cref="Encode"/> gives, start and end included.</summary>
    public int MaxLength { get; }

    /// <summary>How prompts are cleaned.</summary>
    public TextCleaning Cleaning { get; }

    /// <summary>The texts of the special tokens.</summary>
    public SpecialTokens Special { get; }

    /// <summary>The id that begins every prompt.</summary>
    public int StartId { get; }

    /// <summary>The id that ends every prompt.</summary>
    public int EndId { get; }

    /// <summary>The id of what the vocabulary lacks.</summary>
    public int UnknownId { get; }

    /// <summary>The id that fills up to <see cref="MaxLength"/>.</summary>
    public int PaddingId { get; }

    /// <summary>How many tokens there are, added ones included: the rows that the text encoder's embedding must have.</summary>
    public int VocabularySize => _vocabulary.Tokens.Count + _added.All.Count(token => !_vocabulary.Tokens.ContainsKey(token.Text));

    /// <summary>The base vocabulary's tokens in the order of their ids, added ones left out.</summary>
    public ImmutableArray<string> Vocabulary => [.. _vocabulary.Texts.OrderBy(pair => pair.Key).Select(pair => pair.Value)];

    /// <summary>The merges as "left right", the most important first.</summary>
    public ImmutableArray<string> Merges => _vocabulary.Merges;

    /// <summary>The added tokens that are not special, e.g. those of textual inversions, in the order of their ids.</summary>
    public ImmutableArray<string> AddedTexts =>
        [.. _added.All.Where(token => !token.IsSpecial).OrderBy(token => token.Id).Select(token => token.Text)];

    /// <summary>Reads a <c>tokenizer/</c> folder as diffusers saves it (an effect: reads files).</summary>
    /// <param name="folder">The folder with <c>vocab.json</c>, <c>merges.txt</c> and, if there are any, <c>tokenizer_config.json</c>,
    /// <c>special_tokens_map.json</c> and <c>added_tokens.json</c>.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">A file is missing, damaged or does not fit the others.</exception>
    /// <exception cref="NotSupportedException">The folder holds another kind of tokenizer.</exception>
    public static ClipTokenizer Load(string folder) => FromFiles(ClipTokenizerFiles.Read(folder));

    /// <summary>A tokenizer from the contents of its files.</summary>
    /// <param name="files">The texts of the files.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">A text is damaged or does not fit the others.</exception>
    /// <exception cref="NotSupportedException">The files describe another kind of tokenizer.</exception>
    public static ClipTokenizer FromFiles(ClipTokenizerFiles files)
    {
        ArgumentNullException.ThrowIfNull(files);
        return ClipTokenizerParser.Parse(files);
    }

    /// <summary>The tokenizer of OpenAI's CLIP from its <c>bpe_simple_vocab_16e6.txt.gz</c>.</summary>
    /// <param name="gzip">The packed file; it is read to its end and left open.</param>
    /// <returns>The tokenizer, with 77 positions and the end token as padding.</returns>
    /// <exception cref="TokenizerException">The stream is no such file.</exception>
    public static ClipTokenizer FromSimpleVocabulary(Stream gzip)
    {
        ArgumentNullException.ThrowIfNull(gzip);
        var vocabulary = ClipVocabulary.FromSimpleVocabulary(gzip, "bpe_simple_vocab");
        var end = vocabulary.Tokens[SpecialTokens.Clip.End];
        return new ClipTokenizer(
            vocabulary,
            SpecialTokens.Clip,
            new AddedTokens([new AddedToken(SpecialTokens.Clip.Start, end - 1, true), new AddedToken(SpecialTokens.Clip.End, end, true)]),
            DefaultMaxLength);
    }

    /// <summary>A tokenizer that knows further tokens, each found in the raw text before anything else.</summary>
    /// <param name="texts">The new tokens; they get the next free ids in this order.</param>
    /// <returns>The new tokenizer; this one stays as it is.</returns>
    /// <exception cref="ArgumentException">A text is empty or already a token.</exception>
    public ClipTokenizer WithAddedTokens(IEnumerable<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var all = _added.All.ToBuilder();
        var taken = new HashSet<string>(_added.ByText.Keys, StringComparer.Ordinal);
        var next = VocabularySize;
        foreach (var text in texts)
        {
            if (string.IsNullOrEmpty(text))
                throw new ArgumentException("WithAddedTokens: got an empty token, expected a text.", nameof(texts));
            if (_vocabulary.Tokens.ContainsKey(text) || !taken.Add(text))
                throw new ArgumentException(
                    $"WithAddedTokens: \"{text}\" is already a token of this tokenizer. Choose another text for it.", nameof(texts));
            all.Add(new AddedToken(text, next++, IsSpecial: false));
        }
        return new ClipTokenizer(this, new AddedTokens(all), MaxLength, Cleaning);
    }

    /// <summary>The tokenizer with another fixed length.</summary>
    /// <param name="maxLength">How many ids a prompt gets, 2 or more.</param>
    /// <returns>The new tokenizer.</returns>
    public ClipTokenizer WithMaxLength(int maxLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 2);
        return new ClipTokenizer(this, _added, maxLength, Cleaning);
    }

    /// <summary>The tokenizer with another cleaning of prompts.</summary>
    /// <param name="cleaning">The cleaning.</param>
    /// <returns>The new tokenizer.</returns>
    public ClipTokenizer WithCleaning(TextCleaning cleaning) => new(this, _added, MaxLength, cleaning);

    /// <summary>The id of a token, or none.</summary>
    /// <param name="token">A token's exact text as the vocabulary lists it, e.g. <c>cat&lt;/w&gt;</c>, or an added token.</param>
    /// <returns>The id, or null where there is no such token.</returns>
    public int? Find(string token) =>
        _added.ByText.TryGetValue(token, out var added) ? added.Id : _vocabulary.Tokens.TryGetValue(token, out var id) ? id : null;

    /// <summary>A prompt as a text encoder takes it: start, tokens, end, padded or truncated to <see cref="MaxLength"/>.</summary>
    /// <param name="text">Any text; also an empty one, or one with lone surrogates.</param>
    /// <returns>The ids, and what of the text did not fit.</returns>
    public Tokenized Encode(string text)
    {
        var tokens = Tokens(text);
        var kept = Math.Min(tokens.Count, MaxLength - 2);
        var ids = ImmutableArray.CreateBuilder<int>(MaxLength);
        ids.Add(StartId);
        ids.AddRange(tokens.Take(kept));
        ids.Add(EndId);
        while (ids.Count < MaxLength) ids.Add(PaddingId);
        return new Tokenized(ids.MoveToImmutable(), kept + 2, kept == tokens.Count ? "" : Decode(tokens.Skip(kept), keepSpecial: true));
    }

    /// <summary>All ids of a text with start and end, however many they are.</summary>
    /// <param name="text">Any text.</param>
    /// <returns>Start, tokens, end.</returns>
    public ImmutableArray<int> EncodeAll(string text) => [StartId, .. Tokens(text), EndId];

    /// <summary>The text of ids, with a space after each word; special tokens are left out.</summary>
    /// <param name="ids">Ids of this tokenizer.</param>
    /// <returns>The text: lower case, words and punctuation apart.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is not of this tokenizer.</exception>
    public string Decode(IEnumerable<int> ids) => Decode(ids, keepSpecial: false);

    /// <summary>The text of ids, with a space after each word.</summary>
    /// <param name="ids">Ids of this tokenizer.</param>
    /// <param name="keepSpecial">Whether special tokens are written out or left out.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is not of this tokenizer.</exception>
    public string Decode(IEnumerable<int> ids, bool keepSpecial)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var parts = new List<string>();
        var symbols = new StringBuilder();
        foreach (var id in ids)
        {
            var added = _added.ById.GetValueOrDefault(id);
            if (added is { IsSpecial: true } && !keepSpecial) continue;
            if (added is { IsSpecial: false })
            {
                Flush();
                parts.Add(added.Text);
            }
            else
            {
                symbols.Append(added?.Text ?? (_vocabulary.Texts.TryGetValue(id, out var text)
                    ? text
                    : throw new ArgumentOutOfRangeException(
                        nameof(ids), id, $"Decode: ids are 0 to {VocabularySize - 1} for this tokenizer.")));
            }
        }
        Flush();
        return string.Join(' ', parts);

        void Flush()
        {
            if (symbols.Length == 0) return;
            var text = ByteAlphabet.Decode(symbols.ToString());
            parts.Add(Trim(text.Replace(ClipVocabulary.EndOfWord, " ", StringComparison.Ordinal)));
            symbols.Clear();
        }
    }

    /// <summary>
    /// Writes out an added token that stands for several vectors: where <c>&lt;cat&gt;_1</c>, <c>&lt;cat&gt;_2</c> … are tokens too,
    /// <c>&lt;cat&gt;</c> becomes <c>&lt;cat&gt; &lt;cat&gt;_1 &lt;cat&gt;_2</c> (diffusers' <c>maybe_convert_prompt</c>).
    /// </summary>
    /// <param name="text">A prompt.</param>
    /// <returns>The prompt for <see cref="Encode"/>.</returns>
    public string ExpandVectors(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var used = _added.Split(text)
            .Where(segment => segment.Token is { IsSpecial: false })
            .Select(segment => segment.Text)
            .Distinct(StringComparer.Ordinal);
        return used.Aggregate(text, (prompt, token) =>
        {
            var count = 1;
            while (_added.ByText.ContainsKey($"{token}_{count}")) count++;
            var written = string.Join(' ', Enumerable.Range(0, count).Select(i => i == 0 ? token : $"{token}_{i}"));
            return prompt.Replace(token, written, StringComparison.Ordinal);
        });
    }

    private List<int> Tokens(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        foreach (var segment in _added.Split(text))
        {
            if (segment.Token is { } token) ids.Add(token.Id);
            else if (Cleaning == TextCleaning.Basic) AddWords(Cleaning.Clean(segment.Text), ids);
            else AddFast(Cleaning.Clean(segment.Text), ids);
        }
        return ids;
    }

    // The fast tokenizer looks for added tokens in the cleaned text too.
    private void AddFast(string cleaned, List<int> ids)
    {
        foreach (var segment in _added.Split(cleaned))
        {
            if (segment.Token is { } token) ids.Add(token.Id);
            else AddWords(segment.Text, ids);
        }
    }

    private void AddWords(string cleaned, List<int> ids)
    {
        foreach (var word in ClipPattern.Words(cleaned))
        {
            if (ClipPattern.IsLiteral(word)) ids.Add(Find(word) ?? UnknownId);
            else if (word.Length > LongWord) ids.AddRange(_long.Value.Encode(word));
            else ids.AddRange(_pairs.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false));
        }
    }

    private static BpeTokenizer Pairs(ClipVocabulary vocabulary, string unknown, int unknownId)
    {
        var tokens = vocabulary.Tokens.AsEnumerable();
        if (!vocabulary.Tokens.ContainsKey(unknown)) tokens = tokens.Append(KeyValuePair.Create(unknown, unknownId));
        return BpeTokenizer.Create(new BpeOptions(tokens)
        {
            Merges = vocabulary.Merges,
            EndOfWordSuffix = ClipVocabulary.EndOfWord,
            UnknownToken = unknown,
            ByteLevel = true,
        });
    }

    private int Id(string token) => Find(token)
        ?? throw new ArgumentException(
            $"ClipTokenizer: the special token \"{token}\" is neither in the vocabulary nor an added token.", nameof(token));

    private static string Trim(string text)
    {
        var (start, end) = (0, text.Length);
        while (start < end && Classes.IsSpace(text[start])) start++;
        while (end > start && Classes.IsSpace(text[end - 1])) end--;
        return text[start..end];
    }
}
