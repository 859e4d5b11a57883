using Diffusion.Core.Text.Unicode;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Core.Tests.Text;

/// <summary>Normalization and lower case, which must not depend on the host's globalization mode.</summary>
[Properties(Arbitrary = [typeof(Texts)])]
public sealed class UnicodeTests
{
    [Theory]
    [InlineData("e\u0301", "é")]
    [InlineData("A\u030a", "Å")]
    [InlineData("\u212b", "Å")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("d\u0323\u0307", "ḍ\u0307")]
    [InlineData("a\u0301\u0323", "ạ\u0301")]
    [InlineData("\u1112\u1161\u11ab", "한")]
    [InlineData("하\u11ab", "한")]
    [InlineData("\u0958", "\u0915\u093c")]
    [InlineData("\u0344", "\u0308\u0301")]
    [InlineData("\uf900", "豈")]
    [InlineData("a\u0334\u0301", "á\u0334")]
    [InlineData("plain", "plain")]
    [InlineData("", "")]
    public void Form_C(string text, string expected) => Assert.Equal(expected, Nfc.Normalize(text));

    [Property]
    public bool Form_C_is_its_own_form_C(AnyText text) => Nfc.Normalize(Nfc.Normalize(text.Value)) == Nfc.Normalize(text.Value);

    [Theory]
    [InlineData("İI", "i\u0307i")]
    [InlineData("ΑΣ", "ας")]
    [InlineData("ΣΑΣ", "σας")]
    [InlineData("Σ", "σ")]
    [InlineData("ΑΣ.", "ας.")]
    [InlineData("Α.Σ", "α.ς")]
    [InlineData("ΑΣ'Α", "ασ'α")]
    [InlineData("ẞ", "ß")]
    [InlineData("\ud801\udc00", "\ud801\udc28")]
    public void Lower_case(string text, string expected) => Assert.Equal(expected, Lowercase.Of(text));
}
