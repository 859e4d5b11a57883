using System.Net;
using System.Text;

namespace Diffusion.Core.Images;

/// <summary>Pictures as HTML that holds them: for notebooks, reports and file apps.</summary>
internal static class ImageHtml
{
    public static string DataUri(Image image) => "data:image/png;base64," + Convert.ToBase64String(PngWriter.Encode(image).AsSpan());

    public static string Element(Image image)
    {
        var html = new StringBuilder("<img src=\"").Append(DataUri(image))
            .Append("\" width=\"").Append(image.Width).Append("\" height=\"").Append(image.Height)
            .Append("\" alt=\"").Append(WebUtility.HtmlEncode(image.ToString())).Append('"');
        if (!image.Text.IsEmpty)
        {
            var tooltip = string.Join('\n', image.Text.Select(entry => $"{entry.Key}: {entry.Value}"));
            html.Append(" title=\"").Append(WebUtility.HtmlEncode(tooltip)).Append('"');
        }

        return html.Append('>').ToString();
    }
}
