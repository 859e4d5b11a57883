using Diffusion.Core.Images;
using Microsoft.DotNet.Interactive.Formatting;
using Xunit;

namespace Diffusion.Core.Tests.Images;

/// <summary>Against the formatting library that Polyglot notebooks use.</summary>
public class NotebookTests
{
    [Fact]
    public void A_notebook_shows_the_picture_itself()
    {
        var image = Pictures.Random(4, 3, 3, 1).WithText("prompt", "<a> & \"b\"");

        var html = image.ToDisplayString("text/html");

        Assert.Equal(image.ToHtml(), html);
        Assert.Contains("src=\"data:image/png;base64,iVBOR", html, StringComparison.Ordinal);
        Assert.Contains("title=\"prompt: &lt;a&gt; &amp; &quot;b&quot;\"", html, StringComparison.Ordinal);
        Assert.Contains("text/html", Formatter.GetPreferredMimeTypesFor(typeof(Image)));
    }

    [Fact]
    public void A_notebook_shows_the_size_as_text() =>
        Assert.Equal("4×3 RGB", Pictures.Random(4, 3, 3, 1).ToDisplayString("text/plain"));

    [Fact]
    public void The_data_address_holds_a_png()
    {
        var image = Pictures.Random(4, 3, 4, 1).WithText("k", "v");

        var bytes = Convert.FromBase64String(image.ToDataUri()["data:image/png;base64,".Length..]);

        Assert.Equal(image, Pictures.Decode(bytes));
    }
}
