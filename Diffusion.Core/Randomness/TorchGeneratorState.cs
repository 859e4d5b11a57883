using System.Collections.Immutable;

namespace Diffusion.Core.Randomness;

/// <summary>
/// A torch CPU generator frozen at one point of its stream: an immutable value from which any number of generators can go on.
/// </summary>
/// <param name="Seed">The seed last given to the generator (what torch calls <c>initial_seed</c>).</param>
/// <param name="Words">The 624 words of the Mersenne Twister.</param>
/// <param name="Position">How many of the words have been given out, 0 to 624.</param>
/// <param name="CachedNormal">The second value of the last Box-Muller pair, where a draw of fewer than 16 normals has left one.</param>
public sealed record TorchGeneratorState(ulong Seed, ImmutableArray<uint> Words, int Position, double? CachedNormal)
{
    /// <summary>Equal when every number the two would give is equal.</summary>
    /// <param name="other">The state to compare with.</param>
    /// <returns>Whether both hold the same values.</returns>
    public bool Equals(TorchGeneratorState? other) =>
        other is not null && Seed == other.Seed && Position == other.Position && CachedNormal.Equals(other.CachedNormal)
        && Words.AsSpan().SequenceEqual(other.Words.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Seed, Position, CachedNormal, Words.IsDefaultOrEmpty ? 0u : Words[0]);
}
