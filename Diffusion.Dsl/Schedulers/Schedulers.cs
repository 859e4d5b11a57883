using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>The schedulers of this library: how to get one by name or from a file, and what there is.</summary>
public static class Schedulers
{
    private static readonly ImmutableArray<(SchedulerInfo Info, Func<SchedulerConfig, TimetableOptions, Timetable> Plan)> Known =
    [
        (new("DDPM", "DDPMScheduler", "arXiv:2006.11239", 1, true, 1, true), Ddpm.Timetable),
        (new("DDIM", "DDIMScheduler", "arXiv:2010.02502", 1, false, 1, true), Ddim.Timetable),
        (new("PNDM", "PNDMScheduler", "arXiv:2202.09778", 2, false, 1, true), Pndm.Timetable),
        (new("LMS", "LMSDiscreteScheduler", "arXiv:2206.00364 (k-diffusion)", 4, false, 1, true), Lms.Timetable),
        (new("Euler", "EulerDiscreteScheduler", "arXiv:2206.00364", 1, false, 1, true), Euler.Timetable),
        (new("Euler ancestral", "EulerAncestralDiscreteScheduler", "arXiv:2206.00364 (k-diffusion)", 1, true, 1, true), EulerAncestral.Timetable),
        (new("DPM-Solver++ multistep", "DPMSolverMultistepScheduler", "arXiv:2211.01095", 2, false, 1, true), DpmSolverMultistep.Timetable),
        (new("UniPC", "UniPCMultistepScheduler", "arXiv:2302.04867", 2, false, 1, true), UniPc.Timetable),
        (new("DDIM inverse", "DDIMInverseScheduler", "arXiv:2010.02502", 1, false, 1, false), DdimInverse.Timetable),
        (new("IPNDM", "IPNDMScheduler", "arXiv:2202.09778 (v-diffusion)", 4, false, 1, false), Ipndm.Timetable),
        (new("Heun", "HeunDiscreteScheduler", "arXiv:2206.00364", 2, false, 2, true), Heun.Timetable),
        (new("KDPM2", "KDPM2DiscreteScheduler", "arXiv:2206.00364 (k-diffusion)", 2, false, 2, true), Kdpm2.Timetable),
        (new("KDPM2 ancestral", "KDPM2AncestralDiscreteScheduler", "arXiv:2206.00364 (k-diffusion)", 2, true, 2, true), Kdpm2.Ancestral),
        (new("DPM-Solver++ multistep inverse", "DPMSolverMultistepInverseScheduler", "arXiv:2211.12572", 2, false, 1, false), DpmSolverMultistepInverse.Timetable),
        (new("DPM-Solver++ singlestep", "DPMSolverSinglestepScheduler", "arXiv:2211.01095", 2, false, 1, true), DpmSolverSinglestep.Timetable),
        (new("DPM-Solver++ SDE", "DPMSolverSDEScheduler", "arXiv:2206.00364 (k-diffusion)", 2, true, 2, true), DpmSolverSde.Timetable),
        (new("DEIS", "DEISMultistepScheduler", "arXiv:2204.13902", 2, false, 1, true), Deis.Timetable),
        (new("SA-Solver", "SASolverScheduler", "arXiv:2309.05019", 2, true, 1, true), SaSolver.Timetable),
        (new("LCM", "LCMScheduler", "arXiv:2310.04378", 1, true, 1, false), Distilled.Lcm),
        (new("TCD", "TCDScheduler", "arXiv:2402.19159", 1, true, 1, false), Distilled.Tcd),
        (new("Consistency models", "CMStochasticIterativeScheduler", "arXiv:2303.01469", 1, true, 1, false), ConsistencyModel.Multistep),
        (new("Consistency decoder", "ConsistencyDecoderScheduler", "arXiv:2303.01469 (DALL-E 3)", 1, true, 1, false), ConsistencyModel.Decoder),
        (new("RePaint", "RePaintScheduler", "arXiv:2201.09865", 1, true, 1, false), RePaint.Timetable),
        (new("Score SDE VE", "ScoreSdeVeScheduler", "arXiv:2011.13456", 1, true, 2, false), ScoreSde.VarianceExploding),
        (new("Score SDE VP", "ScoreSdeVpScheduler", "arXiv:2011.13456", 1, true, 1, false), ScoreSde.VariancePreserving),
        (new("Karras VE", "KarrasVeScheduler", "arXiv:2206.00364", 2, true, 2, false), KarrasVe.Timetable),
        (new("UnCLIP", "UnCLIPScheduler", "arXiv:2204.06125", 1, true, 1, false), UnClip.Timetable),
        (new("Wuerstchen DDPM", "DDPMWuerstchenScheduler", "arXiv:2306.00637", 1, true, 1, false), DdpmWuerstchen.Timetable),
        (new("VQ-Diffusion", "VQDiffusionScheduler", "arXiv:2111.14822", 1, true, 1, false), VqDiffusion.Timetable),
        (new("aMUSEd", "AmusedScheduler", "arXiv:2401.01808", 1, true, 1, false), Amused.Timetable),
        (new("EDM Euler", "EDMEulerScheduler", "arXiv:2206.00364", 1, false, 1, false), Edm.Euler),
        (new("EDM DPM-Solver++ multistep", "EDMDPMSolverMultistepScheduler", "arXiv:2211.01095", 2, false, 1, false), Edm.Multistep),
    ];

    /// <summary>The catalogue.</summary>
    public static ImmutableArray<SchedulerInfo> All { get; } = [.. Known.Select(entry => entry.Info)];

    /// <summary>A scheduler by the name of its class or its name in the literature, with its default options.</summary>
    /// <param name="name">Such as <c>DDIMScheduler</c> or <c>DDIM</c>; case doesn't matter.</param>
    /// <returns>The scheduler.</returns>
    /// <exception cref="ArgumentException">When there is none of that name; the message lists the names.</exception>
    public static Scheduler ByName(string name) => Create(SchedulerConfig.Default(Find(name).Info.ClassName));

    /// <summary>The scheduler of a configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <returns>The scheduler.</returns>
    /// <exception cref="ArgumentException">When the class is unknown or an option is impossible; the message says which.</exception>
    public static Scheduler Create(SchedulerConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var plan = Find(config.ClassName).Plan;
        config.Validate();
        return new(config, plan);
    }

    /// <summary>The scheduler of a <c>scheduler_config.json</c>.</summary>
    /// <param name="json">The text of the file.</param>
    /// <returns>The scheduler.</returns>
    /// <exception cref="FormatException">When the text isn't a configuration.</exception>
    /// <exception cref="ArgumentException">When the class is unknown or an option is impossible; the message says which.</exception>
    public static Scheduler FromConfig(string json) => Create(SchedulerConfig.FromJson(json));

    /// <summary>Another scheduler with the configuration of a given one, as far as it applies: diffusers' <c>from_config</c>.</summary>
    /// <param name="scheduler">The scheduler whose options are taken over.</param>
    /// <param name="name">The other scheduler, as in <see cref="ByName"/>.</param>
    /// <returns>The other scheduler.</returns>
    /// <exception cref="ArgumentException">When there is none of that name, or an option is impossible there.</exception>
    public static Scheduler As(this Scheduler scheduler, string name)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        return Create(scheduler.Config.WithClassName(Find(name).Info.ClassName));
    }

    private static (SchedulerInfo Info, Func<SchedulerConfig, TimetableOptions, Timetable> Plan) Find(string name)
    {
        foreach (var entry in Known)
        {
            if (string.Equals(entry.Info.ClassName, name, StringComparison.OrdinalIgnoreCase)
                || string.Equals(entry.Info.Name, name, StringComparison.OrdinalIgnoreCase)) return entry;
        }

        throw new ArgumentException(
            $"There is no scheduler '{name}'. Known are: {string.Join(", ", Known.Select(entry => entry.Info.ClassName))}.", nameof(name));
    }
}
