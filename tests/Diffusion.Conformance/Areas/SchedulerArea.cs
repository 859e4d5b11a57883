using System.Text.Json;
using Diffusion.Conformance.Areas.Schedulers;
using Diffusion.Core.Formats;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Conformance.Areas;

/// <summary>
/// <c>schedulers/&lt;Class&gt;.json</c> with <c>&lt;Class&gt;.safetensors</c>: runs with given model outputs and noise, compared step by
/// step, and <c>refused.json</c>: configurations that must be refused. One case for each entry, <c>schedulers/Class/case</c>.
/// </summary>
public static class SchedulerArea
{
    private static readonly Dictionary<string, Func<SchedulerCase, Verdict>> Loops = new(StringComparer.Ordinal)
    {
        ["AmusedScheduler"] = OwnLoops.Amused,
        ["KarrasVeScheduler"] = OwnLoops.KarrasVe,
        ["RePaintScheduler"] = OwnLoops.RePaint,
        ["ScoreSdeVeScheduler"] = OwnLoops.ScoreSdeVe,
        ["ScoreSdeVpScheduler"] = OwnLoops.ScoreSdeVp,
        ["VQDiffusionScheduler"] = OwnLoops.VqDiffusion,
    };

    /// <summary>Runs the cases.</summary>
    public static IEnumerable<CaseResult> Run(string folder, ConformanceOptions options) =>
        from file in Directory.GetFiles(folder, "*.json").Order(StringComparer.Ordinal)
        from result in Path.GetFileName(file) == "refused.json" ? Refused(file, options) : RunFile(file, options)
        select result;

    private static IEnumerable<CaseResult> RunFile(string path, ConformanceOptions options)
    {
        string className = Path.GetFileNameWithoutExtension(path);
        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        using var tensors = SafetensorsFile.Open(Path.ChangeExtension(path, ".safetensors"));
        foreach (var entry in json.RootElement.EnumerateObject())
        {
            var item = new SchedulerCase(className, entry.Name, entry.Value, tensors);
            foreach (var result in options.Case($"schedulers/{className}/{entry.Name}", () => Check(item))) yield return result;
        }
    }

    private static Verdict Check(SchedulerCase item)
    {
        if (item.Json.TryGetProperty("non_finite", out var flag) && flag.ValueKind == JsonValueKind.True)
            return Verdict.Skip("the fixture is flagged non_finite: the reference itself gives NaN or infinities.");
        return Loops.TryGetValue(item.ClassName, out var loop) ? loop(item) : StandardLoop.Check(item);
    }

    private static IEnumerable<CaseResult> Refused(string path, ConformanceOptions options)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        foreach (var entry in json.RootElement.EnumerateObject())
        {
            foreach (var result in options.Case($"schedulers/refused/{entry.Name}", () => Refuses(entry))) yield return result;
        }
    }

    // Refusing means an exception that says why, before any step is taken.
    private static Verdict Refuses(JsonProperty entry)
    {
        string className = entry.Name.Split('/')[0];
        var config = entry.Value.GetProperty("config").EnumerateObject()
            .Aggregate(SchedulerConfig.Default(className), (sum, option) => sum.With(option.Name, option.Value.GetRawText()));
        try
        {
            Dsl.Schedulers.Schedulers.Create(config).Timetable(entry.Value.GetProperty("num_inference_steps").GetInt32());
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            return error.Message.Contains(className, StringComparison.Ordinal)
                ? Verdict.Pass(0)
                : Verdict.Fail($"the message doesn't name the scheduler: {error.Message}");
        }

        return Verdict.Fail("the configuration was accepted.");
    }
}
