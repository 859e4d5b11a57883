using Diffusion.Dsl.Schedulers;

namespace Diffusion.Conformance.Areas.Schedulers;

/// <summary>The classes with loops of their own: each is run as the pipeline it belongs to runs it.</summary>
internal static class OwnLoops
{
    public static Verdict RePaint(SchedulerCase item)
    {
        var timetable = Make(item).Timetable(new TimetableOptions
        {
            Steps = (int)item.Number("num_inference_steps", 250, "set_timesteps"),
            JumpLength = (int)item.Number("jump_length", 10, "set_timesteps"),
            JumpSamples = (int)item.Number("jump_n_sample", 10, "set_timesteps"),
            Eta = item.Number("eta", double.NaN),
        });
        var shape = item.Shape("initial_sample");
        var mask = item.Values("mask");
        int repeat = item.Values("original_image").Length / mask.Length;
        var solver = timetable.Over(SampleAlgebra.Array(shape[0], shape[1]))
            .With(item.Values("original_image"), [.. Enumerable.Repeat(mask, repeat).SelectMany(values => values)]);
        var verdict = Compare.Equal("timesteps", item.Values("timesteps"), timetable.Timesteps)
            .And(Compare.Equal("is_undo", item.Integers("is_undo"), Enumerable.Range(0, timetable.Count).Select(i => timetable.NeedsModel(i) ? 0 : 1)));
        verdict = item.Under("table/").Aggregate(verdict, (sum, name) => sum.And(item.CheckTable(name["table/".Length..], timetable.Tables[name["table/".Length..]])));
        var noise = item.Rows("noise").Zip(item.Integers("noise_step")).ToLookup(pair => pair.Second, pair => pair.First);
        var (state, sample) = (solver.Start, item.Values("initial_sample"));
        for (int i = 0; i < timetable.Count && verdict.Outcome == Outcome.Pass; i++)
        {
            var drawn = noise[i].ToArray();
            verdict = verdict.And(Compare.Equal($"noise of step {i}", [drawn.Length], [timetable.NoiseCount(i)]));
            var result = solver.Step(state, i, item.Rows("model_outputs")[i], sample, drawn);
            verdict = verdict.And(SchedulerCase.Check("prev_samples", i, item.Rows("prev_samples")[i], result.Sample));
            (state, sample) = (result.State, item.Rows("prev_samples")[i]);
        }

        return verdict;
    }

    public static Verdict ScoreSdeVe(SchedulerCase item)
    {
        int corrections = (int)item.Number("correct_steps", 1);
        var timetable = Dsl.Schedulers.Schedulers.Create(item.Config.WithCorrectSteps(corrections)).Timetable((int)item.Number("num_inference_steps", 1));
        var shape = item.Shape("initial_sample");
        var solver = timetable.Over(SampleAlgebra.Array(shape[0], shape[1]));
        var verdict = item.Check("timesteps", [.. timetable.Tables["timesteps"]])
            .And(item.CheckTable("sigmas", timetable.Tables["sigmas"])).And(item.CheckTable("discrete_sigmas", timetable.Tables["discrete_sigmas"]));
        var (state, sample) = (solver.Start, item.Values("initial_sample"));
        var noise = item.Rows("noise");
        for (int i = 0; i < timetable.Count && verdict.Outcome == Outcome.Pass; i++)
        {
            bool correct = i % timetable.Order < corrections;
            int row = correct ? i / timetable.Order * corrections + i % timetable.Order : i / timetable.Order;
            string group = correct ? "correct" : "pred";
            var result = solver.Step(state, i, item.Rows($"{group}/model_outputs")[row], sample, noise[i]);
            var expected = item.Rows($"{group}/prev_samples")[row];
            verdict = verdict.And(SchedulerCase.Check($"{group}/prev_samples", row, expected, result.Sample));
            if (!correct)
                verdict = verdict.And(SchedulerCase.Check("pred/prev_sample_means", row, item.Rows("pred/prev_sample_means")[row], result.Mean));
            (state, sample) = (result.State, expected);
        }

        return verdict;
    }

    public static Verdict ScoreSdeVp(SchedulerCase item)
    {
        var timetable = Make(item).Timetable((int)item.Number("num_inference_steps", 1));
        var solver = timetable.Over(SampleAlgebra.Array(1, 1));
        var verdict = item.Check("timesteps", [.. timetable.Timesteps]);
        var (state, sample) = (solver.Start, item.Values("initial_sample"));
        for (int i = 0; i < timetable.Count && verdict.Outcome == Outcome.Pass; i++)
        {
            var result = solver.Step(state, i, item.Rows("model_outputs")[i], sample, item.Rows("noise")[i]);
            var expected = item.Rows("prev_samples")[i];
            verdict = verdict.And(SchedulerCase.Check("prev_samples", i, expected, result.Sample))
                .And(SchedulerCase.Check("prev_sample_means", i, item.Rows("prev_sample_means")[i], result.Mean));
            (state, sample) = (result.State, expected);
        }

        return verdict;
    }

    public static Verdict KarrasVe(SchedulerCase item)
    {
        int steps = (int)item.Number("num_inference_steps", 1);
        var timetable = Make(item).Timetable(steps);
        var solver = timetable.Over(SampleAlgebra.Array(1, 1));
        var verdict = Compare.Equal("timesteps", item.Values("timesteps"), timetable.Timesteps.Where((_, i) => i % 3 == 0))
            .And(item.CheckTable("schedule", timetable.Tables["schedule"]))
            .And(item.Check("loop/sigma_hat", [.. timetable.Sigmas.SkipLast(1).Where((_, i) => i % 3 == 1)]));
        var (state, sample) = (solver.Start, item.Values("initial_sample"));
        string[] outputs = ["loop/hat", "loop/out", "loop/out2"], results = ["loop/hat", "loop/prev", "loop/prev2"];
        for (int i = 0; i < timetable.Count && verdict.Outcome == Outcome.Pass; i++)
        {
            int step = i / 3, stage = i % 3;
            double[][] noise = stage == 0 ? [item.Rows("noise")[step]] : [];
            var result = solver.Step(state, i, item.Rows(outputs[stage])[step], sample, noise);
            var expected = item.Rows(results[stage])[step];
            verdict = verdict.And(SchedulerCase.Check(results[stage], step, expected, result.Sample));
            (state, sample) = (result.State, expected);
        }

        return verdict.And(item.Check("final_sample", sample));
    }

    public static Verdict VqDiffusion(SchedulerCase item)
    {
        int steps = (int)item.Number("num_inference_steps", 1);
        var timetable = Make(item).Timetable(steps);
        var solver = new VqDiffusion(item.Config);
        var shape = item.Shape("initial_sample");
        var verdict = Compare.Equal("timesteps", item.Values("timesteps"), timetable.Timesteps);
        verdict = item.Under("table/").Select(name => name["table/".Length..])
            .Aggregate(verdict, (sum, name) => sum.And(item.CheckTable(name, solver.Tables[name])));
        var tokens = item.Integers("initial_sample");
        int size = tokens.Length;
        var expected = item.Integers("prev_samples").Chunk(size).ToArray();
        for (int i = 0; i < steps && verdict.Outcome == Outcome.Pass; i++)
        {
            // The uniform numbers of most steps aren't stored: the recorded tokens go on from there.
            if (item.Has($"uniform/{i}"))
            {
                var next = solver.Step(item.Rows("model_outputs")[i], tokens, shape[0], (int)timetable.Timesteps[i], item.Values($"uniform/{i}"));
                verdict = verdict.And(Compare.Equal($"prev_samples[{i}]", expected[i], next));
            }

            tokens = expected[i];
        }

        return verdict;
    }

    public static Verdict Amused(SchedulerCase item)
    {
        int steps = (int)item.Number("num_inference_steps", 1);
        var range = item.Json.GetProperty("set_timesteps").TryGetProperty("temperature", out var list)
            ? list.EnumerateArray().Select(value => value.GetDouble()).ToArray()
            : [2, 0];
        var solver = new Amused(item.Config, steps, range[0], range[1]);
        int batch = item.Shape("initial_sample")[0];
        var verdict = Compare.Equal("timesteps", item.Values("timesteps"), Make(item).Timetable(steps).Timesteps)
            .And(item.Check("temperatures", [.. solver.Temperatures]));
        IReadOnlyList<int> tokens = item.Integers("initial_sample");
        var expected = item.Integers("prev_samples").Chunk(tokens.Count).ToArray();
        var originals = item.Integers("pred_original_samples").Chunk(tokens.Count).ToArray();
        for (int i = 0; i < steps; i++)
        {
            var result = solver.Step(item.Rows("model_outputs")[i], tokens, batch, i, item.Rows("exponential")[i], item.Rows("uniform")[i]);
            verdict = verdict.And(Compare.Equal($"pred_original_samples[{i}]", originals[i], result.PredictedOriginal))
                .And(Compare.Equal($"prev_samples[{i}]", expected[i], result.Tokens));
            tokens = result.Tokens;
        }

        return verdict.And(AmusedNoise(item, solver));
    }

    // One generator for all calls, in the order of the steps.
    private static Verdict AmusedNoise(SchedulerCase item, Amused solver)
    {
        var ids = item.Integers("add_noise/ids");
        var generator = new Core.Randomness.TorchGenerator((ulong)item.Number("add_noise_seed", 0));
        var verdict = Verdict.Pass(0);
        for (int i = 0; i < solver.Steps; i++)
        {
            string name = $"add_noise/{solver.Steps - 1 - i}";
            if (!item.Has(name)) continue;
            double[] uniform = [.. generator.Rand(ids.Length).Select(value => (double)value)];
            verdict = verdict.And(Compare.Equal(name, item.Integers(name), solver.AddNoise(ids, i, uniform)));
        }

        return verdict;
    }

    private static Scheduler Make(SchedulerCase item) => Dsl.Schedulers.Schedulers.Create(item.Config);
}
