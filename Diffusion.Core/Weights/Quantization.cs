using System.Globalization;

namespace Diffusion.Core.Weights;

/// <summary>
/// How a model's linear layers are stored as small integers (<c>ModelWeights.Quantized</c>). Symmetric: integers times a scale, no zero
/// point. Immutable.
/// </summary>
public sealed record Quantization
{
    private Quantization(string name, int bits, int groupSize, bool roundsActivations)
    {
        Name = name;
        Bits = bits;
        GroupSize = groupSize;
        RoundsActivations = roundsActivations;
    }

    /// <summary>Weights as they are stored.</summary>
    public static Quantization None { get; } = new("", 32, 0, false);

    /// <summary>8 bits, one scale an output; activations stay as they are. A quarter of float32's memory.</summary>
    public static Quantization Int8 { get; } = new("int8", 8, 0, false);

    /// <summary>
    /// As <see cref="Int8"/>, and each row of a layer's input is rounded to 8 bits as well, so that the product is of integers: faster, and less
    /// exact.
    /// </summary>
    public static Quantization Int8Activations { get; } = new("int8-activations", 8, 0, true);

    /// <summary>4 bits, a scale for each 32 inputs (4.5 bits in all); activations stay as they are. A seventh of float32's memory.</summary>
    public static Quantization Int4 { get; } = new("int4", 4, 32, false);

    /// <summary>What to call it: <c>int8</c>, <c>int8-activations</c>, <c>int4</c>, with a group's size where it isn't the usual one; empty for <see cref="None"/>.</summary>
    public string Name { get; }

    /// <summary>4 or 8; 32 for <see cref="None"/>.</summary>
    public int Bits { get; }

    /// <summary>How many consecutive inputs share a scale; 0 for one scale an output.</summary>
    public int GroupSize { get; private init; }

    /// <summary>Whether inputs of layers are rounded to 8 bits too.</summary>
    public bool RoundsActivations { get; }

    /// <summary>Whether it is <see cref="None"/>.</summary>
    public bool IsNone => Bits == 32;

    /// <summary>Whether <see cref="Layers"/> were given, which no name tells.</summary>
    public bool HasOwnLayers { get; private init; }

    /// <summary>Which tensors: those of linear layers, unless <see cref="WithLayers"/> says otherwise. Only matrices are ever quantised.</summary>
    public Func<string, bool> Layers { get; private init; } = IsLinearLayer;

    /// <summary>The quantization that has a name, as <see cref="Name"/> writes it: empty, <c>int8</c>, <c>int4-64</c>, ….</summary>
    /// <exception cref="ArgumentException">No quantization is called so.</exception>
    public static Quantization ByName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var known = new[] { None, Int8, Int8Activations, Int4 };
        if (known.FirstOrDefault(quantization => quantization.Name == name) is { } plain)
            return plain;
        int dash = name.LastIndexOf('-');
        if (dash > 0 && known.FirstOrDefault(quantization => quantization.Name == name[..dash]) is { } grouped
            && int.TryParse(name.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int size))
            return grouped.WithGroupSize(size);
        throw new ArgumentException($"Quantization '{name}' isn't known; use {string.Join(", ", known.Skip(1).Select(quantization => quantization.Name))}, or one with a group's size behind it (int4-64).", nameof(name));
    }

    /// <summary>Another size of groups: smaller ones are more exact and take more memory.</summary>
    /// <param name="groupSize">A multiple of 8, or 0 for one scale an output.</param>
    /// <exception cref="ArgumentException">It isn't.</exception>
    /// <exception cref="NotSupportedException">Activations are rounded: then there is one scale an output.</exception>
    public Quantization WithGroupSize(int groupSize) =>
        groupSize < 0 || groupSize % 8 != 0 ? throw new ArgumentException($"Quantization.WithGroupSize: a multiple of 8, or 0 for one scale an output; got {groupSize}.", nameof(groupSize))
        : IsNone ? throw new NotSupportedException("Quantization.WithGroupSize: weights as they are stored have no groups; start from Int8 or Int4.")
        : RoundsActivations && groupSize != 0 ? throw new NotSupportedException("Quantization.WithGroupSize: rounded activations need one scale an output; use Quantization.Int8 for groups.")
        : new Quantization(FormattableString.Invariant($"int{Bits}{(RoundsActivations ? "-activations" : "")}-{groupSize}"), Bits, groupSize, RoundsActivations) { Layers = Layers, HasOwnLayers = HasOwnLayers };

    /// <summary>Other layers, by their tensors' names: to leave sensitive ones alone, say.</summary>
    public Quantization WithLayers(Func<string, bool> layers) => this with { Layers = layers, HasOwnLayers = true };

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>
    /// A name ending in <c>weight</c> whose module isn't a table of embeddings: those are looked up, not multiplied by. Among matrices that
    /// leaves linear layers.
    /// </summary>
    public static bool IsLinearLayer(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var parts = name.Split('.');
        return parts[^1] == "weight" && (parts.Length < 2 || !parts[^2].EndsWith("embedding", StringComparison.Ordinal));
    }
}
