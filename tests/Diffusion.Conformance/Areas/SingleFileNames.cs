using System.Text.Json;
using Diffusion.Core.Formats;
using Diffusion.Core.Weights;
using Diffusion.Core.Weights.SingleFile;

namespace Diffusion.Conformance.Areas;

/// <summary>
/// The cases of <c>formats</c> about names in original single-file checkpoints: whole stores are converted in both directions and
/// compared by names, shapes and bytes.
/// </summary>
public static class SingleFileNames
{
    /// <summary>A <c>keys_….json</c>: diffusers name to original name, and which original tensors have two more axes.</summary>
    public static Verdict Check(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        var root = json.RootElement;
        var map = root.GetProperty("map").EnumerateObject().Select(pair => (Here: pair.Name, There: pair.Value.GetString()!)).ToArray();
        var convolutions = root.TryGetProperty("four_dimensional_in_original", out var list)
            ? list.EnumerateArray().Select(name => name.GetString()!).ToHashSet(StringComparer.Ordinal)
            : [];
        string prefix = root.TryGetProperty("prefix", out var text) ? text.GetString()! : "";

        // A tensor's values are its position in the map, so that none can be taken for another.
        TensorBytes Tensor(string name, bool convolution, int i) => TensorBytes.OfFloats(name, convolution ? [2, 1, 1, 1] : [2, 1], [i, -i]);
        var here = WeightStore.Of(map.Select((pair, i) => Tensor(pair.Here, false, i)));
        var there = WeightStore.Of(map.Select((pair, i) => Tensor(prefix + pair.There, convolutions.Contains(pair.There), i)));
        bool isVae = map.Any(pair => pair.Here.StartsWith("decoder.", StringComparison.Ordinal) || pair.Here.StartsWith("encoder.", StringComparison.Ordinal));
        var original = there.StripPrefix(isVae ? VaeNames.Prefix : UNetNames.Prefix);

        // Original names don't tell what label_emb is; the diffusers ones do.
        var structure = UNetStructure.OfOriginalNames(original.Names).WithLabelEmbedding(UNetStructure.OfDiffusersNames(here.Names).LabelEmbedding);
        return Same("to original", original, isVae ? VaeNames.ToOriginal(here) : UNetNames.ToOriginal(here))
            .And(Same("from original", here, isVae ? VaeNames.FromOriginal(original) : UNetNames.FromOriginal(original, structure)));
    }

    /// <summary>A file with a text encoder under both naming schemes.</summary>
    public static Verdict CheckOpenClip(string file)
    {
        using var store = WeightStore.Open(file);
        return Same("from original", store.StripPrefix("diffusers/"), OpenClipNames.FromOriginal(store.StripPrefix("original/")));
    }

    private static Verdict Same(string what, WeightStore expected, WeightStore actual)
    {
        var names = Compare.Equal($"{what}: names", expected.Names, actual.Names);
        return names.Outcome == Outcome.Pass
            ? Verdict.All(expected.Tensors.Select(pair => Same($"{what}: {pair.Key}", pair.Value, actual[pair.Key])))
            : names;
    }

    private static Verdict Same(string what, RawTensor expected, RawTensor actual)
    {
        var shapes = Compare.Equal($"{what}: shape", expected.Shape, actual.Shape);
        return shapes.Outcome == Outcome.Pass ? Compare.Absolute(what, expected.ToFloats(), actual.ToFloats(), 0) : shapes;
    }
}
