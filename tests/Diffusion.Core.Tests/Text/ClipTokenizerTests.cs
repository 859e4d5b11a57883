using System.Text.Json;
using Diffusion.Core.Text;
using FsCheck;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Text;

/// <summary>Prompts to ids and back: against recorded ids, and what must hold for every text.</summary>
[Properties(Arbitrary = [typeof(Texts)])]
public sealed class ClipTokenizerTests
{
    [Fact]
    public void Prompts_have_the_recorded_ids()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Clip.Folder, "clip_prompts.json")));
        var prompts = json.RootElement.GetProperty("prompts").EnumerateArray().ToArray();
        Assert.True(prompts.Length > 100);
        foreach (var prompt in prompts)
        {
            var text = prompt.GetProperty("text").GetString()!;
            var ids = Ints(prompt.GetProperty("ids"));
            Assert.Equal(ids, Clip.Tokenizer.EncodeAll(text));
            var kept = Ints(prompt.GetProperty("ids_77"));
            var encoded = Clip.Tokenizer.Encode(text);
            Assert.Equal([.. kept, .. Enumerable.Repeat(49407, 77 - kept.Length)], encoded.Ids);
            Assert.Equal(kept.Length, encoded.AttentionMask.Sum());
            Assert.Equal(prompt.GetProperty("decoded").GetString(), Clip.Tokenizer.Decode(ids));
            var fast = prompt.TryGetProperty("ids_fast", out var other) ? Ints(other) : ids;
            Assert.Equal(fast, Clip.Tokenizer.WithCleaning(TextCleaning.Fast).EncodeAll(text));
        }
    }

    [Fact]
    public void Added_tokens_are_found_in_the_raw_text()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Clip.Folder, "clip_added_tokens.json")));
        var added = json.RootElement.GetProperty("added").EnumerateArray().ToArray();
        var tokenizer = Clip.Tokenizer.WithAddedTokens(added.Select(pair => pair[0].GetString()!));
        Assert.Equal(added.Select(pair => (int?)pair[1].GetInt32()), added.Select(pair => tokenizer.Find(pair[0].GetString()!)));
        foreach (var prompt in json.RootElement.GetProperty("prompts").EnumerateArray())
            Assert.Equal(Ints(prompt.GetProperty("ids")), tokenizer.EncodeAll(prompt.GetProperty("text").GetString()!));
        Assert.Equal("a photo of <cat-toy> <cat-toy>_1", tokenizer.Decode(tokenizer.EncodeAll("a photo of <cat-toy> <cat-toy>_1")));
        Assert.Empty(Clip.Tokenizer.AddedTexts);
    }

    [Fact]
    public void The_vocabulary_has_the_reference_order()
    {
        var tokens = Clip.Tokenizer.Vocabulary;
        Assert.Equal(49408, tokens.Length);
        Assert.Equal("!</w>", tokens[256]);
        Assert.Equal("in", tokens[512]);
        Assert.Equal(["jekyll</w>", "<|startoftext|>", "<|endoftext|>"], tokens.TakeLast(3));
    }

    [Property(MaxTest = 500)]
    public bool Every_text_has_ids_of_the_vocabulary(AnyText text)
    {
        var ids = Clip.Tokenizer.EncodeAll(text.Value);
        var fast = Clip.Tokenizer.WithCleaning(TextCleaning.Fast).EncodeAll(text.Value);
        return ids[0] == 49406 && ids[^1] == 49407 && ids.Concat(fast).All(id => id is >= 0 and < 49408);
    }

    [Property(MaxTest = 300)]
    public bool Encoding_is_the_beginning_of_everything(AnyText text, byte length)
    {
        var tokenizer = Clip.Tokenizer.WithMaxLength(2 + length);
        var all = tokenizer.EncodeAll(text.Value);
        var encoded = tokenizer.Encode(text.Value);
        var kept = Math.Min(all.Length - 2, length);
        return encoded.Ids.Length == 2 + length
            && encoded.Length == kept + 2
            && encoded.Ids.Take(kept + 1).SequenceEqual(all.Take(kept + 1))
            && encoded.Ids.Skip(kept + 1).All(id => id == 49407);
    }

    // A text that is one token a word comes back as it was.
    [Property]
    public bool Plain_words_come_back(byte[] choices)
    {
        string[] words = ["a", "photo", "of", "the", "castle", ",", "cat", "!", "über", "日"];
        var text = string.Join(' ', (choices ?? []).Select(choice => words[choice % words.Length]));
        return Clip.Tokenizer.Decode(Clip.Tokenizer.EncodeAll(text)) == text;
    }

    // Cleaning is done once: what was decoded is clean, so that encoding it again gives the same text.
    [Property(MaxTest = 300)]
    public bool Clean_ascii_survives_encoding(NonEmptyString text)
    {
        var ascii = string.Concat(text.Get.Where(c => char.IsAsciiLetterOrDigit(c) || c == ' '));
        var once = Clip.Tokenizer.Decode(Clip.Tokenizer.EncodeAll(ascii));
        return once.Replace(" ", "", StringComparison.Ordinal) == ascii.ToLowerInvariant().Replace(" ", "", StringComparison.Ordinal)
            && Clip.Tokenizer.Decode(Clip.Tokenizer.EncodeAll(once)) == once;
    }

    // The own merging for very long words against the library's.
    [Property(MaxTest = 300)]
    public bool Long_words_are_merged_as_short_ones(byte[] choices)
    {
        string[] parts = ["a", "b", "e", "n", "st", "ing", "anti", "ous", "q", "x", "tion", "cat"];
        var word = "un" + string.Concat((choices ?? []).Select(choice => parts[choice % parts.Length]));
        return LongWords.Value.Encode(word).SequenceEqual(Clip.Tokenizer.EncodeAll(word)[1..^1]);
    }

    private static readonly Lazy<LongWords> LongWords = new(() =>
    {
        using var stream = File.OpenRead(Path.Combine(Clip.Folder, "bpe_simple_vocab_16e6.txt.gz"));
        return new LongWords(ClipVocabulary.FromSimpleVocabulary(stream, "packed"), 49407);
    });

    [Fact]
    public void Truncation_is_told_as_text()
    {
        var encoded = Clip.Tokenizer.WithMaxLength(6).Encode("A Photo of an astronaut, riding <|endoftext|>");
        Assert.Equal([49406, 320, 1125, 539, 550, 49407], encoded.Ids);
        Assert.Equal("astronaut , riding <|endoftext|>", encoded.Truncated);
        Assert.True(encoded.IsTruncated);
        Assert.False(Clip.Tokenizer.Encode("a photo").IsTruncated);
    }

    [Fact]
    public void Endless_prompts_end()
    {
        Assert.Equal(10_002, Clip.Tokenizer.EncodeAll(string.Concat(Enumerable.Repeat("castle ", 10_000))).Length);
        Assert.Equal(77, Clip.Tokenizer.Encode(new string('a', 300_000)).Length);
        Assert.Equal(2, Clip.Tokenizer.Encode(new string(' ', 300_000)).Length);
        Assert.True(Clip.Tokenizer.Encode("a" + string.Concat(Enumerable.Repeat("\u0301\u0323", 20_000))).IsTruncated);
    }

    [Fact]
    public void Threads_may_share_a_tokenizer()
    {
        var texts = Enumerable.Range(0, 400).Select(i => $"a photo of castle number {i % 50}, ancient {new string((char)('a' + i % 26), i % 20)}").ToArray();
        var expected = texts.Select(Clip.Tokenizer.EncodeAll).ToArray();
        var fresh = Clip.Load();
        Assert.Equal(expected, texts.AsParallel().AsOrdered().WithDegreeOfParallelism(8).Select(fresh.EncodeAll));
    }

    [Fact]
    public void Lone_surrogates_are_dropped() =>
        Assert.Equal(Clip.Tokenizer.EncodeAll("ab c"), Clip.Tokenizer.EncodeAll("a\ud800b \udfffc\ud83d"));

    [Fact]
    public void Several_vectors_are_written_out()
    {
        var tokenizer = Clip.Tokenizer.WithAddedTokens(["<cat>", "<cat>_1", "<cat>_2", "my-style"]);
        Assert.Equal("a <cat> <cat>_1 <cat>_2 in my-style", tokenizer.ExpandVectors("a <cat> in my-style"));
        Assert.Equal("a dog", tokenizer.ExpandVectors("a dog"));
        Assert.Equal(49412, tokenizer.VocabularySize);
    }

    [Fact]
    public void Tokens_are_added_once()
    {
        var tokenizer = Clip.Tokenizer.WithAddedTokens(["<new>"]);
        Assert.Equal(49408, tokenizer.Find("<new>"));
        Assert.Null(Clip.Tokenizer.Find("<new>"));
        Assert.Throws<ArgumentException>(() => tokenizer.WithAddedTokens(["<new>"]));
        Assert.Throws<ArgumentException>(() => tokenizer.WithAddedTokens(["cat</w>"]));
        Assert.Throws<ArgumentException>(() => tokenizer.WithAddedTokens(["x", "x"]));
        Assert.Throws<ArgumentException>(() => tokenizer.WithAddedTokens([""]));
    }

    [Fact]
    public void Unknown_ids_are_refused() =>
        Assert.Contains("49407", Assert.Throws<ArgumentOutOfRangeException>(() => Clip.Tokenizer.Decode([49408])).Message, StringComparison.Ordinal);

    [Fact]
    public void Lengths_below_two_are_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => Clip.Tokenizer.WithMaxLength(1));

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
