using System.Collections.Immutable;

namespace Diffusion.Core.Randomness;

/// <summary>
/// The MT19937 engine of Matsumoto and Nishimura ("Mersenne Twister", 1998), seeded from one 32-bit word as both torch and
/// numpy's <c>RandomState</c> do it.
/// </summary>
internal sealed class MersenneTwister
{
    internal const int WordCount = 624;
    private const int Shift = 397;

    private readonly uint[] _words;
    private int _next;

    internal MersenneTwister(uint seed)
    {
        _words = new uint[WordCount];
        Seed(seed);
    }

    internal MersenneTwister(ImmutableArray<uint> words, int next)
    {
        if (words.IsDefault || words.Length != WordCount)
            throw new ArgumentException(
                $"Mersenne Twister state: got {(words.IsDefault ? 0 : words.Length)} words, expected {WordCount}. Pass a state taken from a generator.",
                nameof(words));
        if (next is < 0 or > WordCount)
            throw new ArgumentOutOfRangeException(nameof(next), next, $"Mersenne Twister state: the position must be 0 to {WordCount}.");
        _words = [.. words];
        _next = next;
    }

    internal ImmutableArray<uint> Words => [.. _words];

    internal int Position => _next;

    internal void Seed(uint seed)
    {
        _words[0] = seed;
        for (var i = 1; i < WordCount; i++)
        {
            var previous = _words[i - 1];
            _words[i] = 1812433253u * (previous ^ (previous >> 30)) + (uint)i;
        }
        // The seeded words are never given out: the first draw renews the whole block.
        _next = WordCount;
    }

    internal uint NextUInt32()
    {
        if (_next == WordCount) Renew();
        var y = _words[_next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680u;
        y ^= (y << 15) & 0xefc60000u;
        return y ^ (y >> 18);
    }

    /// <summary>Two draws, the first one being the high half.</summary>
    internal ulong NextUInt64()
    {
        ulong high = NextUInt32();
        return (high << 32) | NextUInt32();
    }

    private void Renew()
    {
        var words = _words;
        var i = 0;
        for (; i < WordCount - Shift; i++) words[i] = words[i + Shift] ^ Twist(words[i], words[i + 1]);
        for (; i < WordCount - 1; i++) words[i] = words[i + Shift - WordCount] ^ Twist(words[i], words[i + 1]);
        words[i] = words[i + Shift - WordCount] ^ Twist(words[i], words[0]);
        _next = 0;
    }

    private static uint Twist(uint u, uint v) => (((u & 0x80000000u) | (v & 0x7fffffffu)) >> 1) ^ ((v & 1) == 0 ? 0u : 0x9908b0dfu);
}
