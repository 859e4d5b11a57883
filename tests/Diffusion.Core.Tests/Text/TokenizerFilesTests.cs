using System.Globalization;
using System.Text.Json;
using Diffusion.Core.Text;
using Xunit;

namespace Diffusion.Core.Tests.Text;

/// <summary>Tokenizer folders: what their files say is followed, and what does not fit is named.</summary>
public sealed class TokenizerFilesTests
{
    private const string Merges = "#version: 0.2\nc a\nca t</w>\n";

    [Fact]
    public void A_folder_is_read_from_disk()
    {
        var tokenizer = ClipTokenizer.Load(Path.Combine(Randomness.TorchGeneratorTests.Repository(), "models", "shapes-64", "tokenizer"));
        Assert.Equal(32, tokenizer.MaxLength);
        Assert.Equal(714, tokenizer.VocabularySize);
        Assert.Equal(
            [712, 320, 665, 692, 616, 677, 320, 709, 598, .. Enumerable.Repeat(713, 23)],
            tokenizer.Encode("a large red circle on a white background").Ids);
        var long1 = tokenizer.Encode(
            "a picture of a small red circle to the left of a large blue star on a white background, nice, simple, pretty, plain, flat, cute, "
            + "bright, a beautiful drawing with no other shapes in the picture and no other colors");
        Assert.Equal([267, 639, 267, 713], long1.Ids.TakeLast(4));
        Assert.StartsWith("cute , bright", long1.Truncated, StringComparison.Ordinal);
    }

    [Fact]
    public void Merges_join_letters()
    {
        var tokenizer = ClipTokenizer.FromFiles(Small());
        Assert.Equal([tokenizer.StartId, Id(tokenizer, "cat</w>"), tokenizer.EndId], tokenizer.EncodeAll("Cat"));
        Assert.Equal([tokenizer.StartId, Id(tokenizer, "ca"), Id(tokenizer, "b</w>"), tokenizer.EndId], tokenizer.EncodeAll("cab"));
        Assert.Equal(77, tokenizer.MaxLength);
    }

    [Fact]
    public void The_padding_token_of_open_clip_is_found_in_text_too()
    {
        var tokenizer = ClipTokenizer.FromFiles(Small() with { SpecialTokensMap = """{"pad_token": "!"}""", Config = """{"model_max_length": 6}""" });
        Assert.Equal(0, tokenizer.PaddingId);
        Assert.Equal([tokenizer.StartId, Id(tokenizer, "cat</w>"), 0, tokenizer.EndId, 0, 0], tokenizer.Encode("cat!").Ids);
    }

    [Fact]
    public void What_the_vocabulary_lacks_is_unknown()
    {
        var tokenizer = ClipTokenizer.FromFiles(new ClipTokenizerFiles(
            """{"a</w>": 0, "<|startoftext|>": 1, "<|endoftext|>": 2}""", "#version\n"));
        Assert.Equal([1, 0, 2, 2], tokenizer.EncodeAll("a z"));
    }

    [Fact]
    public void Special_tokens_that_the_vocabulary_lacks_get_the_next_ids()
    {
        var tokenizer = ClipTokenizer.FromFiles(new ClipTokenizerFiles("""{"a</w>": 0, "b": 1}""", "#version\n"));
        Assert.Equal((2, 3, 4), (tokenizer.StartId, tokenizer.EndId, tokenizer.VocabularySize));
        Assert.Equal([2, 0, 3, 3], tokenizer.EncodeAll("a ?"));
    }

    [Fact]
    public void Added_tokens_come_from_either_file()
    {
        var legacy = ClipTokenizer.FromFiles(Small() with { AddedTokens = """{"<cat>": 516, "<dog>": 517}""" });
        var config = ClipTokenizer.FromFiles(Small() with
        {
            Config = """{"added_tokens_decoder": {"516": {"content": "<cat>", "lstrip": false}, "517": {"content": "<dog>", "special": false}}}""",
        });
        Assert.Equal(["<cat>", "<dog>"], legacy.AddedTexts);
        Assert.Equal(legacy.EncodeAll("a<cat> <dog>"), config.EncodeAll("a<cat> <dog>"));
        Assert.Equal(518, config.VocabularySize);
    }

    [Fact]
    public void Flags_of_added_tokens_hold()
    {
        var tokenizer = ClipTokenizer.FromFiles(Small() with
        {
            Config = """{"added_tokens_decoder": {"516": {"content": "cat", "single_word": true}}}""",
        });
        Assert.Contains(516, tokenizer.EncodeAll("a cat b"));
        Assert.DoesNotContain(516, tokenizer.EncodeAll("acat"));
        Assert.DoesNotContain(516, tokenizer.EncodeAll("cats"));
    }

    [Fact]
    public void An_unknown_length_is_clips()
    {
        var tokenizer = ClipTokenizer.FromFiles(Small() with { Config = """{"model_max_length": 1000000000000000019884624838656}""" });
        Assert.Equal(77, tokenizer.MaxLength);
    }

    public static TheoryData<string, ClipTokenizerFiles, string, string> Damaged => new()
    {
        { "not JSON", Small() with { Vocabulary = "hello" }, "vocab.json", "no JSON" },
        { "an array", Small() with { Vocabulary = "[1]" }, "vocab.json", "JSON object" },
        { "nothing in it", Small() with { Vocabulary = "{}" }, "vocab.json", "empty" },
        { "nested ten thousand deep", Small() with { Vocabulary = string.Concat(Enumerable.Repeat("{\"a\":", 10_000)) }, "vocab.json", "no JSON" },
        { "an id that is a text", Small() with { Vocabulary = """{"a": "1"}""" }, "vocab.json", "\"a\"" },
        { "an id below 0", Small() with { Vocabulary = """{"a": -1}""" }, "vocab.json", "got -1" },
        { "an id with a fraction", Small() with { Vocabulary = """{"a": 1.5}""" }, "vocab.json", "1.5" },
        { "an id too large", Small() with { Vocabulary = """{"a": 99999999999}""" }, "vocab.json", "99999999999" },
        { "an id twice", Small() with { Vocabulary = """{"a": 1, "b": 1}""" }, "vocab.json", "\"a\" already has" },
        { "a token twice", Small() with { Vocabulary = """{"a": 1, "a": 2}""" }, "vocab.json", "twice" },
        { "half a surrogate pair", Small() with { Vocabulary = """{"\ud800": 1}""" }, "tokenizer", "Unicode" },
        { "a merge of an unknown token", Small() with { Merges = "#version\nc a\nzz q\n" }, "merges.txt", "line 3" },
        { "a merge into an unknown token", Small() with { Merges = "#version\nb a\n" }, "merges.txt", "\"ba\"" },
        { "a merge of three", Small() with { Merges = "#version\nc a t\n" }, "merges.txt", "3 parts" },
        { "a merge of one", Small() with { Merges = "#version\nca\n" }, "merges.txt", "1 parts" },
        { "a merge twice", Small() with { Merges = "#version\nc a\nc a\n" }, "merges.txt", "twice" },
        { "added with a taken id", Small() with { AddedTokens = """{"<x>": 5}""" }, "added_tokens.json", "got id 5" },
        { "added with another id", Small() with { AddedTokens = """{"ca": 600}""" }, "added_tokens.json", "gives it 514" },
        { "two added with one id", Small() with { AddedTokens = """{"<x>": 600, "<y>": 600}""" }, "added_tokens.json", "already has" },
        { "an empty added token", Small() with { AddedTokens = """{"": 600}""" }, "added_tokens.json", "empty" },
        { "no id as key", Small() with { Config = """{"added_tokens_decoder": {"x": {"content": "y"}}}""" }, "tokenizer_config.json", "\"x\"" },
        { "a token without text", Small() with { Config = """{"pad_token": {"lstrip": true}}""" }, "tokenizer_config.json", "pad_token" },
        { "a token that is a number", Small() with { SpecialTokensMap = """{"bos_token": 3}""" }, "special_tokens_map.json", "bos_token" },
        { "a length of one", Small() with { Config = """{"model_max_length": 1}""" }, "tokenizer_config.json", "model_max_length" },
        { "a length with a fraction", Small() with { Config = """{"model_max_length": 3.5}""" }, "tokenizer_config.json", "3.5" },
        { "a length of memory", Small() with { Config = """{"model_max_length": 900000000}""" }, "tokenizer_config.json", "900000000" },
    };

    [Theory]
    [MemberData(nameof(Damaged))]
    public void Damage_is_named(string what, ClipTokenizerFiles files, string file, string told)
    {
        var error = Assert.Throws<TokenizerException>(() => ClipTokenizer.FromFiles(files));
        Assert.True(error.File == file && error.Message.Contains(told, StringComparison.Ordinal), $"{what}: {error.Message}");
    }

    [Fact]
    public void Other_kinds_of_tokenizers_are_not_supported()
    {
        Assert.Throws<NotSupportedException>(() => ClipTokenizer.FromFiles(Small() with { Config = """{"tokenizer_class": "T5Tokenizer"}""" }));
        Assert.Throws<NotSupportedException>(() => ClipTokenizer.FromFiles(Small() with { Config = """{"errors": "strict"}""" }));
    }

    [Fact]
    public void Missing_files_are_named()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            Assert.Contains("no such folder", Assert.Throws<TokenizerException>(() => ClipTokenizer.Load(Path.Combine(folder.FullName, "none"))).Message, StringComparison.Ordinal);
            Assert.EndsWith("vocab.json", Assert.Throws<TokenizerException>(() => ClipTokenizer.Load(folder.FullName)).File, StringComparison.Ordinal);
            File.WriteAllText(Path.Combine(folder.FullName, "vocab.json"), Small().Vocabulary);
            Assert.EndsWith("merges.txt", Assert.Throws<TokenizerException>(() => ClipTokenizer.Load(folder.FullName)).File, StringComparison.Ordinal);
            File.WriteAllBytes(Path.Combine(folder.FullName, "merges.txt"), [0xff, 0xfe, 0xff]);
            Assert.Contains("UTF-8", Assert.Throws<TokenizerException>(() => ClipTokenizer.Load(folder.FullName)).Message, StringComparison.Ordinal);
            File.WriteAllText(Path.Combine(folder.FullName, "merges.txt"), Merges.ReplaceLineEndings("\r\n"));
            Assert.Equal(3, ClipTokenizer.Load(folder.FullName).EncodeAll("cat").Length);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_packed_vocabulary_must_be_packed() =>
        Assert.Throws<TokenizerException>(() => ClipTokenizer.FromSimpleVocabulary(new MemoryStream([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])));

    private static int Id(ClipTokenizer tokenizer, string token) => tokenizer.Find(token) ?? throw new ArgumentException(token.ToString(CultureInfo.InvariantCulture), nameof(token));

    // All bytes (ids 0 to 511, with "!" as 0), two merges and the special tokens: 516 tokens.
    private static ClipTokenizerFiles Small()
    {
        var symbols = ByteAlphabet.Symbols.Select(symbol => symbol.ToString());
        string[] tokens = [.. symbols, .. symbols.Select(symbol => symbol + "</w>"), "<|startoftext|>", "<|endoftext|>", "ca", "cat</w>"];
        var ids = tokens.Select((token, id) => KeyValuePair.Create(token, id)).ToDictionary();
        return new ClipTokenizerFiles(JsonSerializer.Serialize(ids), Merges);
    }
}
