using System.Collections.Immutable;
using Diffusion.Core.Formats;

namespace Diffusion.Core.Weights;

/// <summary>A tensor that a model needs.</summary>
/// <param name="Name">Its name in the checkpoint.</param>
/// <param name="Shape">Its sizes, outermost first.</param>
public sealed record ExpectedTensor(string Name, ImmutableArray<long> Shape);

/// <summary>A tensor of another shape than the model needs.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Expected">The shape that the model needs.</param>
/// <param name="Actual">The shape in the checkpoint.</param>
public sealed record MisShapedTensor(string Name, ImmutableArray<long> Expected, ImmutableArray<long> Actual)
{
    /// <summary>Whether the two shapes are each other's transpose: the usual mistake of a converter.</summary>
    public bool IsTransposed => Expected.Length >= 2 && Expected.Reverse().SequenceEqual(Actual);
}

/// <summary>How a checkpoint's names and shapes differ from what a model needs: all differences, not the first.</summary>
/// <param name="Source">Where the checkpoint came from.</param>
/// <param name="Missing">Names that the model needs and the checkpoint lacks.</param>
/// <param name="Unexpected">Names in the checkpoint that the model doesn't need.</param>
/// <param name="MisShaped">Names of both whose shapes differ.</param>
public sealed record WeightReport(
    string Source, ImmutableArray<string> Missing, ImmutableArray<string> Unexpected, ImmutableArray<MisShapedTensor> MisShaped)
{
    /// <summary>Whether the model can be made: nothing is missing or of another shape. What is unexpected does no harm.</summary>
    public bool IsComplete => Missing.IsEmpty && MisShaped.IsEmpty;

    /// <summary>Whether names and shapes are just what the model needs.</summary>
    public bool IsExact => IsComplete && Unexpected.IsEmpty;

    /// <summary>Compares a checkpoint with what a model needs.</summary>
    public static WeightReport Of(WeightStore weights, IEnumerable<ExpectedTensor> expected)
    {
        var needed = expected.ToImmutableSortedDictionary(tensor => tensor.Name, tensor => tensor.Shape, StringComparer.Ordinal);
        return new WeightReport(
            weights.Source,
            [.. needed.Keys.Where(name => !weights.Contains(name))],
            [.. weights.Names.Where(name => !needed.ContainsKey(name))],
            [.. needed.Where(pair => weights.Contains(pair.Key) && !weights[pair.Key].Shape.SequenceEqual(pair.Value))
                .Select(pair => new MisShapedTensor(pair.Key, pair.Value, weights[pair.Key].Shape))]);
    }

    /// <summary>This report, if the model can be made.</summary>
    /// <param name="model">What the weights are for, e.g. <c>UNet2DConditionModel</c>.</param>
    /// <exception cref="CheckpointException">Something is missing or of another shape; the message lists everything.</exception>
    public WeightReport RequireComplete(string model) => IsComplete
        ? this
        : throw new CheckpointException(Source, "", $"these weights don't fit {model}. {this}");

    /// <summary>All differences as text, one a line.</summary>
    public override string ToString()
    {
        string[] parts =
        [
            .. Missing.Select(name => $"missing: {CheckpointException.Quote(name)}"),
            .. MisShaped.Select(tensor => $"shape of {CheckpointException.Quote(tensor.Name)}: [{string.Join(", ", tensor.Actual)}], "
                + $"expected [{string.Join(", ", tensor.Expected)}]{(tensor.IsTransposed ? " (transposed)" : "")}"),
            .. Unexpected.Select(name => $"unexpected: {CheckpointException.Quote(name)}"),
        ];
        return parts.Length == 0
            ? "All names and shapes fit."
            : $"{Missing.Length} missing, {MisShaped.Length} of another shape, {Unexpected.Length} unexpected:\n{string.Join('\n', parts)}";
    }
}
