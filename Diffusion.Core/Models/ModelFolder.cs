using System.Collections.Immutable;
using Diffusion.Core.Formats;
using Diffusion.Core.Weights;

namespace Diffusion.Core.Models;

/// <summary>One component of a pipeline, as <c>model_index.json</c> lists it.</summary>
/// <param name="Name">Its name, which is its sub-folder's name too, e.g. <c>unet</c>.</param>
/// <param name="Library">The library that its class is from, e.g. <c>diffusers</c> or <c>transformers</c>.</param>
/// <param name="ClassName">Its class, e.g. <c>UNet2DConditionModel</c>.</param>
/// <param name="Folder">The path of its sub-folder.</param>
public sealed record ModelComponent(string Name, string Library, string ClassName, string Folder)
{
    // A component's settings are in one of these, by its kind: model, scheduler, image processor, tokenizer.
    private static readonly string[] ConfigNames =
        ["config.json", "scheduler_config.json", "preprocessor_config.json", "tokenizer_config.json"];

    /// <summary>Reads its settings: <c>config.json</c>, or the file that its kind of component has instead.</summary>
    /// <exception cref="CheckpointException">There is none, or it is damaged.</exception>
    public ModelConfig Config()
    {
        var path = ConfigNames.Select(name => Path.Combine(Folder, name)).FirstOrDefault(File.Exists, "");
        return path.Length > 0
            ? ModelConfig.Load(path)
            : throw new CheckpointException(Folder, "", $"has none of {string.Join(", ", ConfigNames)}. Is the download complete?");
    }

    /// <summary>Opens its weights.</summary>
    /// <param name="variant">The variant that is wanted, e.g. <c>fp16</c>; empty for the plain files.</param>
    /// <exception cref="CheckpointException">There are none, or they are damaged.</exception>
    /// <exception cref="NotSupportedException">There are only weights of another kind.</exception>
    public WeightStore Weights(string variant = "") => WeightStore.OpenFolder(Folder, variant);

    /// <summary>This component, if its class is one of those that can be used in its place.</summary>
    /// <param name="classes">The classes that are supported there.</param>
    /// <exception cref="NotSupportedException">It is of another class.</exception>
    public ModelComponent Require(params string[] classes) => classes.Contains(ClassName)
        ? this
        : throw new NotSupportedException(
            $"{Folder}: the component {Name} is a {ClassName}. Supported there: {string.Join(", ", classes)}.");
}

/// <summary>A pipeline's folder in diffusers' layout: what its <c>model_index.json</c> says. Nothing else is opened.</summary>
public sealed class ModelFolder
{
    private const string IndexName = "model_index.json";

    private readonly ImmutableSortedDictionary<string, ModelComponent> _components;

    private ModelFolder(
        string path, string pipelineClass, ModelConfig options, ImmutableArray<string> absent, ImmutableArray<ModelComponent> components)
    {
        Path = path;
        PipelineClass = pipelineClass;
        Options = options;
        Absent = absent;
        Components = components;
        _components = components.ToImmutableSortedDictionary(part => part.Name, part => part, StringComparer.Ordinal);
    }

    /// <summary>The folder's path as it was given.</summary>
    public string Path { get; }

    /// <summary>The pipeline that the folder was saved from, e.g. <c>StableDiffusionPipeline</c>.</summary>
    public string PipelineClass { get; }

    /// <summary>The components that are there.</summary>
    public ImmutableArray<ModelComponent> Components { get; }

    /// <summary>The names of the optional components that this pipeline was saved without.</summary>
    public ImmutableArray<string> Absent { get; }

    /// <summary>The settings beside the components, e.g. <c>force_zeros_for_empty_prompt</c>.</summary>
    public ModelConfig Options { get; }

    /// <summary>Reads a folder's <c>model_index.json</c>.</summary>
    /// <param name="path">The folder's path.</param>
    /// <exception cref="CheckpointException">It isn't such a folder, its index is damaged, or a component's sub-folder is missing.</exception>
    /// <exception cref="NotSupportedException">A component is custom Python code.</exception>
    public static ModelFolder Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var index = System.IO.Path.Combine(path, IndexName);
        if (!File.Exists(index))
            throw new CheckpointException(path, "", NoIndex(path));

        var config = ModelConfig.Load(index);
        if (config.IsList("_class_name"))
            throw new NotSupportedException($"{index}: _class_name is a list, which names a pipeline in a Python file. Python code is never run; use a pipeline of diffusers.");

        var pipelineClass = Identifier(config, "_class_name", config.GetText("_class_name"));
        var listed = config.Names.Where(name => !name.StartsWith('_') && config.IsList(name)).ToImmutableArray();
        var parts = listed.Select(name => (Name: name, Pair: Pair(config, name))).ToImmutableArray();
        var components = parts.Where(part => !part.Pair.IsEmpty)
            .Select(part => Component(path, config, part.Name, part.Pair)).ToImmutableArray();
        RefuseMissing(index, components);
        return new ModelFolder(
            path, pipelineClass, config.Without([.. listed]), [.. parts.Where(part => part.Pair.IsEmpty).Select(part => part.Name)], components);
    }

    /// <summary>Whether the component is there.</summary>
    public bool Has(string name) => _components.ContainsKey(name);

    /// <summary>A component.</summary>
    /// <exception cref="CheckpointException">The pipeline has none of that name.</exception>
    public ModelComponent Component(string name) => _components.TryGetValue(name, out var component)
        ? component
        : throw new CheckpointException(System.IO.Path.Combine(Path, IndexName), name,
            $"the pipeline has no such component. It has {string.Join(", ", Components.Select(part => part.Name))}.");

    /// <summary>The identity of all components' weights; see <see cref="ModelHash"/>. Computed when it is asked for.</summary>
    /// <param name="variant">The variant that is used, e.g. <c>fp16</c>; empty for the plain files.</param>
    public ModelHash Hash(string variant = "")
    {
        var files = Components.Where(part => WeightFiles.Exist(part.Folder, variant))
            .SelectMany(part => FilesOf(part, variant).Select(file => KeyValuePair.Create($"{part.Name}/{System.IO.Path.GetFileName(file)}", file)));
        return ModelHash.OfFiles(files);
    }

    private static IEnumerable<string> FilesOf(ModelComponent component, string variant)
    {
        var chosen = WeightFiles.Choose(component.Folder, variant);
        return WeightFiles.KindOf(chosen) == WeightFileKind.Index
            ? SafetensorsIndex.Load(chosen).Shards.Select(shard => System.IO.Path.Combine(component.Folder, shard))
            : [chosen];
    }

    private static string NoIndex(string path) =>
        File.Exists(path) ? $"is a file. Expected a folder with {IndexName} and a sub-folder for each component."
        : !Directory.Exists(path) ? $"there is no such folder. Expected a folder with {IndexName} and a sub-folder for each component."
        : File.Exists(System.IO.Path.Combine(path, "config.json"))
            ? $"has no {IndexName} but a config.json: it is one component. Expected the folder above it, which holds the whole pipeline."
            : $"has no {IndexName}. Expected a folder as diffusers' save_pretrained writes it.";

    // [library, class]; [null, null] for a component that was left out, given back as an empty list.
    private static ImmutableArray<string> Pair(ModelConfig config, string name)
    {
        var pair = config.GetOptionalTexts(name);
        return pair.Length != 2 || pair[0].Length == 0 != (pair[1].Length == 0)
            ? throw config.Invalid(name, "[library, class] or [null, null]")
            : pair[0].Length == 0 ? [] : pair;
    }

    private static ModelComponent Component(string path, ModelConfig config, string name, ImmutableArray<string> pair)
    {
        if (PlainName.Problem(name) is { Length: > 0 } problem)
            throw new CheckpointException(config.Source, CheckpointException.Quote(name), $"{problem}. A component's name is its sub-folder's name.");

        var folder = System.IO.Path.Combine(path, name);
        if (pair[0].EndsWith(".py", StringComparison.OrdinalIgnoreCase)
            || PlainName.Problem(pair[0]).Length == 0 && File.Exists(System.IO.Path.Combine(folder, pair[0] + ".py")))
        {
            throw new NotSupportedException($"{config.Source}: {name}: '{pair[0]}' is a Python file. Python code is never run; use a component of diffusers or transformers.");
        }

        return new ModelComponent(name, Identifier(config, name, pair[0]), Identifier(config, name, pair[1]), folder);
    }

    private static string Identifier(ModelConfig config, string field, string text) =>
        text.Split('.').All(part => part.Length > 0 && !char.IsAsciiDigit(part[0]) && part.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
            ? text
            : throw config.Invalid(field, "the name of a class or a library");

    private static void RefuseMissing(string index, ImmutableArray<ModelComponent> components)
    {
        var missing = components.Where(part => !Directory.Exists(part.Folder)).Select(part => part.Name).ToArray();
        if (missing.Length > 0)
            throw new CheckpointException(index, "", $"lists components whose sub-folders are missing: {string.Join(", ", missing)}. Is the download complete?");
    }
}
