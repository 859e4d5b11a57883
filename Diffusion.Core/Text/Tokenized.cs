using System.Collections.Immutable;

namespace Diffusion.Core.Text;

/// <summary>A prompt as a text encoder takes it: ids of one fixed length.</summary>
/// <param name="Ids">Start token, the prompt, end token, padding: as many as the encoder has positions.</param>
/// <param name="Length">How many of the ids are not padding, start and end included.</param>
/// <param name="Truncated">The text of what did not fit, decoded from its tokens; empty where everything fitted.</param>
public sealed record Tokenized(ImmutableArray<int> Ids, int Length, string Truncated)
{
    /// <summary>1 for a token, 0 for padding.</summary>
    public ImmutableArray<int> AttentionMask => [.. Ids.Select((_, i) => i < Length ? 1 : 0)];

    /// <summary>Whether a part of the prompt was left out.</summary>
    public bool IsTruncated => Truncated.Length > 0;

    /// <summary>Equal when ids, length and truncated text are.</summary>
    /// <param name="other">What to compare with.</param>
    /// <returns>Whether they are equal.</returns>
    public bool Equals(Tokenized? other) =>
        other is not null && Length == other.Length && Truncated == other.Truncated && Ids.AsSpan().SequenceEqual(other.Ids.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Ids.Length, Length, Truncated, Ids.IsDefaultOrEmpty ? 0 : Ids[Ids.Length / 2]);
}
