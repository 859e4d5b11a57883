using System.Collections.Immutable;

namespace Diffusion.Core.Randomness;

/// <summary>
/// Where a pipeline's noise comes from: a record of functions, so that a test can hand in recorded noise and a pipeline need not know
/// how many generators there are. Drawing is an effect: each call goes on from where the last one ended.
/// </summary>
/// <param name="Randn">Standard normals for a whole batch: the shape (first the batch) to its values, row-major. As diffusers'
/// <c>randn_tensor</c>: one generator fills the whole batch in one draw, a list of generators draws each sample by itself.</param>
/// <param name="Rand">Uniforms in [0, 1) for a whole batch, in the same manner.</param>
/// <param name="Multinomial">One category for each row of weights: the rows one after another and the length of a row to the indices
/// (<c>torch.multinomial(weights, 1)</c>).</param>
/// <param name="Snapshot">The generators as they are now, for <see cref="FromStates"/>; empty where the noise has no generators.</param>
/// <param name="Sample">The source of one sample of the batch, for draws that are made sample by sample (e.g. when pictures are encoded):
/// its own generator, or the one that all share. It draws from the same stream as the batch does.</param>
public sealed record NoiseSource(
    Func<ImmutableArray<int>, float[]> Randn,
    Func<ImmutableArray<int>, float[]> Rand,
    Func<ReadOnlyMemory<float>, int, long[]> Multinomial,
    Func<ImmutableArray<TorchGeneratorState>> Snapshot,
    Func<int, NoiseSource> Sample)
{
    /// <summary>One generator for everything, as <c>generator=torch.Generator("cpu").manual_seed(seed)</c>.</summary>
    /// <param name="seed">Any 64-bit value.</param>
    /// <returns>A source at the start of its stream.</returns>
    public static NoiseSource FromSeed(ulong seed) => FromGenerators([new TorchGenerator(seed)]);

    /// <summary>One generator for each sample of the batch, as a list of torch generators.</summary>
    /// <param name="seeds">A seed for each sample, at least one. A single seed is the same as <see cref="FromSeed"/>.</param>
    /// <returns>A source at the start of its streams.</returns>
    public static NoiseSource FromSeeds(IEnumerable<ulong> seeds)
    {
        ArgumentNullException.ThrowIfNull(seeds);
        return FromGenerators([.. seeds.Select(seed => new TorchGenerator(seed))]);
    }

    /// <summary>A source that goes on from a snapshot: the way to resume or fork a run.</summary>
    /// <param name="states">What <see cref="Snapshot"/> gave, at least one state.</param>
    /// <returns>A source of its own generators.</returns>
    public static NoiseSource FromStates(ImmutableArray<TorchGeneratorState> states) =>
        FromGenerators(states.IsDefault ? [] : [.. states.Select(TorchGenerator.FromState)]);

    /// <summary>A source over generators that the caller keeps and may draw from in between.</summary>
    /// <param name="generators">One generator for everything, or one for each sample of the batch.</param>
    /// <returns>A source that draws from exactly these generators.</returns>
    /// <exception cref="ArgumentException">There is no generator.</exception>
    public static NoiseSource FromGenerators(ImmutableArray<TorchGenerator> generators)
    {
        if (generators.IsDefaultOrEmpty)
            throw new ArgumentException(
                "NoiseSource: got no generator, expected one for the batch or one for each sample.", nameof(generators));
        return new NoiseSource(
            shape => Batch(generators, shape, static (generator, values) => generator.FillRandn(values)),
            shape => Batch(generators, shape, static (generator, values) => generator.FillRand(values)),
            (weights, categories) => Single(generators).Multinomial(weights.Span, categories),
            () => [.. generators.Select(generator => generator.State)],
            index => generators.Length == 1 ? FromGenerators(generators)
                : (uint)index < (uint)generators.Length ? FromGenerators([generators[index]])
                : throw new ArgumentOutOfRangeException(
                    nameof(index), index, $"NoiseSource: there are {generators.Length} generators, one for each sample, numbered from 0."));
    }

    /// <summary>
    /// One generator for everything, as <c>generator=torch.Generator("cuda").manual_seed(seed)</c>: the noise of pictures that were made on a GPU; see
    /// <see cref="PhiloxGenerator"/> for how far the numbers agree. It has no snapshot, so a run can't be resumed from a file with it.
    /// </summary>
    /// <param name="seed">Any 64-bit value.</param>
    /// <returns>A source at the start of its stream.</returns>
    public static NoiseSource FromPhiloxSeed(ulong seed) => FromPhilox([new PhiloxGenerator(seed)]);

    /// <summary>One generator for each sample of the batch, as a list of torch's CUDA generators.</summary>
    /// <inheritdoc cref="FromPhiloxSeed"/>
    /// <param name="seeds">A seed for each sample, at least one.</param>
    public static NoiseSource FromPhiloxSeeds(IEnumerable<ulong> seeds)
    {
        ArgumentNullException.ThrowIfNull(seeds);
        return FromPhilox([.. seeds.Select(seed => new PhiloxGenerator(seed))]);
    }

    private static NoiseSource FromPhilox(ImmutableArray<PhiloxGenerator> generators) => generators.IsEmpty
        ? throw new ArgumentException("NoiseSource: got no seed, expected one for the batch or one for each sample.", nameof(generators))
        : new NoiseSource(
            shape => Batch(generators, shape, static (generator, values) => generator.Randn(values.Length).CopyTo(values)),
            shape => Batch(generators, shape, static (generator, values) => generator.Rand(values.Length).CopyTo(values)),
            (_, _) => throw new NotSupportedException("NoiseSource: torch.multinomial of the CUDA generator isn't imitated; use FromSeed, the CPU generator, for models over tokens."),
            () => [],
            index => generators.Length == 1 ? FromPhilox(generators)
                : (uint)index < (uint)generators.Length ? FromPhilox([generators[index]])
                : throw new ArgumentOutOfRangeException(
                    nameof(index), index, $"NoiseSource: there are {generators.Length} generators, one for each sample, numbered from 0."));

    /// <summary>The source with other normals, e.g. recorded ones.</summary>
    /// <param name="randn">The shape to its values.</param>
    /// <returns>A source that differs in this function alone, also sample by sample.</returns>
    public NoiseSource WithRandn(Func<ImmutableArray<int>, float[]> randn) =>
        this with { Randn = randn, Sample = index => Sample(index).WithRandn(randn) };

    /// <summary>The source with other uniforms, e.g. recorded ones.</summary>
    /// <param name="rand">The shape to its values.</param>
    /// <returns>A source that differs in this function alone, also sample by sample.</returns>
    public NoiseSource WithRand(Func<ImmutableArray<int>, float[]> rand) =>
        this with { Rand = rand, Sample = index => Sample(index).WithRand(rand) };

    /// <summary>The source with other categories, e.g. recorded ones.</summary>
    /// <param name="multinomial">The rows of weights and the length of a row to the drawn indices.</param>
    /// <returns>A source that differs in this function alone, also sample by sample.</returns>
    public NoiseSource WithMultinomial(Func<ReadOnlyMemory<float>, int, long[]> multinomial) =>
        this with { Multinomial = multinomial, Sample = index => Sample(index).WithMultinomial(multinomial) };

    private delegate void Fill<T>(T generator, Span<float> values);

    private static float[] Batch<T>(ImmutableArray<T> generators, ImmutableArray<int> shape, Fill<T> fill)
    {
        var values = new float[Draws.Length(Count(shape))];
        if (generators.Length == 1)
        {
            fill(generators[0], values);
            return values;
        }
        var batch = shape.IsDefaultOrEmpty ? 1 : shape[0];
        if (batch != generators.Length)
            throw new ArgumentException(
                $"NoiseSource: got {generators.Length} generators for a batch of {batch} (shape [{string.Join(", ", shape)}]), "
                + "expected one for each sample. Pass as many seeds as pictures, or one seed for all.",
                nameof(shape));
        var size = values.Length / batch;
        for (var i = 0; i < batch; i++) fill(generators[i], values.AsSpan(i * size, size));
        return values;
    }

    private static TorchGenerator Single(ImmutableArray<TorchGenerator> generators) =>
        generators.Length == 1
            ? generators[0]
            : throw new NotSupportedException(
                $"NoiseSource: torch.multinomial takes one generator, got {generators.Length}. Use one seed for the whole batch.");

    private static long Count(ImmutableArray<int> shape)
    {
        if (shape.IsDefaultOrEmpty) return 1;
        var count = 1L;
        foreach (var size in shape)
        {
            if (size < 0)
                throw new ArgumentException(
                    $"NoiseSource: got shape [{string.Join(", ", shape)}], expected sizes of 0 or more.", nameof(shape));
            count = checked(count * size);
        }
        return count;
    }
}
