using System.Collections.Immutable;

namespace Diffusion.Core.Formats;

/// <summary>The index of a checkpoint that is split into several files: <c>*.safetensors.index.json</c>.</summary>
public sealed class SafetensorsIndex
{
    private SafetensorsIndex(string path, ImmutableSortedDictionary<string, string> weightMap)
    {
        Path = path;
        WeightMap = weightMap;
        Shards = [.. weightMap.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    /// <summary>The index file's path.</summary>
    public string Path { get; }

    /// <summary>Tensor names to the names of the files, in the index's folder, that hold them.</summary>
    public ImmutableSortedDictionary<string, string> WeightMap { get; }

    /// <summary>The names of the files, each once, in order.</summary>
    public ImmutableArray<string> Shards { get; }

    /// <summary>Reads an index. The files it names aren't opened.</summary>
    /// <param name="path">The index file's path.</param>
    /// <exception cref="CheckpointException">
    /// The file is absent or no index, or names a file that isn't a plain file name: an index must not lead out of its folder.
    /// </exception>
    /// <exception cref="NotSupportedException">The index lists files that aren't safetensors.</exception>
    public static SafetensorsIndex Load(string path)
    {
        var json = ModelConfig.Load(path);
        if (!json.IsObject("weight_map"))
            throw json.Invalid("weight_map", "an object of tensor names and file names");

        var map = json.GetObject("weight_map");
        foreach (var name in map.Names)
        {
            var file = map.GetText(name);
            if (PlainName.Problem(file) is { Length: > 0 } problem)
            {
                throw new CheckpointException(path, Field(name),
                    $"{CheckpointException.Quote(file)} {problem}. Expected the plain name of a file beside the index.");
            }

            if (!file.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
                throw new NotSupportedException($"{path}: {Field(name)}: {CheckpointException.Quote(file)} isn't a safetensors file. Convert the checkpoint to safetensors.");
        }

        return map.Names.IsEmpty
            ? throw new CheckpointException(path, "weight_map", "is empty, expected the names of the tensors.")
            : new SafetensorsIndex(path, map.Names.ToImmutableSortedDictionary(name => name, map.GetText, StringComparer.Ordinal));
    }

    /// <summary>Opens the files and checks that each holds the tensors that the index says, and that no tensor is in two of them.</summary>
    /// <returns>The open files in the order of <see cref="Shards"/>; dispose each.</returns>
    /// <exception cref="CheckpointException">A file is absent, damaged, a link out of the folder, or doesn't hold what it should.</exception>
    public ImmutableArray<SafetensorsFile> OpenShards()
    {
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!;
        var files = ImmutableArray.CreateBuilder<SafetensorsFile>();
        try
        {
            RefuseAbsent(folder);
            foreach (var shard in Shards)
            {
                var path = System.IO.Path.Combine(folder, shard);
                PlainName.RefuseLinkOut(folder, path, Path, $"weight_map {CheckpointException.Quote(shard)}");
                files.Add(SafetensorsFile.Open(path));
            }

            RefuseWrongPlaces(files.ToImmutable());
            return files.ToImmutable();
        }
        catch
        {
            foreach (var file in files)
                file.Dispose();

            throw;
        }
    }

    private static string Field(string name) => $"weight_map {CheckpointException.Quote(name)}";

    private void RefuseAbsent(string folder)
    {
        var absent = Shards.Where(shard => !File.Exists(System.IO.Path.Combine(folder, shard))).ToArray();
        if (absent.Length > 0)
        {
            throw new CheckpointException(Path, "weight_map",
                $"{absent.Length} of {Shards.Length} files aren't in the folder: {string.Join(", ", absent)}. Download them too.");
        }
    }

    private void RefuseWrongPlaces(ImmutableArray<SafetensorsFile> files)
    {
        var byShard = Shards.Zip(files).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);
        var lacking = WeightMap.Where(pair => !byShard[pair.Value].Contains(pair.Key))
            .Select(pair => $"{CheckpointException.Quote(pair.Key)} in {pair.Value}").ToArray();
        if (lacking.Length > 0)
            throw new CheckpointException(Path, "weight_map", $"{lacking.Length} tensors aren't in the file that the index names: {string.Join(", ", lacking)}.");

        var twice = files.SelectMany(file => file.Names).CountBy(name => name, StringComparer.Ordinal)
            .Where(pair => pair.Value > 1).Select(pair => CheckpointException.Quote(pair.Key)).ToArray();
        if (twice.Length > 0)
            throw new CheckpointException(Path, "weight_map", $"{twice.Length} tensors are in more than one file: {string.Join(", ", twice)}.");
    }
}
