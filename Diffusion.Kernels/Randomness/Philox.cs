using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Diffusion.Kernels;

/// <summary>
/// The random bits of Philox4x32-10: a bijection of a 128-bit counter under a 64-bit key (Salmon et al., SC 2011; the
/// multipliers and Weyl constants are the paper's).
/// </summary>
public static class Philox
{
    /// <summary>Multiplier of the counter's first word.</summary>
    public const uint Multiplier0 = 0xD2511F53;

    /// <summary>Multiplier of the counter's third word.</summary>
    public const uint Multiplier1 = 0xCD9E8D57;

    /// <summary>What the key's first word advances by each round.</summary>
    public const uint Weyl0 = 0x9E3779B9;

    /// <summary>What the key's second word advances by each round.</summary>
    public const uint Weyl1 = 0xBB67AE85;

    private const int Rounds = 10;

    /// <summary>The four words that a counter gives under a key.</summary>
    /// <param name="counter">The counter's words, lowest first.</param>
    /// <param name="key0">Low word of the key.</param>
    /// <param name="key1">High word of the key.</param>
    public static (uint X0, uint X1, uint X2, uint X3) Words((uint C0, uint C1, uint C2, uint C3) counter, uint key0, uint key1)
    {
        var (c0, c1, c2, c3) = counter;
        for (int i = 0; i < Rounds; i++)
        {
            ulong p0 = (ulong)Multiplier0 * c0, p1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ key0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ key1, (uint)p0);
            key0 += Weyl0;
            key1 += Weyl1;
        }
        return (c0, c1, c2, c3);
    }

    /// <summary>
    /// The first four words of a subsequence as curand numbers them: the key is the seed, the counter's high half the
    /// subsequence and its low half offset/4.
    /// </summary>
    public static (uint X0, uint X1, uint X2, uint X3) Words(ulong seed, ulong subsequence, ulong offset)
    {
        ulong block = offset >> 2;
        return Words(((uint)block, (uint)(block >> 32), (uint)subsequence, (uint)(subsequence >> 32)), (uint)seed, (uint)(seed >> 32));
    }

    /// <summary>
    /// The first two words of four subsequences in a row, in the low halves of the lanes: needs a fast 32×32-bit product
    /// (<see cref="System.Runtime.Intrinsics.X86.Avx2"/>).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector256<ulong> X0, Vector256<ulong> X1) FirstWords(ulong seed, ulong subsequence, ulong offset)
    {
        ulong block = offset >> 2;
        // High halves of lanes may hold anything: products read low halves only, and nothing carries into those.
        var numbers = Vector256.Create(subsequence) + Vector256.Create(0UL, 1, 2, 3);
        Vector256<ulong> c0 = Vector256.Create(block), c1 = Vector256.Create(block >> 32), c2 = numbers, c3 = numbers >>> 32;
        var (m0, m1) = (Vector256.Create((ulong)Multiplier0).AsUInt32(), Vector256.Create((ulong)Multiplier1).AsUInt32());
        uint key0 = (uint)seed, key1 = (uint)(seed >> 32);
        for (int i = 0; i < Rounds; i++)
        {
            var p0 = System.Runtime.Intrinsics.X86.Avx2.Multiply(c0.AsUInt32(), m0);
            var p1 = System.Runtime.Intrinsics.X86.Avx2.Multiply(c2.AsUInt32(), m1);
            c0 = (p1 >>> 32) ^ c1 ^ Vector256.Create((ulong)key0);
            c1 = p1;
            c2 = (p0 >>> 32) ^ c3 ^ Vector256.Create((ulong)key1);
            c3 = p0;
            key0 += Weyl0;
            key1 += Weyl1;
        }
        return (c0, c1);
    }
}
