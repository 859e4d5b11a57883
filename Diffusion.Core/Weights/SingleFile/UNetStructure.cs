using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using Diffusion.Core.Formats;

namespace Diffusion.Core.Weights.SingleFile;

/// <summary>
/// What the original names of a UNet depend on: there the layers of all blocks are numbered through, so that a block's number follows
/// from how many layers the blocks before it have. It can be read from a configuration, or from the names in either scheme.
/// </summary>
public sealed partial record UNetStructure
{
    /// <summary>Two layers in each of four blocks, all but the innermost with attention: Stable Diffusion 1 and 2.</summary>
    public static UNetStructure StableDiffusion { get; } = new() { LayersPerBlock = [2, 2, 2, 2], UpAttention = [false, true, true, true] };

    /// <summary>The layers (resnets) of each block on the way down; those on the way up mirror them and have one more each.</summary>
    public required ImmutableArray<int> LayersPerBlock { get; init; }

    /// <summary>Whether each block on the way up has attention, in the order of that way.</summary>
    public required ImmutableArray<bool> UpAttention { get; init; }

    /// <summary>
    /// What the original's <c>label_emb</c> is in diffusers: <c>add_embedding</c> (SDXL's sizes and pooled text) or
    /// <c>class_embedding</c>. The original names don't tell; a configuration does.
    /// </summary>
    public string LabelEmbedding { get; init; } = "add_embedding";

    /// <summary>The structure that a diffusers configuration describes.</summary>
    /// <param name="config">The UNet's <c>config.json</c>.</param>
    /// <exception cref="CheckpointException">An entry is of the wrong kind.</exception>
    public static UNetStructure FromConfig(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var down = config.GetTextArray("down_block_types", ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]);
        var up = config.GetTextArray("up_block_types", ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]);
        var layers = config.GetIntArray("layers_per_block", [2]);
        return new UNetStructure
        {
            LayersPerBlock = layers.Length == 1 ? [.. Enumerable.Repeat(layers[0], down.Length)] : layers,
            UpAttention = [.. up.Select(type => type.Contains("Attn", StringComparison.Ordinal))],
            LabelEmbedding = config.GetText("class_embed_type", "").Length > 0 ? "class_embedding" : "add_embedding",
        };
    }

    /// <summary>The structure that diffusers names show.</summary>
    public static UNetStructure OfDiffusersNames(IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        string[] all = [.. names];
        var resnets = Numbers(all, DownResnet());
        var attentions = Numbers(all, UpAttentions()).Select(pair => pair.First).ToHashSet();
        var blocks = Count(resnets.Select(pair => pair.First));
        return new UNetStructure
        {
            LayersPerBlock = [.. Enumerable.Range(0, blocks).Select(block => Count(resnets.Where(pair => pair.First == block).Select(pair => pair.Second)))],
            UpAttention = [.. Enumerable.Range(0, blocks).Select(attentions.Contains)],
            LabelEmbedding = all.Any(name => name.StartsWith("class_embedding.linear", StringComparison.Ordinal)) ? "class_embedding" : "add_embedding",
        };
    }

    /// <summary>The structure that original names show: a block ends where a downsampling convolution (<c>op</c>) is.</summary>
    public static UNetStructure OfOriginalNames(IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        string[] all = [.. names];
        int[] ends = [.. Numbers(all, Downsampling()).Select(pair => pair.First).Distinct().Order(), Count(Numbers(all, Input()).Select(pair => pair.First))];
        ImmutableArray<int> layers = [.. ends.Select((end, block) => end - (block == 0 ? 0 : ends[block - 1]) - 1)];
        var structure = new UNetStructure { LayersPerBlock = layers, UpAttention = [.. layers.Select(_ => false)] };
        var attentions = Numbers(all, OutputAttention()).Select(pair => structure.Up(pair.First).Block).ToHashSet();
        return structure with { UpAttention = [.. layers.Select((_, block) => attentions.Contains(block))] };
    }

    /// <summary>The structure with another meaning of <c>label_emb</c>.</summary>
    public UNetStructure WithLabelEmbedding(string name) => this with { LabelEmbedding = name };

    /// <summary>The original number of a layer on the way down; the downsampling counts as the layer after the last.</summary>
    internal int Input(int block, int layer) => 1 + LayersPerBlock.Take(block).Sum(layers => layers + 1) + layer;

    /// <summary>The original number of a layer on the way up.</summary>
    internal int Output(int block, int layer) => UpLayers.Take(block).Sum() + layer;

    /// <summary>The block and layer of an original number on the way down; a block of −1 where there is none.</summary>
    internal (int Block, int Layer) Down(int number) => Locate(number - 1, LayersPerBlock.Select(layers => layers + 1));

    /// <summary>The block and layer of an original number on the way up; a block of −1 where there is none.</summary>
    internal (int Block, int Layer) Up(int number) => Locate(number, UpLayers);

    internal bool HasAttention(int upBlock) => upBlock < UpAttention.Length && UpAttention[upBlock];

    internal IEnumerable<int> UpLayers => LayersPerBlock.Reverse().Select(layers => layers + 1);

    private static (int Block, int Layer) Locate(int number, IEnumerable<int> sizes)
    {
        var block = 0;
        foreach (var size in sizes)
        {
            if (number < size)
                return (number < 0 ? -1 : block, number);
            (number, block) = (number - size, block + 1);
        }

        return (-1, number);
    }

    private static (int First, int Second)[] Numbers(string[] names, Regex pattern) =>
    [
        .. from name in names
           let match = pattern.Match(name)
           where match.Success
           select (Number(match.Groups[1]), match.Groups.Count > 2 ? Number(match.Groups[2]) : 0),
    ];

    private static int Number(Group digits) => int.Parse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);

    private static int Count(IEnumerable<int> numbers) => numbers.Append(-1).Max() + 1;

    [GeneratedRegex(@"^down_blocks\.(\d{1,4})\.resnets\.(\d{1,4})\.", RegexOptions.CultureInvariant)]
    private static partial Regex DownResnet();

    [GeneratedRegex(@"^up_blocks\.(\d{1,4})\.attentions\.", RegexOptions.CultureInvariant)]
    private static partial Regex UpAttentions();

    [GeneratedRegex(@"^input_blocks\.(\d{1,4})\.", RegexOptions.CultureInvariant)]
    private static partial Regex Input();

    [GeneratedRegex(@"^input_blocks\.(\d{1,4})\.0\.op\.", RegexOptions.CultureInvariant)]
    private static partial Regex Downsampling();

    [GeneratedRegex(@"^output_blocks\.(\d{1,4})\.1\.(?!conv\.)", RegexOptions.CultureInvariant)]
    private static partial Regex OutputAttention();
}
