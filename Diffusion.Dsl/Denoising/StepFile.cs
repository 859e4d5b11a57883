using System.Collections.Immutable;
using System.Globalization;
using Diffusion.Core.Devices;
using Diffusion.Core.Formats;
using Diffusion.Core.Randomness;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Dsl.Denoising;

/// <summary>
/// Steps as safetensors files: a run that was saved at a step goes on from the file with the same numbers, on another day or another
/// machine. What the scheduler remembers is kept as the sums it is made of, so that nothing is rounded on the way.
/// </summary>
public static class StepFile
{
    private const string Format = "diffusion step 1", Sample = "sample", Original = "predicted_original";

    /// <summary>Writes a step.</summary>
    /// <param name="step">The step; its sample and the scheduler's memory are computed if need be.</param>
    /// <param name="path">The file to write; it appears whole or not at all.</param>
    /// <exception cref="NotSupportedException">The scheduler is one's own and remembers something that isn't known here.</exception>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static void Save(Step step, string path)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(path);
        if (step.State.Memory is not null)
            throw new NotSupportedException("StepFile.Save: what a scheduler of one's own remembers can't be saved; keep the step itself, or use a scheduler of the library.");
        var leaves = new List<Tensor> { step.Sample };
        var metadata = ImmutableDictionary<string, string>.Empty
            .Add("format", Format)
            .Add("index", Text(step.Index)).Add("count", Text(step.Count)).Add("timestep", Text(step.Timestep))
            .Add("state", Text(step.State.Count))
            .Add("outputs", Sums(step.State.Outputs, leaves)).Add("held", Sums(step.State.Held, leaves))
            .Add("generators", string.Join(';', step.Generators.Select(Text)));
        SafetensorsWriter.Save(
            path,
            [
                .. leaves.Select((tensor, i) => Bytes(i == 0 ? Sample : Leaf(i), tensor)),
                Bytes(Original, step.PredictedOriginal),
                .. step.Generators.Select((state, i) => TensorBytes.OfInt64s(Words(i), [state.Words.Length], [.. state.Words.Select(word => (long)word)])),
            ],
            metadata);
    }

    /// <summary>Reads a step that <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where to put the tensors.</param>
    /// <exception cref="CheckpointException">The file is absent or damaged, or isn't a step.</exception>
    public static Step Load(string path, Device device)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(device);
        using var file = SafetensorsFile.Open(path);
        try
        {
            return Read(file, device);
        }
        catch (Exception error) when (error is FormatException or OverflowException or KeyNotFoundException or ArgumentException or IndexOutOfRangeException)
        {
            throw new CheckpointException(path, "", $"isn't a saved step: {error.Message}", error);
        }
    }

    private static Step Read(SafetensorsFile file, Device device)
    {
        var metadata = file.Header.Metadata;
        if (metadata.GetValueOrDefault("format") != Format)
            throw new FormatException($"its format is '{metadata.GetValueOrDefault("format", "")}', expected '{Format}'.");
        var leaves = new Dictionary<int, Tensor>();
        Tensor LeafAt(int i) => leaves.TryGetValue(i, out var tensor) ? tensor : leaves[i] = Read(file, i == 0 ? Sample : Leaf(i), device);
        var operations = new SampleOperations<Tensor>(TensorAlgebra.Instance);
        ImmutableArray<Schedulers.Sample> SumsOf(string name) =>
        [
            .. Parts(metadata[name], ';').Select(sum => Schedulers.Sample.Of(operations,
                [.. Parts(sum, ' ').Select(term => term.Split('*')).Select(term => new Term<object>(Number(term[0]), LeafAt(Integer(term[1]))))])),
        ];
        var original = Read(file, Original, device);
        return new Step
        {
            Index = Integer(metadata["index"]),
            Count = Integer(metadata["count"]),
            Timestep = Number(metadata["timestep"]),
            Sample = LeafAt(0),
            State = new SchedulerState { Count = Integer(metadata["state"]), Outputs = SumsOf("outputs"), Held = SumsOf("held") },
            Generators = [.. Parts(metadata["generators"], ';').Select((state, i) => Generator(state, file.ToInt64s(Words(i))))],
            Original = _ => original,
        };
    }

    private static TensorBytes Bytes(string name, Tensor tensor) =>
        TensorBytes.OfFloats(name, [.. tensor.Shape.Lengths.Select(length => (long)length)], tensor.ToArray());

    private static Tensor Read(SafetensorsFile file, string name, Device device) =>
        Tensor.From(file.ToFloats(name), new Shape([.. file.Entry(name).Shape.Select(length => checked((int)length))]), device);

    // A sum is "coefficient*leaf coefficient*leaf"; a tensor that takes part in several is written once.
    private static string Sums(ImmutableArray<Schedulers.Sample> samples, List<Tensor> leaves) => string.Join(';', samples.Select(sample =>
        string.Join(' ', sample.Terms.Select(term => $"{Text(term.Coefficient)}*{Text(IndexOf((Tensor)term.Value, leaves))}"))));

    private static int IndexOf(Tensor tensor, List<Tensor> leaves)
    {
        int index = leaves.FindIndex(leaf => ReferenceEquals(leaf, tensor));
        if (index >= 0)
            return index;
        leaves.Add(tensor);
        return leaves.Count - 1;
    }

    private static string Text(TorchGeneratorState state) =>
        $"{state.Seed.ToString(CultureInfo.InvariantCulture)} {Text(state.Position)} {(state.CachedNormal is { } normal ? Text(normal) : "-")}";

    private static TorchGeneratorState Generator(string text, long[] words) => text.Split(' ') is [var seed, var position, var normal]
        ? new(ulong.Parse(seed, CultureInfo.InvariantCulture), [.. words.Select(word => checked((uint)word))], Integer(position), normal == "-" ? null : Number(normal))
        : throw new FormatException($"the generator '{text}' isn't one.");

    private static string[] Parts(string text, char separator) => text.Split(separator, StringSplitOptions.RemoveEmptyEntries);

    private static string Leaf(int index) => $"leaf.{Text(index)}";

    private static string Words(int index) => $"generator.{Text(index)}";

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static int Integer(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
