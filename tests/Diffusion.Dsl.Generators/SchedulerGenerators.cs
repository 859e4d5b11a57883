using System.Collections.Immutable;
using Diffusion.Dsl.Schedulers;
using FsCheck;
using FsCheck.Fluent;
using Catalogue = Diffusion.Dsl.Schedulers.Schedulers;

namespace Diffusion.Dsl.Generators;

/// <summary>FsCheck generators of what schedulers are made of and work on.</summary>
public static class SchedulerGenerators
{
    // A value that is impossible for the option whatever the others are.
    private static readonly ImmutableArray<(string Option, string Json)> Impossible =
    [
        ("num_train_timesteps", "0"), ("num_train_timesteps", "-7"), ("beta_start", "-0.1"), ("beta_start", "0"), ("beta_end", "1.0"),
        ("beta_end", "0.0000001"), ("trained_betas", "[0.1, 1.5]"), ("beta_schedule", "\"steep\""), ("prediction_type", "\"wish\""),
        ("timestep_spacing", "\"random\""), ("solver_order", "0"), ("solver_order", "9"), ("solver_type", "\"guess\""),
        ("algorithm_type", "\"magic\""), ("clip_sample_range", "-1"), ("dynamic_thresholding_ratio", "1.5"), ("sample_max_value", "0"),
    ];

    /// <summary>The classes of the catalogue that run any model trained on the usual betas.</summary>
    public static ImmutableArray<string> ClassNames { get; } = [.. Catalogue.All.Where(info => info.Exchangeable).Select(info => info.ClassName)];

    /// <summary>Standard normally distributed numbers: noise, or one element of a sample.</summary>
    public static Gen<double> Noise { get; } =
        from radius in Gen.Choose(1, 1_000_000)
        from angle in Gen.Choose(0, 999_999)
        select Math.Sqrt(-2 * Math.Log(radius / 1_000_001.0)) * Math.Cos(2 * Math.PI * angle / 1_000_000);

    /// <summary>One of the <see cref="ClassNames"/> with its defaults, the betas of Stable Diffusion and without anything that isn't linear.</summary>
    /// <param name="className">The name of diffusers' class.</param>
    /// <returns>The scheduler.</returns>
    public static Scheduler Plain(string className) => Catalogue.Create(Linear(
        SchedulerConfig.Default(className).WithBetaStart(0.00085).WithBetaEnd(0.012).WithBetaSchedule("scaled_linear")));

    /// <summary>Arrays of normally distributed numbers.</summary>
    /// <param name="length">The number of elements, 0 or more.</param>
    /// <returns>The generator.</returns>
    public static Gen<double[]> Samples(int length) => Noise.ArrayOf(length);

    /// <summary>Beta schedules of every kind: 2 to 1000 training timesteps, betas from 0.0001 to 0.05.</summary>
    /// <param name="className">The name of diffusers' class, one of <see cref="ClassNames"/>.</param>
    /// <returns>The generator.</returns>
    public static Gen<SchedulerConfig> BetaSchedules(string className) =>
        from schedule in Gen.Elements("linear", "scaled_linear", "squaredcos_cap_v2")
        from count in Gen.Choose(2, 1000)
        from start in Gen.Choose(1, 100)
        from more in Gen.Choose(0, 400)
        select SchedulerConfig.Default(className).WithBetaSchedule(schedule).WithNumTrainTimesteps(count)
            .WithBetaStart(start * 1e-4).WithBetaEnd((start + more) * 1e-4);

    /// <summary>
    /// Valid configurations of a class: training timesteps, betas, spacing, prediction type, Karras sigmas, solver order and type, clipping and
    /// thresholding, as far as it knows them. Without the cosine schedule, from whose noisiest levels, as noisy as 20000 to 1, some steps lose
    /// all digits in float32, as in the reference; <see cref="BetaSchedules"/> has it.
    /// </summary>
    /// <param name="className">The name of diffusers' class, or of a scheduler made by <see cref="Scheduler.Create{TMemory}"/>.</param>
    /// <returns>The generator.</returns>
    public static Gen<SchedulerConfig> Configurations(string className) => Variations(SchedulerConfig.Default(className));

    /// <summary>Configurations of a class in which one option has an impossible value.</summary>
    /// <param name="className">The name of diffusers' class.</param>
    /// <returns>The generator.</returns>
    /// <exception cref="ArgumentException">When the class has none of the options that can be made impossible.</exception>
    public static Gen<InvalidConfiguration> InvalidConfigurations(string className)
    {
        var config = SchedulerConfig.Default(className);
        var known = Impossible.Where(value => config.Knows(value.Option)).ToArray();
        if (known.Length == 0)
            throw new ArgumentException($"{className} has no option with impossible values; choose another class.", nameof(className));
        return
            from valid in Configurations(className)
            from wrong in Gen.Elements(known)
            select new InvalidConfiguration(valid.With(wrong.Option, wrong.Json), wrong.Option);
    }

    /// <summary>Schedulers of the catalogue, all of the <see cref="ClassNames"/>, with valid configurations.</summary>
    /// <returns>The generator.</returns>
    public static Gen<Scheduler> Schedulers() =>
        from className in Gen.Elements(ClassNames.ToArray())
        from config in Configurations(className)
        select Catalogue.Create(config);

    /// <summary>A scheduler, such as one's own, with varied options.</summary>
    /// <param name="scheduler">The scheduler; its other options stay as they are.</param>
    /// <returns>The generator.</returns>
    public static Gen<Scheduler> Schedulers(Scheduler scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        return Variations(scheduler.Config).Select(config => scheduler.With(_ => config));
    }

    /// <summary>What is chosen for a run: 1 to so many steps, and the amount of randomness of those that have a choice.</summary>
    /// <param name="mostSteps">The greatest number of steps, 1 or more.</param>
    /// <returns>The generator.</returns>
    public static Gen<TimetableOptions> Options(int mostSteps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(mostSteps, 1);
        return
            from steps in Gen.Choose(1, mostSteps)
            from eta in Gen.Elements(double.NaN, 0, 0.5, 1)
            select new TimetableOptions { Steps = steps, Eta = eta };
    }

    /// <summary>Timetables of a scheduler with its options as they are, of at most 40 steps.</summary>
    /// <param name="scheduler">The scheduler.</param>
    /// <returns>The generator.</returns>
    public static Gen<Timetable> Timetables(Scheduler scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        return Options(40).Select(scheduler.Timetable);
    }

    /// <summary>Runs of a scheduler with its options as they are: at most 12 steps, 1 to 3 items of 1 to 4 elements.</summary>
    /// <param name="scheduler">The scheduler.</param>
    /// <returns>The generator.</returns>
    public static Gen<SchedulerRun> Runs(Scheduler scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        return
            from options in Options(12)
            let timetable = scheduler.Timetable(options)
            from batch in Gen.Choose(1, 3)
            from size in Gen.Choose(1, 4)
            let length = batch * size
            from start in Samples(length)
            from outputs in Samples(length).ArrayOf(timetable.Count)
            from noises in Samples(length).ArrayOf(timetable.Count)
            select new SchedulerRun
            {
                Scheduler = scheduler,
                Timetable = timetable,
                Batch = batch,
                Start = [.. start.Select(x => x * timetable.InitNoiseSigma)],
                Outputs = [.. outputs.Select(values => values.ToImmutableArray())],
                Noises = [.. noises.Select(values => values.ToImmutableArray())],
            };
    }

    private static SchedulerConfig Linear(SchedulerConfig config)
    {
        if (config.Knows("clip_sample")) config = config.WithClipSample(false);
        return config.Knows("skip_prk_steps") ? config.WithSkipPrkSteps(true) : config;
    }

    private static Gen<SchedulerConfig> Variations(SchedulerConfig config) =>
        from count in Gen.Elements(100, 250, 999, 1000)
        from start in Gen.Choose(1, 20)
        from more in Gen.Choose(20, 180)
        from changed in new[]
        {
            Choice("beta_schedule", "\"linear\"", "\"scaled_linear\""),
            Choice("timestep_spacing", "\"linspace\"", "\"leading\"", "\"trailing\""),
            Choice("prediction_type", "\"epsilon\"", "\"v_prediction\"", "\"sample\""),
            Choice("use_karras_sigmas", "false", "true"),
            Choice("solver_order", "1", "2", "3"),
            Choice("solver_type", "\"midpoint\"", "\"heun\"", "\"logrho\"", "\"bh1\"", "\"bh2\""),
            Choice("clip_sample", "false", "false", "true"),
            Choice("thresholding", "false", "false", "true"),
        }.Aggregate(
            Gen.Constant(Linear(config).WithNumTrainTimesteps(count).WithBetaStart(start * 1e-4).WithBetaEnd((start + more) * 1e-4)),
            (generator, choose) => generator.SelectMany(choose))
        select changed;

    // The option with one of the values that the class can take.
    private static Func<SchedulerConfig, Gen<SchedulerConfig>> Choice(string option, params string[] values) => config =>
        !config.Knows(option) ? Gen.Constant(config)
        : values.Select(value => config.With(option, value)).Where(IsValid).ToArray() is { Length: > 0 } valid ? Gen.Elements(valid)
        : Gen.Constant(config);

    private static bool IsValid(SchedulerConfig config)
    {
        try
        {
            config.Validate();
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}

/// <summary>A configuration that must be refused.</summary>
/// <param name="Config">The configuration.</param>
/// <param name="Option">The option that has an impossible value, which the error must name.</param>
public sealed record InvalidConfiguration(SchedulerConfig Config, string Option);
