using System.Collections.Immutable;
using Diffusion.Core.Formats;

namespace Diffusion.Core.Weights;

internal enum WeightFileKind
{
    Safetensors,
    Index,
    Other,
}

/// <summary>Finds the weights in a component's folder by the names that diffusers and transformers give them.</summary>
public static class WeightFiles
{
    private const string Extension = ".safetensors";

    // diffusers' components, then transformers'.
    private static readonly string[] BaseNames = ["diffusion_pytorch_model", "model"];
    private static readonly string[] Others = [".bin", ".ckpt", ".pt", ".pth", ".msgpack", ".h5", ".onnx", ".gguf"];

    /// <summary>
    /// The file to open: <c>diffusion_pytorch_model.safetensors</c> or <c>model.safetensors</c>, else the index of its shards. With a
    /// variant, <c>model.fp16.safetensors</c> or <c>model.safetensors.index.fp16.json</c> come before these; a component without
    /// that variant gives its plain file, as in diffusers.
    /// </summary>
    /// <param name="folder">The component's folder, e.g. <c>unet</c>.</param>
    /// <param name="variant">The variant that is wanted, e.g. <c>fp16</c>; empty for the plain files.</param>
    /// <returns>The path of a <c>.safetensors</c> file or of an index.</returns>
    /// <exception cref="CheckpointException">There is no such folder, or it holds no weights or only other variants.</exception>
    /// <exception cref="NotSupportedException">There are only weights of another kind, such as <c>.bin</c>.</exception>
    public static string Choose(string folder, string variant = "")
    {
        if (variant.Length > 0 && PlainName.Problem(variant) is { Length: > 0 } problem)
            throw new ArgumentException($"The variant {CheckpointException.Quote(variant)} {problem}. Expected a word such as fp16.", nameof(variant));

        if (!Directory.Exists(folder))
            throw new CheckpointException(folder, "", "there is no such folder. Expected a model component with its weights.");

        var candidates = (variant.Length == 0 ? [] : Candidates(variant)).Concat(Candidates(""));
        var found = candidates.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists, "");
        return found.Length > 0 ? found : throw NothingFound(folder, variant);
    }

    /// <summary>Whether a component's folder holds weights that can be opened.</summary>
    /// <inheritdoc cref="Choose"/>
    public static bool Exist(string folder, string variant = "") =>
        Candidates(variant).Concat(Candidates("")).Any(name => File.Exists(Path.Combine(folder, name)));

    internal static WeightFileKind KindOf(string path) => Path.GetFileName(path) switch
    {
        var name when name.EndsWith(Extension, StringComparison.OrdinalIgnoreCase) => WeightFileKind.Safetensors,
        var name when name.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
            && name.Contains(".safetensors.index.", StringComparison.OrdinalIgnoreCase) => WeightFileKind.Index,
        _ => WeightFileKind.Other,
    };

    private static IEnumerable<string> Candidates(string variant) => BaseNames.SelectMany(name => variant.Length == 0
        ? [$"{name}{Extension}", $"{name}{Extension}.index.json"]
        : new[] { $"{name}.{variant}{Extension}", $"{name}{Extension}.index.{variant}.json", $"{name}.{variant}{Extension}.index.json" });

    private static Exception NothingFound(string folder, string variant)
    {
        var files = Directory.GetFiles(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal).ToImmutableArray();
        var variants = files.Where(file => KindOf(file) != WeightFileKind.Other).ToImmutableArray();
        var others = files.Where(file => Others.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase)).ToImmutableArray();
        var wanted = variant.Length == 0 ? "" : $" nor a variant '{variant}'";
        return variants.IsEmpty && !others.IsEmpty
            ? new NotSupportedException($"{folder}: has no safetensors weights, only {string.Join(", ", others)}. Convert them to safetensors.")
            : new CheckpointException(folder, "", $"has no {string.Join(" or ", BaseNames.Select(name => name + Extension))}{wanted}. "
                + (variants.IsEmpty ? "Is the download complete?" : $"There is {string.Join(", ", variants)}: ask for that variant."));
    }
}
