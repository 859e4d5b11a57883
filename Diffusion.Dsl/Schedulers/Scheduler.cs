namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// A scheduler: an immutable description of how to get from noise to a sample, without anything that changes while it is used.
/// <see cref="Timetable(int)"/> makes it ready for a run.
/// </summary>
public sealed record Scheduler
{
    private readonly Func<SchedulerConfig, TimetableOptions, Timetable> plan;

    /// <summary>A scheduler from its configuration and the function that makes a timetable of it.</summary>
    /// <param name="config">The configuration; its class name is the name of the scheduler.</param>
    /// <param name="plan">Makes the timetable for a run; must be pure.</param>
    public Scheduler(SchedulerConfig config, Func<SchedulerConfig, TimetableOptions, Timetable> plan)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(plan);
        Config = config;
        this.plan = plan;
    }

    /// <summary>The options, with diffusers' names and defaults.</summary>
    public SchedulerConfig Config { get; }

    /// <summary>The name of the scheduler: the name of diffusers' class.</summary>
    public string Name => Config.ClassName;

    /// <summary>
    /// Makes a scheduler from two functions, without inheritance. It works on the sigma scale (Karras et al., arXiv:2206.00364):
    /// the sample is <c>x0 + sigma * noise</c>, and the step is given the model's estimate of x0 whatever the model predicts.
    /// </summary>
    /// <typeparam name="TMemory">What the solver remembers: an immutable value.</typeparam>
    /// <param name="name">The name of the scheduler.</param>
    /// <param name="start">The memory before the first step.</param>
    /// <param name="step">From the memory and what is known at a step to the next sample and memory; must be pure.</param>
    /// <returns>The scheduler, with the options of <c>EulerDiscreteScheduler</c> (beta schedule, spacing, Karras sigmas, prediction type).</returns>
    public static Scheduler Create<TMemory>(
        string name, Func<Timetable, TMemory> start, Func<TMemory, SolverStep, SolverResult<TMemory>> step) =>
        CustomSolver.Scheduler(name, start, step, stochastic: false);

    /// <summary>Makes a scheduler that uses noise, see <see cref="Create{TMemory}"/>.</summary>
    /// <typeparam name="TMemory">What the solver remembers: an immutable value.</typeparam>
    /// <param name="name">The name of the scheduler.</param>
    /// <param name="start">The memory before the first step.</param>
    /// <param name="step">From the memory and what is known at a step, with noise, to the next sample and memory; must be pure.</param>
    /// <returns>The scheduler.</returns>
    public static Scheduler CreateStochastic<TMemory>(
        string name, Func<Timetable, TMemory> start, Func<TMemory, SolverStep, SolverResult<TMemory>> step) =>
        CustomSolver.Scheduler(name, start, step, stochastic: true);

    /// <summary>The scheduler of a <c>scheduler_config.json</c>, see <see cref="Schedulers.FromConfig"/>.</summary>
    /// <param name="json">The text of the file.</param>
    /// <returns>The scheduler.</returns>
    public static Scheduler FromConfig(string json) => Schedulers.FromConfig(json);

    /// <summary>A scheduler by name, see <see cref="Schedulers.ByName"/>.</summary>
    /// <param name="name">Such as <c>DDIM</c> or <c>DDIMScheduler</c>.</param>
    /// <returns>The scheduler, with its default options.</returns>
    public static Scheduler ByName(string name) => Schedulers.ByName(name);

    /// <summary>The timetable of a run with so many steps.</summary>
    /// <param name="steps">The number of steps, 1 or more.</param>
    /// <returns>The timetable.</returns>
    /// <exception cref="ArgumentException">When the scheduler can't take so many or so few steps; the message says why.</exception>
    public Timetable Timetable(int steps) => Timetable(new TimetableOptions { Steps = steps });

    /// <summary>The timetable of a run.</summary>
    /// <param name="options">What is chosen for this run.</param>
    /// <returns>The timetable.</returns>
    /// <exception cref="ArgumentException">When the options don't fit the scheduler; the message says why.</exception>
    /// <exception cref="NotSupportedException">When the scheduler doesn't have an option that was asked for.</exception>
    public Timetable Timetable(TimetableOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Timesteps.IsDefaultOrEmpty && options.Steps < 1)
            throw new ArgumentOutOfRangeException(nameof(options), options.Steps, $"{Name}: the number of steps must be 1 or more.");
        return plan(Config, options).From(options.Begin);
    }

    /// <summary>The scheduler with other options.</summary>
    /// <param name="change">From the present options to the new ones.</param>
    /// <returns>The changed scheduler.</returns>
    /// <exception cref="ArgumentException">When an option has an impossible value.</exception>
    public Scheduler With(Func<SchedulerConfig, SchedulerConfig> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        var config = change(Config);
        config.Validate();
        return new(config, plan);
    }
}
