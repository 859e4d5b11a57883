using System.Collections.Immutable;

namespace Diffusion.Kernels;

/// <summary>A distribution.</summary>
public enum RandomKind
{
    /// <summary>Uniform in 0 ≤ y &lt; 1.</summary>
    Uniform,

    /// <summary>Normal with mean 0 and variance 1.</summary>
    Normal,
}

/// <summary>
/// Random numbers by a counter: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Element i (row-major)
/// depends on the seed, the offset and i only, so every backend and every cutting gives the same. Operands: State, Y.
/// <para>
/// With the words x0 … x3 of <see cref="Philox.Words(ulong, ulong, ulong)"/> for (seed, subsequence i, offset), and X0, X1 the float32 nearest to x0, x1:
/// u = X0·2⁻³² + 2⁻³³ rounded to float32. <see cref="RandomKind.Uniform"/> stores u, but 0 where u, rounded to Y's type, is 1.
/// <see cref="RandomKind.Normal"/> stores sin(2π·(X1 + ½)·2⁻³²)·√(−2·ln u) (Box and Muller). Backends may differ by the rounding
/// of logarithm and sine, about 3e-6.
/// </para>
/// <para>
/// These are the numbers of torch's CUDA generator for <c>torch.rand</c> and <c>torch.randn</c> of float32, float16 and bfloat16, as long as the
/// tensor has no more elements than the card runs threads at once (multiprocessors × threads of one, rounded down to whole blocks of 256: 65 536 are
/// safe on every card with 32 multiprocessors of 2048, 43 of 1536). Then torch starts a thread an element, and each uses the first of
/// its four numbers (<c>distribution_nullary_kernel</c>). Beyond that torch's numbers depend on the card, and these don't follow. Each such call
/// of torch advances the generator's offset by 4, starting from 0 after <c>manual_seed</c>.
/// </para>
/// </summary>
/// <param name="Kind">The distribution.</param>
/// <param name="State">Int64 [2], dense: the seed, and torch's offset (a multiple of 4; the two lowest bits aren't read). Both are read as unsigned.</param>
/// <param name="Y">Any shape, dense, floating point.</param>
public sealed record RandomSpec(RandomKind Kind, Layout State, Layout Y) : KernelSpec
{
    /// <inheritdoc/>
    public override ImmutableArray<Layout> Operands => [State, Y];

    /// <inheritdoc/>
    public override void Validate()
    {
        const string op = "Random";
        Require(Enum.IsDefined(Kind), op, $"{(int)Kind} isn't a distribution.");
        Require(State.Type == ElementType.Int64 && State.Rank == 1 && State.Shape[0] == 2 && State.IsContiguous, op, $"State is Int64 [2] (seed, offset), dense; got {State}.");
        Require(Y.Type.IsFloat() && (Y.IsContiguous || Y.Count == 0), op, $"Y is floating point and dense; got {Y}.");
    }
}
