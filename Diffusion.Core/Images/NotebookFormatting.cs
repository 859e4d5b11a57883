namespace Diffusion.Core.Images;

/// <summary>
/// Tells notebooks how to show a type. Polyglot notebooks look for an attribute of this name and use what it points
/// to by its shape, so no package is needed.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct)]
internal sealed class TypeFormatterSourceAttribute(Type formatterSourceType) : Attribute
{
    /// <summary>A type with a parameterless constructor and a method <c>CreateTypeFormatters</c>.</summary>
    public Type FormatterSourceType { get; } = formatterSourceType;

    /// <summary>The MIME types to show first.</summary>
    public string[] PreferredMimeTypes { get; set; } = [];
}

/// <summary>The notebook formatters of <see cref="Image"/>, found by their shape.</summary>
internal sealed class ImageFormatterSource
{
#pragma warning disable CA1822 // Notebooks call it on an instance.
    public IEnumerable<object> CreateTypeFormatters() =>
        [new ImageFormatter("text/html", image => image.ToHtml()), new ImageFormatter("text/plain", image => image.ToString())];
#pragma warning restore CA1822
}

/// <summary>One MIME type of one picture.</summary>
internal sealed class ImageFormatter(string mimeType, Func<Image, string> format)
{
    public string MimeType => mimeType;

    public bool Format(object instance, TextWriter writer)
    {
        if (instance is not Image image)
        {
            return false;
        }

        writer.Write(format(image));
        return true;
    }
}
