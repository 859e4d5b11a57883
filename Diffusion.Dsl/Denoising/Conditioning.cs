using System.Collections.Immutable;
using Diffusion.Core.Tensors;

namespace Diffusion.Dsl.Denoising;

/// <summary>
/// What a denoiser is told beside the sample and the timestep: tensors by the names that diffusers' models give their arguments,
/// batch first. Immutable.
/// </summary>
public sealed record Conditioning
{
    /// <summary>The name of a text's embeddings, [batch, tokens, size].</summary>
    public const string EncoderHiddenStates = "encoder_hidden_states";

    private Conditioning(ImmutableSortedDictionary<string, Tensor> tensors) => Tensors = tensors;

    /// <summary>Nothing.</summary>
    public static Conditioning None { get; } = new(ImmutableSortedDictionary.Create<string, Tensor>(StringComparer.Ordinal));

    /// <summary>The tensors by name.</summary>
    public ImmutableSortedDictionary<string, Tensor> Tensors { get; }

    /// <summary>The tensor of a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public Tensor this[string name] => Tensors.TryGetValue(name, out var tensor)
        ? tensor
        : throw new ArgumentException($"Conditioning: '{name}' isn't given; there is {(Tensors.IsEmpty ? "nothing" : string.Join(", ", Tensors.Keys))}.", nameof(name));

    /// <summary>A text's embeddings.</summary>
    /// <param name="embeddings">[batch, tokens, size].</param>
    public static Conditioning FromText(Tensor embeddings) => None.With(EncoderHiddenStates, embeddings);

    /// <summary>Several conditionings as one of a larger batch, in that order. They have the same names.</summary>
    /// <exception cref="ArgumentException">Their names differ, or there are none.</exception>
    public static Conditioning Concat(params Conditioning[] parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Length == 0)
            throw new ArgumentException("Conditioning.Concat: nothing was given; expected at least one.", nameof(parts));
        foreach (var part in parts)
        {
            if (!part.Tensors.Keys.SequenceEqual(parts[0].Tensors.Keys))
            {
                throw new ArgumentException(
                    $"Conditioning.Concat: one has [{string.Join(", ", parts[0].Tensors.Keys)}], another [{string.Join(", ", part.Tensors.Keys)}]; "
                    + "give all of them the same tensors.", nameof(parts));
            }
        }

        return new(parts[0].Tensors.ToImmutableSortedDictionary(
            pair => pair.Key, pair => Tensor.Concat(0, [.. parts.Select(part => part.Tensors[pair.Key])]), StringComparer.Ordinal));
    }

    /// <summary>Whether a tensor of that name is given.</summary>
    public bool Has(string name) => Tensors.ContainsKey(name);

    /// <summary>The conditioning with one tensor more, or another one.</summary>
    public Conditioning With(string name, Tensor tensor)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(tensor);
        return new(Tensors.SetItem(name, tensor));
    }

    /// <summary>Computes all tensors now. Gives the conditioning itself.</summary>
    public Conditioning Realize(CancellationToken cancel = default)
    {
        Tensor.Realize([.. Tensors.Values], cancel);
        return this;
    }
}
