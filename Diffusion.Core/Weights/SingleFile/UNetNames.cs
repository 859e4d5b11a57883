using System.Globalization;
using System.Text.RegularExpressions;

namespace Diffusion.Core.Weights.SingleFile;

/// <summary>
/// The names of a Stable Diffusion UNet (1, 2, XL) in the original single-file checkpoints (CompVis, Stability) and in diffusers, by
/// rule from the model's structure. Pure functions from a store to a store; no bytes are copied. Linear projections and 1×1
/// convolutions are the same in both schemes.
/// </summary>
/// <remarks>
/// A name that the rule doesn't know stays as it is, so that a model's <see cref="WeightReport"/> lists it; so do names outside of
/// the structure.
/// </remarks>
public static partial class UNetNames
{
    /// <summary>What stands before the UNet's names in a whole checkpoint; see <see cref="WeightStore.StripPrefix"/>.</summary>
    public const string Prefix = "model.diffusion_model.";

    private static readonly NameTable Outer = new(
        ("conv_in", "input_blocks.0.0"),
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
        ("class_embedding.weight", "label_emb.weight"),
        ("conv_norm_out", "out.0"),
        ("conv_out", "out.2"));

    private static readonly NameTable Resnet = new(
        ("norm1", "in_layers.0"),
        ("conv1", "in_layers.2"),
        ("time_emb_proj", "emb_layers.1"),
        ("norm2", "out_layers.0"),
        ("conv2", "out_layers.3"),
        ("conv_shortcut", "skip_connection"));

    private static readonly NameTable Downsampling = new(("conv", "op"));

    /// <summary>From diffusers names to original ones, the structure being read from the names.</summary>
    /// <param name="store">The UNet's weights.</param>
    public static WeightStore ToOriginal(WeightStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        return ToOriginal(store, UNetStructure.OfDiffusersNames(store.Names));
    }

    /// <summary>From diffusers names to original ones.</summary>
    /// <param name="store">The UNet's weights.</param>
    /// <param name="structure">The model's structure.</param>
    public static WeightStore ToOriginal(WeightStore store, UNetStructure structure)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(structure);
        var labels = Labels(structure);
        return store.Rename(name => Diffusers().Match(name) is { Success: true } match ? ToOriginal(match, structure) : Outer.There(labels.There(name)));
    }

    /// <summary>From original names to diffusers ones, the structure being read from the names.</summary>
    /// <param name="store">The UNet's weights, without <see cref="Prefix"/>.</param>
    public static WeightStore FromOriginal(WeightStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        return FromOriginal(store, UNetStructure.OfOriginalNames(store.Names));
    }

    /// <summary>From original names to diffusers ones.</summary>
    /// <param name="store">The UNet's weights, without <see cref="Prefix"/>.</param>
    /// <param name="structure">The model's structure.</param>
    public static WeightStore FromOriginal(WeightStore store, UNetStructure structure)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(structure);
        var labels = Labels(structure);
        return store.Rename(name => FromOriginal(name, structure) is { Length: > 0 } layer ? layer : labels.Here(Outer.Here(name)));
    }

    private static NameTable Labels(UNetStructure structure) => new(
        ($"{structure.LabelEmbedding}.linear_1", "label_emb.0.0"),
        ($"{structure.LabelEmbedding}.linear_2", "label_emb.0.2"));

    private static string ToOriginal(Match match, UNetStructure structure)
    {
        string way = match.Groups["way"].Value, kind = match.Groups["kind"].Value, rest = match.Groups["rest"].Value;
        int block = Number(match.Groups["block"]), layer = Number(match.Groups["layer"]);
        if (way == "mid")
        {
            return kind == "resnets" ? $"middle_block.{2 * layer}.{Resnet.There(rest)}"
                : kind == "attentions" ? $"middle_block.{(2 * layer) + 1}.{rest}"
                : match.Value;
        }

        var layers = (way == "down" ? structure.LayersPerBlock : structure.UpLayers).ElementAtOrDefault(block);
        var isSampling = kind is "downsamplers" or "upsamplers";
        if (layers == 0 || (isSampling ? layer != 0 : layer >= layers))
            return match.Value;
        return (way, kind) switch
        {
            ("down", "resnets") => $"input_blocks.{structure.Input(block, layer)}.0.{Resnet.There(rest)}",
            ("down", "attentions") => $"input_blocks.{structure.Input(block, layer)}.1.{rest}",
            ("down", "downsamplers") when Downsampling.There(rest) is var op && op != rest => $"input_blocks.{structure.Input(block, layers)}.0.{op}",
            ("up", "resnets") => $"output_blocks.{structure.Output(block, layer)}.0.{Resnet.There(rest)}",
            ("up", "attentions") => $"output_blocks.{structure.Output(block, layer)}.1.{rest}",
            ("up", "upsamplers") => $"output_blocks.{structure.Output(block, layers - 1)}.{(structure.HasAttention(block) ? 2 : 1)}.{rest}",
            _ => match.Value,
        };
    }

    // Empty where the name isn't that of a layer in a block.
    private static string FromOriginal(string name, UNetStructure structure)
    {
        if (Middle().Match(name) is { Success: true } middle)
        {
            var number = Number(middle.Groups["number"]);
            var rest = middle.Groups["rest"].Value;
            return number % 2 == 0 ? $"mid_block.resnets.{number / 2}.{Resnet.Here(rest)}" : $"mid_block.attentions.{number / 2}.{rest}";
        }

        return Original().Match(name) is { Success: true } match
            ? match.Groups["way"].Value == "input" ? FromInput(match, structure) : FromOutput(match, structure)
            : "";
    }

    private static string FromInput(Match match, UNetStructure structure)
    {
        var (block, layer) = structure.Down(Number(match.Groups["number"]));
        var rest = match.Groups["rest"].Value;
        if (block < 0)
            return "";
        return (layer == structure.LayersPerBlock[block], match.Groups["part"].Value) switch
        {
            (true, "0") when Downsampling.Here(rest) is var conv && conv != rest => $"down_blocks.{block}.downsamplers.0.{conv}",
            (false, "0") => $"down_blocks.{block}.resnets.{layer}.{Resnet.Here(rest)}",
            (false, "1") => $"down_blocks.{block}.attentions.{layer}.{rest}",
            _ => "",
        };
    }

    private static string FromOutput(Match match, UNetStructure structure)
    {
        var (block, layer) = structure.Up(Number(match.Groups["number"]));
        string rest = match.Groups["rest"].Value, part = match.Groups["part"].Value;
        if (block < 0)
            return "";
        return part == "0" ? $"up_blocks.{block}.resnets.{layer}.{Resnet.Here(rest)}"
            : part is "1" or "2" && rest.StartsWith("conv.", StringComparison.Ordinal) ? $"up_blocks.{block}.upsamplers.0.{rest}"
            : part == "1" ? $"up_blocks.{block}.attentions.{layer}.{rest}"
            : "";
    }

    private static int Number(Group digits) => digits.Length == 0 ? 0 : int.Parse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<way>down|up|mid)_block(?:s\.(?<block>\d{1,4}))?\.(?<kind>resnets|attentions|downsamplers|upsamplers)\.(?<layer>\d{1,4})\.(?<rest>.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Diffusers();

    [GeneratedRegex(@"^(?<way>input|output)_blocks\.(?<number>\d{1,4})\.(?<part>\d)\.(?<rest>.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Original();

    [GeneratedRegex(@"^middle_block\.(?<number>\d{1,4})\.(?<rest>.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Middle();
}
