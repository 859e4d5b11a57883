using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Diffusion.Core.Formats;
using Diffusion.Core.Images;
using Diffusion.Core.Tensors;
using Diffusion.Dsl.Denoising;
using Diffusion.Dsl.Schedulers;
using Catalogue = Diffusion.Dsl.Schedulers.Schedulers;

namespace Diffusion.Conformance.Areas.Pipelines;

/// <summary>A case's JSON, by names.</summary>
public sealed class PipelineCase(string folder, string file, JsonElement root)
{
    /// <summary>Latents agree within this part of their largest value.</summary>
    public const double LatentTolerance = 1e-3;

    /// <summary>Pictures of 0 … 1 agree within this.</summary>
    public const double ImageTolerance = 2e-3;

    /// <summary>Pictures of 0 … 255 agree within this.</summary>
    public const double LevelTolerance = 2;

    /// <summary>Embeddings agree within this, relative to max(1, largest value).</summary>
    public const double ModelTolerance = 1e-4;

    private readonly JsonElement call = root.TryGetProperty("call", out var given) ? given : default;

    /// <summary>The whole JSON.</summary>
    public JsonElement Root => root;

    /// <summary>The pipeline's class; empty where the case is of the prompt encoder alone.</summary>
    public string Pipeline => Text(root, "pipeline", "");

    /// <summary>The model's folder: the case's, or <c>model</c> beside the cases.</summary>
    public string Model => Path.Combine(folder, Text(root, "model", Path.Combine(Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(file)!)!), "model")));

    /// <summary>What the case says beside its settings.</summary>
    public string Note => Text(root, "note", "");

    /// <summary>One seed for everything, or one for each picture.</summary>
    public ulong[] Seeds => root.TryGetProperty("generator_seeds", out var list) && list.ValueKind == JsonValueKind.Array
        ? [.. list.EnumerateArray().Select(seed => seed.GetUInt64())]
        : [root.GetProperty("generator_seed").GetUInt64()];

    /// <summary>How often the denoiser is called.</summary>
    public int DenoiserCalls => root.GetProperty("denoiser_calls").GetInt32();

    /// <summary>What <c>images</c> holds: np, pil or latent.</summary>
    public string OutputType => Text(root, "output_type", "np");

    /// <summary>The names of tensors that the call was given.</summary>
    public ImmutableArray<string> TensorInputs => root.TryGetProperty("tensor_inputs", out var list) && list.ValueKind == JsonValueKind.Array
        ? [.. list.EnumerateArray().Select(name => name.GetString()!)]
        : [];

    /// <summary>The scheduler's class where the library doesn't have it; else empty.</summary>
    public string UnknownScheduler => root.TryGetProperty("scheduler", out var scheduler)
        && scheduler.ValueKind == JsonValueKind.Object
        && Text(scheduler, "class_name", "") is var name && Catalogue.All.All(known => known.ClassName != name) ? name : "";

    /// <summary>The scheduler of the case.</summary>
    /// <param name="model">The model's own.</param>
    public Scheduler Scheduler(Scheduler model)
    {
        if (!root.TryGetProperty("scheduler", out var scheduler) || scheduler.ValueKind != JsonValueKind.Object)
            return model;
        var config = scheduler.GetProperty("config").EnumerateObject().Where(option => !option.Name.StartsWith('_'))
            .Aggregate(SchedulerConfig.Default(Text(scheduler, "class_name", "")), (all, option) => all.With(option.Name, option.Value.GetRawText()));
        return Catalogue.Create(config);
    }

    /// <summary>Arguments of the call that aren't among these.</summary>
    public string[] ArgumentsExcept(params string[] known) =>
        [.. call.EnumerateObject().Select(argument => argument.Name).Concat(TensorInputs).Except(known)];

    /// <summary>Whether the call has an argument that isn't null.</summary>
    public bool Has(string argument) => call.TryGetProperty(argument, out var value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>An argument that is a number.</summary>
    public double Number(string argument, double otherwise) => Has(argument) ? call.GetProperty(argument).GetDouble() : otherwise;

    /// <summary>An argument that is a whole number.</summary>
    public int Integer(string argument, int otherwise) => (int)Number(argument, otherwise);

    /// <summary>An argument that is a list of numbers; empty where it is absent.</summary>
    public double[] Numbers(string argument) => Has(argument) ? [.. call.GetProperty(argument).EnumerateArray().Select(value => value.GetDouble())] : [];

    /// <summary>An argument that is true or false.</summary>
    public bool Flag(string argument) => Has(argument) && call.GetProperty(argument).GetBoolean();

    /// <summary>An argument that is a text or a list of texts; empty where it is absent.</summary>
    public string[] Texts(string argument) => !Has(argument) ? [] : Strings(call.GetProperty(argument));

    /// <summary>Opens the case's tensors.</summary>
    public SafetensorsFile OpenTensors() => SafetensorsFile.Open(Path.ChangeExtension(file, ".safetensors"));

    /// <summary>A text, or a list of texts.</summary>
    public static string[] Strings(JsonElement value) => value.ValueKind == JsonValueKind.Array
        ? [.. value.EnumerateArray().Select(text => text.GetString()!)]
        : [value.GetString()!];

    /// <summary>A tensor of the file.</summary>
    public static Tensor Read(SafetensorsFile tensors, string name) =>
        Tensor.From(tensors.ToFloats(name), new Shape([.. tensors.Entry(name).Shape.Select(length => checked((int)length))]));

    /// <summary>Pictures of the file, 0 … 255: one, or several along a first axis.</summary>
    /// <param name="tensors">The file.</param>
    /// <param name="name">The tensor: [height, width] or [height, width, channels].</param>
    /// <param name="rank">How many axes one picture has.</param>
    public static IEnumerable<Image> Pictures(SafetensorsFile tensors, string name, int rank)
    {
        int[] shape = [.. tensors.Entry(name).Shape.Select(length => checked((int)length))];
        var one = shape.Length > rank ? shape[^rank..] : shape;
        return tensors.ToFloats(name).Chunk(one.Aggregate(1, (product, length) => product * length))
            .Select(levels => Image.Create(one[1], one[0], one.Length == 2 ? 1 : one[2], [.. levels.Select(level => (byte)level)]));
    }

    /// <summary>Compares the sample after every step.</summary>
    public static IEnumerable<Verdict> CheckLatents(SafetensorsFile tensors, IReadOnlyList<Step> steps)
    {
        if (!tensors.Contains("latents"))
            yield break;
        var all = tensors.ToDoubles("latents");
        var count = checked((int)tensors.Entry("latents").Shape[0]);
        if (count != steps.Count)
        {
            yield return Verdict.Fail($"{steps.Count} steps, expected {count}.");
            yield break;
        }

        var size = all.Length / count;
        for (var i = 0; i < count; i++)
            yield return Compare.RelativeToLargest($"latents[{i}]", all.AsSpan(i * size, size), steps[i].Sample.ToDoubles(), LatentTolerance);
    }

    /// <summary>Compares the arguments and the result of the first call of the denoiser.</summary>
    public static IEnumerable<Verdict> CheckFirstCall(SafetensorsFile tensors, DenoiserInput input, DenoiserOutput output)
    {
        const string prefix = "first_denoiser_call/";
        Verdict Of(string name, Tensor actual, double tolerance) =>
            Compare.RelativeToLargest(name, tensors.ToDoubles(prefix + name), actual.ToDoubles(), tolerance);
        if (tensors.Contains(prefix + "sample"))
            yield return Of("sample", input.Latents, LatentTolerance);
        if (tensors.Contains(prefix + "timestep"))
            yield return Compare.Relative("timestep", tensors.ToDoubles(prefix + "timestep"), [input.Timestep], 1e-6);
        if (tensors.Contains(prefix + "encoder_hidden_states"))
            yield return Of("encoder_hidden_states", input.Conditioning[Conditioning.EncoderHiddenStates], LatentTolerance);
        if (tensors.Contains(prefix + "output"))
            yield return Of("output", output.Value, LatentTolerance);
    }

    /// <summary>The same seeds as text, for messages.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Pipeline} {Path.GetFileNameWithoutExtension(file)}");

    private static string Text(JsonElement element, string name, string otherwise) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : otherwise;
}
