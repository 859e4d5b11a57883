using Diffusion.Conformance.Areas;

namespace Diffusion.Conformance;

/// <summary>Finds the cases of a folder and runs them one by one, as the caller asks for results.</summary>
public static class Runner
{
    private delegate IEnumerable<CaseResult> Area(string folder, ConformanceOptions options);

    // An area that others write is plugged in here. The key is the folder's name.
    private static readonly SortedDictionary<string, Area> Known = new(StringComparer.Ordinal)
    {
        ["formats"] = FormatsArea.Run,
        ["image"] = ImageArea.Run,
        ["misc"] = MiscArea.Run,
        ["models"] = ModelsArea.Run,
        ["pipelines"] = PipelinesArea.Run,
        ["rng"] = RngArea.Run,
        ["schedulers"] = SchedulerArea.Run,
        ["tokenizer"] = TokenizerArea.Run,
    };

    /// <summary>
    /// All selected cases of a folder: of a whole fixture folder, of one area or a folder inside an area, or of a reference folder
    /// (one with <c>cases.json</c>, or a model folder with <c>reference/cases.json</c>). Nothing runs until the results are pulled.
    /// </summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">The folder has none of the known layouts.</exception>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options)
    {
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (!Directory.Exists(root))
            throw new DirectoryNotFoundException($"{folder}: there is no such folder.");

        return ReferenceFolder(root) is { } reference ? Guarded("reference", reference, ReferenceArea.Run, options)
            : AreasOf(root) is { Length: > 0 } areas ? areas.SelectMany(area => Guarded(area, Path.Combine(root, area), Find(area), options))
            : InsideArea(root, options)
                ?? throw new InvalidDataException($"{folder}: holds no case. Expected a folder with one or more of the sub-folders "
                    + $"{string.Join(", ", Known.Keys)}, one of these itself, or one with cases.json.");
    }

    /// <summary>An area whose cases can't be run yet: each set of files in it is skipped by name.</summary>
    private static Area Unsupported(string area) => (folder, options) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(file => Path.ChangeExtension(Path.GetRelativePath(folder, file), null).Replace('\\', '/'))
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)
            .SelectMany(name => options.Case($"{area}/{name}", () => Verdict.Skip($"the area {area} isn't supported yet.")));

    private static Area Find(string area) => Known.TryGetValue(area, out var run) ? run : Unsupported(area);

    private static string? ReferenceFolder(string root) =>
        File.Exists(Path.Combine(root, "cases.json")) ? root
        : File.Exists(Path.Combine(root, "reference", "cases.json")) ? Path.Combine(root, "reference")
        : null;

    private static string[] AreasOf(string root)
    {
        var folders = Directory.GetDirectories(root).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal).ToArray();
        return folders.Any(Known.ContainsKey) ? folders : [];
    }

    // FOLDER may be an area or lie inside one: then the area is run and everything outside of FOLDER left out.
    private static IEnumerable<CaseResult>? InsideArea(string root, ConformanceOptions options)
    {
        var path = root;
        for (var depth = 0; depth < 4 && path is not null; depth++, path = Path.GetDirectoryName(path))
        {
            if (Known.TryGetValue(Path.GetFileName(path), out var run))
            {
                var area = Path.GetFileName(path);
                var inside = path == root ? "" : Path.GetRelativePath(path, root).Replace('\\', '/') + "/";
                return Guarded(area, path, run, options with { Prefix = $"{area}/{inside}" });
            }
        }

        return null;
    }

    // An area that breaks while it lists its cases (a damaged file, say) is a failed case, not the end of the run.
    private static IEnumerable<CaseResult> Guarded(string name, string folder, Area area, ConformanceOptions options)
    {
        using var results = area(folder, options).GetEnumerator();
        while (true)
        {
            CaseResult? failure = null;
            try
            {
                if (!results.MoveNext())
                    yield break;
            }
            catch (Exception error)
            {
                failure = new CaseResult($"{name}/*", Outcome.Fail, double.NaN, $"the cases can't be listed: {error.GetType().Name}: {error.Message}");
            }

            yield return failure ?? results.Current;
            if (failure is not null)
                yield break;
        }
    }
}
