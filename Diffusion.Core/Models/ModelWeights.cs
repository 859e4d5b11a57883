using System.Collections.Immutable;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;
using Diffusion.Kernels;

namespace Diffusion.Core.Models;

/// <summary>
/// A model's weights: an immutable map from checkpoint names to tensors. Everything that is done to weights (fusing a LoRA,
/// replacing an embedding, renaming) gives another map; the old one stays as it was, and tensors that both have are shared.
/// </summary>
public sealed class ModelWeights
{
    private readonly ImmutableSortedDictionary<string, Tensor> tensors;

    private ModelWeights(string source, ImmutableSortedDictionary<string, Tensor> tensors)
    {
        Source = source;
        this.tensors = tensors;
    }

    /// <summary>No weights.</summary>
    public static ModelWeights Empty { get; } = new("memory", ImmutableSortedDictionary.Create<string, Tensor>(StringComparer.Ordinal));

    /// <summary>Where the weights came from, for messages.</summary>
    public string Source { get; }

    /// <summary>The number of tensors.</summary>
    public int Count => tensors.Count;

    /// <summary>The names in ordinal order.</summary>
    public IEnumerable<string> Names => tensors.Keys;

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="CheckpointException">There is none.</exception>
    public Tensor this[string name] => tensors.TryGetValue(name, out var tensor) ? tensor
        : throw new CheckpointException(Source, $"tensor {CheckpointException.Quote(name)}", $"isn't among the {Count} tensors.");

    /// <summary>Weights from tensors, for instance computed ones.</summary>
    /// <param name="tensors">Names and tensors; a later one replaces an earlier one of that name.</param>
    /// <param name="source">What to call them in messages.</param>
    public static ModelWeights Of(IEnumerable<KeyValuePair<string, Tensor>> tensors, string source = "memory") =>
        new(source, Empty.tensors.SetItems(tensors));

    /// <summary>
    /// All tensors of a store, stored as they are in the file (float32, float16, bfloat16): on the CPU the mapped file itself, without
    /// a copy.
    /// </summary>
    /// <param name="store">The store. It may be disposed afterwards.</param>
    /// <param name="device">Where to put the tensors; the CPU when none is given.</param>
    /// <exception cref="NotSupportedException">A tensor's element kind can't be computed with.</exception>
    public static ModelWeights Load(WeightStore store, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        return Of(store.Tensors.Select(pair => KeyValuePair.Create(pair.Key, Map(store.Source, pair.Key, pair.Value, device))), store.Source);
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => tensors.ContainsKey(name);

    /// <summary>These weights with one tensor replaced or added.</summary>
    public ModelWeights With(string name, Tensor tensor) => new(Source, tensors.SetItem(name, tensor));

    /// <summary>These weights with tensors replaced or added.</summary>
    public ModelWeights With(IEnumerable<KeyValuePair<string, Tensor>> replacements) => new(Source, tensors.SetItems(replacements));

    /// <summary>Every tensor replaced by what a function gives for its name and value.</summary>
    public ModelWeights Select(Func<string, Tensor, Tensor> edit)
    {
        ArgumentNullException.ThrowIfNull(edit);
        return new ModelWeights(Source, tensors.ToImmutableSortedDictionary(pair => pair.Key, pair => edit(pair.Key, pair.Value), StringComparer.Ordinal));
    }

    /// <summary>
    /// These weights with the matrices of linear layers rounded to small integers. Models take them as they are; layers of convolutions,
    /// normalisations and embeddings keep their tensors.
    /// </summary>
    /// <param name="quantization">Bits, groups, and which layers.</param>
    /// <exception cref="ArgumentException">A weight isn't finite; the message names the tensor.</exception>
    public ModelWeights Quantized(Quantization quantization)
    {
        ArgumentNullException.ThrowIfNull(quantization);
        return quantization.IsNone ? this : Select((name, tensor) => tensor.Rank == 2 && quantization.Layers(name) ? Quantized(name, tensor, quantization) : tensor);
    }

    /// <summary>The tensors whose name satisfies a condition.</summary>
    public ModelWeights Where(Func<string, bool> condition) =>
        new(Source, tensors.RemoveRange(tensors.Keys.Where(name => !condition(name))));

    /// <summary>All tensors under new names.</summary>
    public ModelWeights Rename(Func<string, string> rename)
    {
        ArgumentNullException.ThrowIfNull(rename);
        return Of(tensors.Select(pair => KeyValuePair.Create(rename(pair.Key), pair.Value)), Source);
    }

    /// <summary>How these weights differ from what a model needs: all differences, not the first.</summary>
    public WeightReport Compare(IEnumerable<ExpectedTensor> expected)
    {
        var needed = expected.ToImmutableSortedDictionary(tensor => tensor.Name, tensor => tensor.Shape, StringComparer.Ordinal);
        ImmutableArray<long> ShapeOf(string name) => [.. tensors[name].Shape.Lengths.Select(n => (long)n)];
        return new WeightReport(
            Source,
            [.. needed.Keys.Where(name => !Contains(name))],
            [.. Names.Where(name => !needed.ContainsKey(name))],
            [.. needed.Where(pair => Contains(pair.Key) && !ShapeOf(pair.Key).SequenceEqual(pair.Value))
                .Select(pair => new MisShapedTensor(pair.Key, pair.Value, ShapeOf(pair.Key)))]);
    }

    /// <summary>The size in memory of all tensors as they are stored, in bytes.</summary>
    public long ByteLength => tensors.Values.Sum(tensor => tensor.Quantized is { } matrix ? matrix.ByteLength : tensor.Shape.Count * tensor.ElementType.Size());

    private Tensor Quantized(string name, Tensor tensor, Quantization quantization)
    {
        try
        {
            return QuantizedMatrix.Quantize(tensor, quantization).ToTensor();
        }
        catch (ArgumentException error)
        {
            throw new ArgumentException($"{Source}: tensor {CheckpointException.Quote(name)}: {error.Message}", nameof(quantization), error);
        }
    }

    private static unsafe Tensor Map(string source, string name, RawTensor raw, Device? device)
    {
        var type = raw.Dtype switch
        {
            SafetensorsDtype.F32 => ElementType.Float32,
            SafetensorsDtype.F16 => ElementType.Float16,
            SafetensorsDtype.BF16 => ElementType.BFloat16,
            SafetensorsDtype.F64 => ElementType.Float64,
            SafetensorsDtype.I64 => ElementType.Int64,
            SafetensorsDtype.I32 => ElementType.Int32,
            SafetensorsDtype.I8 => ElementType.Int8,
            SafetensorsDtype.U8 or SafetensorsDtype.Bool => ElementType.UInt8,
            _ => throw new NotSupportedException($"{source}: tensor {CheckpointException.Quote(name)} is {raw.Dtype.HeaderName()}; convert it to F32, F16 or BF16."),
        };
        var shape = new Shape([.. raw.Shape.Select(n => checked((int)n))]);
        var lease = raw.Lease();
        return Tensor.Map((nint)lease.Pointer, raw.ByteLength, type, shape, lease, device, constant: true);
    }
}
