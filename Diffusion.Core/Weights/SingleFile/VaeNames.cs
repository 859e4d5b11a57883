using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Diffusion.Core.Weights.SingleFile;

/// <summary>
/// The names of an <c>AutoencoderKL</c> in the original single-file checkpoints and in diffusers, by rule: the decoder's blocks are
/// counted from the other end there, and the projections of attention are 1×1 convolutions, [out, in, 1, 1] instead of [out, in].
/// Pure functions from a store to a store; no bytes are copied. A name that the rule doesn't know stays as it is.
/// </summary>
public static partial class VaeNames
{
    /// <summary>What stands before the autoencoder's names in a whole checkpoint; see <see cref="WeightStore.StripPrefix"/>.</summary>
    public const string Prefix = "first_stage_model.";

    private static readonly NameTable Resnet = new(("conv_shortcut", "nin_shortcut"));

    private static readonly ImmutableArray<(string, string)> Projections = [("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")];

    private static readonly NameTable Attention = new([("group_norm", "norm"), .. Projections]);

    /// <summary>From diffusers names to original ones.</summary>
    /// <param name="store">The autoencoder's weights.</param>
    public static WeightStore ToOriginal(WeightStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        var levels = Levels(store.Names, DiffusersLevel());
        return store.SelectMany((name, tensor) =>
        [
            KeyValuePair.Create(
                ToOriginal(name, levels),
                IsProjection(name, Diffusers(), here: true) && tensor.Shape.Length == 2 ? tensor.Reshape([.. tensor.Shape, 1, 1]) : tensor),
        ]);
    }

    /// <summary>From original names to diffusers ones.</summary>
    /// <param name="store">The autoencoder's weights, without <see cref="Prefix"/>.</param>
    public static WeightStore FromOriginal(WeightStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        var levels = Levels(store.Names, OriginalLevel());
        return store.SelectMany((name, tensor) =>
        [
            KeyValuePair.Create(
                FromOriginal(name, levels),
                IsProjection(name, Original(), here: false) && tensor.Shape is [var rows, var columns, 1, 1] ? tensor.Reshape(rows, columns) : tensor),
        ]);
    }

    private static string ToOriginal(string name, int levels)
    {
        if (Diffusers().Match(name) is not { Success: true } match)
            return Renamed(name, "conv_norm_out", "norm_out");
        string half = match.Groups["half"].Value, way = match.Groups["way"].Value, rest = match.Groups["rest"].Value;
        int layer = Number(match.Groups["layer"]);
        var place = $"{half}.{way}{(way == "mid" ? "" : $".{Level(match, way, levels)}")}";
        return match.Groups["kind"].Value switch
        {
            "resnets" => $"{place}.block{(way == "mid" ? $"_{layer + 1}" : $".{layer}")}.{Resnet.There(rest)}",
            "attentions" => $"{place}.attn{(way == "mid" ? $"_{layer + 1}" : $".{layer}")}.{Attention.There(rest)}",
            var sampling => $"{place}.{sampling[..^"rs".Length]}.{rest}",
        };
    }

    private static string FromOriginal(string name, int levels)
    {
        if (Original().Match(name) is not { Success: true } match)
            return Renamed(name, "norm_out", "conv_norm_out");
        string half = match.Groups["half"].Value, way = match.Groups["way"].Value, rest = match.Groups["rest"].Value;
        int layer = Number(match.Groups["layer"]) - (way == "mid" ? 1 : 0);
        var place = way == "mid" ? $"{half}.mid_block" : $"{half}.{way}_blocks.{Level(match, way, levels)}";
        return match.Groups["kind"].Value switch
        {
            "block" => $"{place}.resnets.{layer}.{Resnet.Here(rest)}",
            "attn" => $"{place}.attentions.{layer}.{Attention.Here(rest)}",
            var sampling => $"{place}.{sampling}rs.0.{rest}",
        };
    }

    // The decoder's blocks are numbered in the order of the encoder's there, in their own order here.
    private static int Level(Match match, string way, int levels)
    {
        var level = Number(match.Groups["level"]);
        return way == "up" ? levels - 1 - level : level;
    }

    private static int Levels(IEnumerable<string> names, Regex pattern) => names
        .Select(name => pattern.Match(name)).Where(match => match.Success).Select(match => Number(match.Groups["level"]) + 1).Append(0).Max();

    private static bool IsProjection(string name, Regex pattern, bool here)
    {
        var match = pattern.Match(name);
        return match.Success && match.Groups["kind"].Value is "attentions" or "attn"
            && Projections.Any(pair => match.Groups["rest"].Value == $"{(here ? pair.Item1 : pair.Item2)}.weight");
    }

    private static string Renamed(string name, string from, string to)
    {
        foreach (var half in (string[])["encoder.", "decoder."])
        {
            if (name.StartsWith($"{half}{from}.", StringComparison.Ordinal))
                return $"{half}{to}{name[(half.Length + from.Length)..]}";
        }

        return name;
    }

    private static int Number(Group digits) => digits.Length == 0 ? 0 : int.Parse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);

    [GeneratedRegex(
        @"^(?<half>encoder|decoder)\.(?:(?<way>down|up)_blocks\.(?<level>\d{1,4})\.(?:(?<kind>resnets|attentions)\.(?<layer>\d{1,4})|(?<kind>downsamplers|upsamplers)\.0)"
        + @"|(?<way>mid)_block\.(?<kind>resnets|attentions)\.(?<layer>\d{1,4}))\.(?<rest>.+)$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Diffusers();

    [GeneratedRegex(
        @"^(?<half>encoder|decoder)\.(?:(?<way>down|up)\.(?<level>\d{1,4})\.(?:(?<kind>block|attn)\.(?<layer>\d{1,4})|(?<kind>downsample|upsample))"
        + @"|(?<way>mid)\.(?<kind>block|attn)_(?<layer>\d{1,4}))\.(?<rest>.+)$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Original();

    [GeneratedRegex(@"^decoder\.up_blocks\.(?<level>\d{1,4})\.", RegexOptions.CultureInvariant)]
    private static partial Regex DiffusersLevel();

    [GeneratedRegex(@"^decoder\.up\.(?<level>\d{1,4})\.", RegexOptions.CultureInvariant)]
    private static partial Regex OriginalLevel();
}
