using System.Text.Json;
using Diffusion.Dsl.Schedulers;

namespace Diffusion.Conformance.Areas.Schedulers;

/// <summary>
/// The loop that most classes share: for each call of the model, scale, take the recorded output, step. It is run twice. Once every step
/// starts from the recorded sample, and everything is compared: the reference's float32 rounding doesn't add up. Once the samples are our
/// own all the way, and the end is compared with ten times the tolerance, because there it does. Where a step subtracts numbers so large
/// that float32 can't hold the difference to the tolerance (sigma is 20,000 at the end of the cosine schedule), the tolerance is two units
/// in the last place of those numbers.
/// </summary>
internal static class StandardLoop
{
    public static Verdict Check(SchedulerCase item)
    {
        var timetable = Dsl.Schedulers.Schedulers.Create(item.Config).Timetable(Options(item));
        return Timetable(item, timetable).And(Noising(item, timetable)).And(Steps(item, timetable));
    }

    /// <summary>The options of a run: those of <c>set_timesteps</c> and of <c>step</c>, and where it starts.</summary>
    public static TimetableOptions Options(SchedulerCase item)
    {
        var options = new TimetableOptions
        {
            Steps = (int)item.Number("num_inference_steps", 50, "set_timesteps"),
            AdjacentTimesteps = item.ClassName == "UnCLIPScheduler" && item.Name.StartsWith("no_prev", StringComparison.Ordinal),
            OriginalInferenceSteps = (int)item.Number("original_inference_steps", 0, "set_timesteps"),
            Strength = item.Number("strength", 1, "set_timesteps"),
            Begin = (int)item.Number("start_index", 0, "options"),
            Timesteps = item.Json.GetProperty("set_timesteps").TryGetProperty("timesteps", out var custom) && custom.ValueKind == JsonValueKind.Array
                ? [.. custom.EnumerateArray().Select(t => t.GetDouble())]
                : [],
        };
        var step = item.Json.GetProperty("options").GetProperty("step");
        return step.EnumerateObject().Aggregate(options, (sum, option) => option.Name switch
        {
            "eta" => sum with { Eta = option.Value.GetDouble() },
            "use_clipped_model_output" => sum with { UseClippedModelOutput = option.Value.GetBoolean() },
            "s_churn" => sum with { SChurn = option.Value.GetDouble() },
            "s_tmin" => sum with { STmin = option.Value.GetDouble() },
            "s_tmax" => sum with { STmax = option.Value.GetDouble() },
            "s_noise" => sum with { SNoise = option.Value.GetDouble() },
            "order" => sum with { LmsOrder = option.Value.GetInt32() },
            _ => throw new NotSupportedException($"The option '{option.Name}' of step isn't known."),
        });
    }

    private static Verdict Timetable(SchedulerCase item, Timetable timetable)
    {
        // Würstchen's schedule has one entry more, where the run ends.
        double[] told = [.. timetable.Tables.TryGetValue("timesteps", out var all) ? all : timetable.Timesteps];
        var timesteps = item.IsInteger("timesteps")
            ? Compare.Equal("timesteps", item.Values("timesteps"), told)
            : item.Check("timesteps", told);
        var tables = item.Under("table/").Select(tensor => tensor["table/".Length..]).Select(name =>
            timetable.Tables.TryGetValue(name, out var table) ? item.CheckTable(name, table)
            : name == "sigmas" ? item.CheckTable(name, timetable.Sigmas)
            : Verdict.Fail($"there is no table {name}."));
        return tables.Aggregate(timesteps, (sum, next) => sum.And(next))
            .And(Compare.Relative("init_noise_sigma", [item.Number("init_noise_sigma", 1)], [timetable.InitNoiseSigma], SchedulerCase.Tolerance))
            .And(Compare.Equal("order", [(int)item.Number("order", 1)], [timetable.Order]));
    }

    private static Verdict Noising(SchedulerCase item, Timetable timetable)
    {
        if (!item.Has("add_noise/result")) return Verdict.Pass(0);
        var solver = timetable.Over(SampleAlgebra.Array(1, 1));
        var original = item.Rows("add_noise/original");
        var noise = item.Rows("add_noise/noise");
        var timesteps = item.Values("add_noise/timesteps").Select(t => item.IsInteger("add_noise/timesteps") ? t : Nearest(timetable, t)).ToArray();
        double[] Each(Func<int, double[]> f) => [.. Enumerable.Range(0, timesteps.Length).SelectMany(f)];
        var added = item.Check("add_noise/result", Each(i => solver.AddNoiseAt(original[i], noise[i], timesteps[i])));
        return item.Has("get_velocity/result")
            ? added.And(item.Check("get_velocity/result", Each(i => solver.Velocity(original[i], noise[i], timesteps[i]))))
            : added;
    }

    // The fixture holds the timesteps in float32.
    private static double Nearest(Timetable timetable, double timestep) =>
        timetable.Timesteps.MinBy(t => Math.Abs(t - timestep)) is var nearest && Math.Abs(nearest - timestep) < 1e-4 * Math.Max(1, Math.Abs(timestep))
            ? nearest
            : timestep;

    private static Verdict Steps(SchedulerCase item, Timetable timetable)
    {
        var shape = item.Shape("initial_sample");
        var solver = timetable.Over(SampleAlgebra.Array(shape[0], shape[1]));
        var start = Array.ConvertAll(item.Values("init_noise"), value => value * timetable.InitNoiseSigma);
        var verdict = item.Check("initial_sample", start);
        var outputs = item.Rows("model_outputs");
        var expected = item.Rows("prev_samples");
        var scaled = item.Has("scaled_inputs") ? item.Rows("scaled_inputs") : null;

        // TCD's "denoised" is a noisy sample on the way, of which prev_samples are made.
        string? estimate = item.Has("pred_original_samples") ? "pred_original_samples"
            : item.Has("denoised") && item.ClassName != "TCDScheduler" ? "denoised"
            : null;
        var estimates = estimate is null ? null : item.Rows(estimate);
        var noise = Noise(item, timetable);
        var (state, ownState, own) = (solver.Start, solver.Start, start);
        double floors = 0;
        for (int k = 0; k < outputs.Length; k++)
        {
            int index = timetable.Begin + k;
            var sample = k == 0 ? start : expected[k - 1];
            if (scaled is not null) verdict = verdict.And(SchedulerCase.Check("scaled_inputs", k, scaled[k], solver.ScaleModelInput(sample, index)));
            else if (timetable.InputScale(index) != 1) return Verdict.Fail($"the input of call {index} is scaled, but shouldn't be.");
            verdict = verdict.And(NoiseAgrees(timetable.NoiseFor(index), index, noise[k].Length));
            var result = solver.Step(state, index, outputs[k], sample, noise[k]);
            var otherOutput = solver.Step(state, index, Nudge(outputs[k]), sample, noise[k]);
            var otherSample = solver.Step(state, index, outputs[k], Nudge(sample), noise[k]);
            if (estimates is not null)
            {
                double estimateFloor = Distance(result.PredictedOriginal, otherOutput.PredictedOriginal)
                    + Distance(result.PredictedOriginal, otherSample.PredictedOriginal);
                verdict = verdict.And(SchedulerCase.Check(estimate!, k, estimates[k], result.PredictedOriginal, estimateFloor));
            }

            floors += Distance(result.Sample, otherOutput.Sample) + Distance(result.Sample, otherSample.Sample);
            floors += Distance(sample, Nudge(sample)) * Growth(timetable, index);
            verdict = verdict.And(SchedulerCase.Check("prev_samples", k, expected[k], result.Sample, floors));
            if (verdict.Outcome == Outcome.Fail) return verdict;
            var ownResult = solver.Step(ownState, index, outputs[k], own, noise[k]);
            (state, ownState, own) = (result.State, ownResult.State, ownResult.Sample);
        }

        return outputs.Length == 0 ? verdict : verdict.And(
            Compare.Absolute("own run", expected[^1], own, Math.Max(10 * SchedulerCase.ToleranceFor(expected[^1]), 10 * floors)));
    }

    // Backwards in time a sample on the variance-preserving scale is multiplied before something as large is subtracted from it.
    private static double Growth(Timetable timetable, int index) => timetable.Sigmas.Length > index + 1
        ? Math.Max(1, NoiseLevel.FromSigma(timetable.Sigmas[index + 1]).Sigma / NoiseLevel.FromSigma(timetable.Sigmas[index]).Sigma)
        : 1;

    private static double[] Nudge(double[] values) => Array.ConvertAll(values, value => value * (1 + Math.Pow(2, -22)));

    private static double Distance(double[] x, double[] y) => x.Zip(y, (a, b) => Math.Abs(a - b)).Where(double.IsFinite).DefaultIfEmpty().Max();

    private static Verdict NoiseAgrees(NoiseNeed need, int index, int drawn) =>
        need == NoiseNeed.None == (drawn == 0) ? Verdict.Pass(0) : Verdict.Fail($"step {index}: the noise is {need}, but the reference drew {drawn}.");

    /// <summary>The noise drawn in each iteration; where the fixture doesn't say in which, each that needs it takes the next.</summary>
    private static double[][][] Noise(SchedulerCase item, Timetable timetable)
    {
        int count = item.Shape("model_outputs")[0];
        if (!item.Has("noise")) return [.. Enumerable.Repeat(Array.Empty<double[]>(), count)];
        int[] steps = item.Has("noise_step")
            ? item.Integers("noise_step")
            : [.. Enumerable.Range(0, count).Where(k => timetable.NoiseFor(timetable.Begin + k) == NoiseNeed.Required)];
        var drawn = item.Rows("noise").Zip(steps).ToLookup(pair => pair.Second, pair => pair.First);
        return [.. Enumerable.Range(0, count).Select(k => drawn[k].ToArray())];
    }
}
