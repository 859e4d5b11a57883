using System.Collections.Immutable;
using Diffusion.Core.Formats;

namespace Diffusion.Core.Weights;

/// <summary>
/// An immutable map from checkpoint names to tensors that are read on demand, over one file, the shards of one checkpoint, or
/// memory. Changing names gives another store over the same bytes; nothing is copied.
/// </summary>
/// <remarks>
/// Stores made from one another share their files. Dispose closes them for all of these stores; leases that were taken before stay
/// valid. A store that nobody disposes is closed when it is collected.
/// </remarks>
public sealed class WeightStore : IDisposable
{
    private readonly ImmutableSortedDictionary<string, RawTensor> _tensors;
    private readonly ImmutableArray<SafetensorsFile> _files;

    private WeightStore(string source, ImmutableSortedDictionary<string, RawTensor> tensors, ImmutableArray<SafetensorsFile> files)
    {
        Source = source;
        _tensors = tensors;
        _files = files;
    }

    /// <summary>A store without tensors.</summary>
    public static WeightStore Empty { get; } =
        new("memory", ImmutableSortedDictionary.Create<string, RawTensor>(StringComparer.Ordinal), []);

    /// <summary>What the store was made from, for error messages: a file, an index, or <c>memory</c>.</summary>
    public string Source { get; }

    /// <summary>The files behind the store, each once.</summary>
    public ImmutableArray<string> Files => [.. _files.Select(file => file.Path)];

    /// <summary>The number of tensors.</summary>
    public int Count => _tensors.Count;

    /// <summary>The names in ordinal order.</summary>
    public IEnumerable<string> Names => _tensors.Keys;

    /// <summary>The names and tensors in ordinal order of the names.</summary>
    public IEnumerable<KeyValuePair<string, RawTensor>> Tensors => _tensors;

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="CheckpointException">There is none.</exception>
    public RawTensor this[string name] => _tensors.TryGetValue(name, out var tensor)
        ? tensor
        : throw new CheckpointException(Source, $"tensor {CheckpointException.Quote(name)}", $"isn't among the {Count} tensors.");

    /// <summary>Opens a <c>.safetensors</c> file, or the shards of a <c>.safetensors.index.json</c>.</summary>
    /// <param name="path">The file's path.</param>
    /// <exception cref="CheckpointException">A file is absent or damaged.</exception>
    /// <exception cref="NotSupportedException">The file is of another kind.</exception>
    public static WeightStore Open(string path) => WeightFiles.KindOf(path) switch
    {
        WeightFileKind.Safetensors => OfFiles(path, [SafetensorsFile.Open(path)]),
        WeightFileKind.Index => OfFiles(path, SafetensorsIndex.Load(path).OpenShards()),
        _ => throw new NotSupportedException($"{path}: weights are read from .safetensors files and .safetensors.index.json. Convert the checkpoint to safetensors."),
    };

    /// <summary>Opens the weights of a component's folder, chosen as <see cref="WeightFiles.Choose"/> says.</summary>
    /// <param name="folder">The component's folder, e.g. <c>unet</c>.</param>
    /// <param name="variant">The variant that is wanted, e.g. <c>fp16</c>; empty for the plain files.</param>
    /// <exception cref="CheckpointException">There are no weights, or they are damaged.</exception>
    /// <exception cref="NotSupportedException">There are only weights of another kind.</exception>
    public static WeightStore OpenFolder(string folder, string variant = "") => Open(WeightFiles.Choose(folder, variant));

    /// <summary>A store over tensors in memory.</summary>
    /// <exception cref="ArgumentException">Two tensors have one name.</exception>
    public static WeightStore Of(params IEnumerable<TensorBytes> tensors) => new(
        "memory",
        Unique(tensors.Select(tensor => KeyValuePair.Create(tensor.Name, RawTensor.Of(tensor))), "memory"),
        []);

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => _tensors.ContainsKey(name);

    /// <summary>The tensors whose name satisfies a condition.</summary>
    public WeightStore Where(Func<string, bool> condition) =>
        With(_tensors.Where(pair => condition(pair.Key)).ToImmutableSortedDictionary(StringComparer.Ordinal));

    /// <summary>The tensors whose name begins with a prefix, e.g. <c>first_stage_model.</c>; the names stay as they are.</summary>
    public WeightStore WithPrefix(string prefix) => Where(name => name.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>The tensors whose name begins with a prefix, with the prefix taken away.</summary>
    public WeightStore StripPrefix(string prefix) => WithPrefix(prefix).Rename(name => name[prefix.Length..]);

    /// <summary>All tensors with a prefix before their names.</summary>
    public WeightStore AddPrefix(string prefix) => Rename(name => prefix + name);

    /// <summary>All tensors under new names.</summary>
    /// <param name="rename">The new name of each old one.</param>
    /// <exception cref="ArgumentException">Two tensors would have one name.</exception>
    public WeightStore Rename(Func<string, string> rename) =>
        With(Unique(_tensors.Select(pair => KeyValuePair.Create(rename(pair.Key), pair.Value)), Source));

    /// <summary>Every tensor replaced by what a function gives for it: none, one, or several, under any names.</summary>
    /// <param name="edit">Name and tensor to the names and tensors that take its place.</param>
    /// <exception cref="ArgumentException">Two tensors would have one name.</exception>
    public WeightStore SelectMany(Func<string, RawTensor, IEnumerable<KeyValuePair<string, RawTensor>>> edit) =>
        With(Unique(_tensors.SelectMany(pair => edit(pair.Key, pair.Value)), Source));

    /// <summary>The tensors of both stores; where both have a name, the other store's.</summary>
    public WeightStore Merge(WeightStore other) => new(
        Source, _tensors.SetItems(other._tensors), [.. _files.Union(other._files)]);

    /// <summary>Closes the files of this store and of all stores made from it.</summary>
    public void Dispose()
    {
        foreach (var file in _files)
            file.Dispose();
    }

    private static WeightStore OfFiles(string source, ImmutableArray<SafetensorsFile> files) => new(
        source,
        Unique(files.SelectMany(file => file.Names.Select(name => KeyValuePair.Create(name, RawTensor.Of(file, name)))), source),
        files);

    private WeightStore With(ImmutableSortedDictionary<string, RawTensor> tensors) => new(Source, tensors, _files);

    private static ImmutableSortedDictionary<string, RawTensor> Unique(IEnumerable<KeyValuePair<string, RawTensor>> tensors, string source)
    {
        var builder = ImmutableSortedDictionary.CreateBuilder<string, RawTensor>(StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors)
        {
            if (!builder.TryAdd(name, tensor))
            {
                throw new ArgumentException($"{source}: {CheckpointException.Quote(builder[name].Name)} and "
                    + $"{CheckpointException.Quote(tensor.Name)} would both be named {CheckpointException.Quote(name)}.", nameof(tensors));
            }
        }

        return builder.ToImmutable();
    }
}
