using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace Diffusion.Core.Weights.SingleFile;

/// <summary>
/// The names of a CLIP text encoder as OpenCLIP has them, in the checkpoints of Stable Diffusion 2 and XL, and as transformers does.
/// OpenCLIP joins the query, key and value projections in one, and keeps the projection of the pooled text as a matrix that is
/// multiplied from the right. A pure function from a store to a store; a name that the rule doesn't know stays as it is.
/// </summary>
public static partial class OpenClipNames
{
    /// <summary>What stands before the names in whole checkpoints: Stable Diffusion 2, SDXL's second encoder, the SDXL refiner's only one.</summary>
    public static ImmutableArray<string> Prefixes { get; } = ["cond_stage_model.model.", "conditioner.embedders.1.model.", "conditioner.embedders.0.model."];

    private static readonly NameTable Outer = new(
        ("text_model.embeddings.token_embedding", "token_embedding"),
        ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
        ("text_model.final_layer_norm", "ln_final"));

    private static readonly NameTable Layer = new(
        ("layer_norm1", "ln_1"),
        ("layer_norm2", "ln_2"),
        ("mlp.fc1", "mlp.c_fc"),
        ("mlp.fc2", "mlp.c_proj"),
        ("self_attn", "attn"));

    /// <summary>From OpenCLIP's names to those of transformers' <c>CLIPTextModel</c>; q, k and v are parts of the same bytes.</summary>
    /// <param name="store">The text encoder's weights without a prefix, see <see cref="Prefixes"/>.</param>
    /// <exception cref="ArgumentException">A joined projection can't be divided by three.</exception>
    public static WeightStore FromOriginal(WeightStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        return store.SelectMany((name, tensor) =>
            name == "text_projection" ? [KeyValuePair.Create("text_projection.weight", tensor.Transpose())]
            : Block().Match(name) is not { Success: true } match ? [KeyValuePair.Create(Outer.Here(name), tensor)]
            : FromBlock($"text_model.encoder.layers.{match.Groups["layer"].Value}.", match.Groups["rest"].Value, tensor));
    }

    private static IEnumerable<KeyValuePair<string, RawTensor>> FromBlock(string layer, string name, RawTensor tensor) => name switch
    {
        "attn.in_proj_weight" => Divided(layer, "weight", tensor),
        "attn.in_proj_bias" => Divided(layer, "bias", tensor),
        _ => [KeyValuePair.Create(layer + Layer.Here(name), tensor)],
    };

    private static IEnumerable<KeyValuePair<string, RawTensor>> Divided(string layer, string kind, RawTensor joined)
    {
        if (joined.Shape.IsEmpty || joined.Shape[0] % 3 != 0)
            throw new ArgumentException($"{joined.Source}: tensor {joined} can't be divided into query, key and value: its first size isn't a multiple of 3.", nameof(joined));
        var rows = joined.Shape[0] / 3;
        return ((string[])["q", "k", "v"]).Select((part, i) =>
            KeyValuePair.Create($"{layer}self_attn.{part}_proj.{kind}", joined.Rows(i * rows, rows)));
    }

    [GeneratedRegex(@"^(?:transformer\.)?resblocks\.(?<layer>\d{1,4})\.(?<rest>.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Block();
}
