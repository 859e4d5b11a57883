using Diffusion.Dsl.Schedulers;
using FsCheck;
using FsCheck.Fluent;

namespace Diffusion.Dsl.Generators;

/// <summary>
/// The generators over the whole catalogue by type, for <c>[Property(Arbitrary = [typeof(SchedulerArbitraries)])]</c> and
/// <c>Config.WithArbitrary</c>.
/// </summary>
public static class SchedulerArbitraries
{
    /// <summary>Valid configurations of the exchangeable classes.</summary>
    /// <returns>The arbitrary.</returns>
    public static Arbitrary<SchedulerConfig> Configurations() =>
        Gen.Elements(SchedulerGenerators.ClassNames.ToArray()).SelectMany(SchedulerGenerators.Configurations).ToArbitrary();

    /// <summary>Configurations with one impossible option.</summary>
    /// <returns>The arbitrary.</returns>
    public static Arbitrary<InvalidConfiguration> InvalidConfigurations() =>
        Gen.Elements(SchedulerGenerators.ClassNames.ToArray()).SelectMany(SchedulerGenerators.InvalidConfigurations).ToArbitrary();

    /// <summary>Schedulers with valid configurations.</summary>
    /// <returns>The arbitrary.</returns>
    public static Arbitrary<Scheduler> Schedulers() => SchedulerGenerators.Schedulers().ToArbitrary();

    /// <summary>Options of runs of at most 40 steps.</summary>
    /// <returns>The arbitrary.</returns>
    public static Arbitrary<TimetableOptions> Options() => SchedulerGenerators.Options(40).ToArbitrary();

    /// <summary>Timetables of all those schedulers.</summary>
    /// <returns>The arbitrary.</returns>
    public static Arbitrary<Timetable> Timetables() =>
        SchedulerGenerators.Schedulers().SelectMany(SchedulerGenerators.Timetables).ToArbitrary();

    /// <summary>Runs of all those schedulers.</summary>
    /// <returns>The arbitrary.</returns>
    public static Arbitrary<SchedulerRun> Runs() => SchedulerGenerators.Schedulers().SelectMany(SchedulerGenerators.Runs).ToArbitrary();
}
