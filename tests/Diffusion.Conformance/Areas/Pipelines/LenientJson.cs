using System.Text.Json;
using System.Text.RegularExpressions;

namespace Diffusion.Conformance.Areas.Pipelines;

/// <summary>JSON as Python writes it: with the bare words Infinity, -Infinity and NaN, which become texts.</summary>
public static partial class LenientJson
{
    /// <summary>Reads a file.</summary>
    public static JsonDocument Read(string path) => JsonDocument.Parse(Bare().Replace(File.ReadAllText(path), "$1\"$2\""));

    [GeneratedRegex(@"([:\[,]\s*)(-?Infinity|NaN)(?=\s*[,\]}])")]
    private static partial Regex Bare();
}
