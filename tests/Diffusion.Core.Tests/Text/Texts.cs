using FsCheck;
using FsCheck.Fluent;

namespace Diffusion.Core.Tests.Text;

/// <summary>Any UTF-16 text: letters of all scripts, marks, emoji, controls, halves of surrogate pairs, pieces of special tokens.</summary>
public sealed record AnyText(string Value);

/// <summary>Generators of texts for properties.</summary>
public static class Texts
{
    private static readonly string[] Pieces =
    [
        "<|startoftext|>", "<|endoftext|>", "<|EndOfText|>", "<|", "'s", "'LL", "'ſ", "ΑΣ", "Σ", "İ", "e\u0301", "\u0323\u0301", "\ud83d\ude00",
        "\ud800", "\udc00", "\0", "\ufffd", "\u200d", "日本", "한", "\u1112\u1161\u11ab", "ﬁ", "½", "٣", " ", "\t\n", "\u3000", "!", "...", "cat", "Größe",
    ];

    private static readonly Gen<string> Piece = Gen.OneOf(
        Gen.Elements(Pieces),
        Gen.Choose(0, 0xffff).Select(c => ((char)c).ToString()),
        Gen.Choose(32, 126).Select(c => ((char)c).ToString()),
        Gen.Choose(0x10000, 0x10ffff).Select(char.ConvertFromUtf32));

    public static Arbitrary<AnyText> Any() =>
        Arb.From(Gen.ListOf(Piece).Select(pieces => new AnyText(string.Concat(pieces))));
}
