using System.Collections.Immutable;
using System.Text.Json;
using Diffusion.Core.Formats;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Conformance.Areas;

/// <summary>
/// The files of <c>misc</c> that are about schedules: <c>schedules.safetensors</c> (betas, spacings of sigmas) and
/// <c>img2img_timesteps.json</c> (where image-to-image begins).
/// </summary>
public static class MiscSchedules
{
    private const double Tolerance = 1e-5;

    /// <summary>Whether a file of the area is handled here.</summary>
    public static bool Handles(string path) => Path.GetFileName(path) is "schedules.safetensors" or "img2img_timesteps.json";

    /// <summary>Runs the cases of one file.</summary>
    public static IEnumerable<CaseResult> Run(string path, ConformanceOptions options) =>
        Path.GetFileName(path) == "schedules.safetensors" ? Schedules(path, options) : ImageToImage(path, options);

    private static IEnumerable<CaseResult> Schedules(string path, ConformanceOptions options)
    {
        using var file = SafetensorsFile.Open(path);
        foreach (string name in file.Names.Order(StringComparer.Ordinal))
        {
            foreach (var result in options.Case($"misc/schedules/{name}", () => Compare.Relative(name, file.ToDoubles(name), Value(file, name), Tolerance)))
                yield return result;
        }
    }

    // karras_sigmas/dpm_10: ten sigmas between the ends of Stable Diffusion's; for Euler counted from the other end.
    private static double[] Value(SafetensorsFile file, string name)
    {
        var (kind, detail) = name.Split('/') is [var first, var second] ? (first, second) : (name, "");
        int count = int.TryParse(detail[(detail.LastIndexOf('_') + 1)..], out int parsed) ? parsed : 0;
        var config = SchedulerConfig.Default("DDIMScheduler").WithBetaStart(0.00085).WithBetaEnd(0.012).WithBetaSchedule("scaled_linear");
        var sigmas = NoiseSchedule.From(config).Sigmas;
        var (least, greatest) = (sigmas[0], sigmas[^1]);
        return kind switch
        {
            "betas" => [.. Betas(file, name, detail)],
            "rescale_zero_terminal_snr" => [.. NoiseSchedule.RescaleZeroTerminalSnr([.. file.ToDoubles($"betas/{detail}")])],
            "karras_sigmas" when detail.StartsWith("euler", StringComparison.Ordinal) => [.. SigmaSpacing.Karras(greatest, least, count)],
            "karras_sigmas" => [.. SigmaSpacing.Karras(least, greatest, count)],
            "lu_lambdas" => [.. SigmaSpacing.Exponential(least, greatest, count).Select(sigma => -Math.Log(sigma))],
            "sigma_to_t" => [.. SigmaSpacing.Karras(least, greatest, count).Select(sigma => SigmaSpacing.ToTimestep(sigma, sigmas))],
            _ => throw new NotSupportedException($"'{kind}' isn't known."),
        };
    }

    private static ImmutableArray<double> Betas(SafetensorsFile file, string name, string detail)
    {
        int count = (int)file.Entry(name).ElementCount;
        string schedule = detail == "cosine" ? "squaredcos_cap_v2" : detail;
        return detail == "scaled_linear"
            ? NoiseSchedule.NamedBetas(schedule, count, 0.00085, 0.012)
            : NoiseSchedule.NamedBetas(schedule, count, 0.0001, 0.02);
    }

    private static IEnumerable<CaseResult> ImageToImage(string path, ConformanceOptions options)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        foreach (var item in json.RootElement.EnumerateArray())
        {
            string className = item.GetProperty("scheduler").GetString()!;
            string name = $"misc/img2img_timesteps/{className}_{item.GetProperty("steps")}_{item.GetProperty("strength")}";
            foreach (var result in options.Case(name, () => ImageToImage(className, item))) yield return result;
        }
    }

    // Stable Diffusion's settings, as its published scheduler configuration has them.
    private static Verdict ImageToImage(string className, JsonElement item)
    {
        var config = SchedulerConfig.Default(className);
        if (config.Knows("steps_offset") && config.TimestepSpacing == "leading") config = config.WithStepsOffset(1);
        if (config.Knows("skip_prk_steps")) config = config.WithSkipPrkSteps(true);
        var timetable = Dsl.Schedulers.Schedulers.Create(config).Timetable(item.GetProperty("steps").GetInt32())
            .ForStrength(item.GetProperty("strength").GetDouble());
        double[] expected = [.. item.GetProperty("timesteps").EnumerateArray().Select(t => t.GetDouble())];
        return Compare.Relative("timesteps", expected, [.. timetable.Timesteps.Skip(timetable.Begin)], Tolerance)
            .And(Compare.Equal("num_inference_steps", [item.GetProperty("num_inference_steps").GetInt32()], [timetable.Steps - (timetable.Begin + timetable.Order - 1) / timetable.Order]));
    }
}
