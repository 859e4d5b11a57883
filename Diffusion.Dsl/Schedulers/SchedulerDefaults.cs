using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>The options that each class of diffusers 0.27.2 has, with their defaults: data, in the notation of the files themselves.</summary>
internal static class SchedulerDefaults
{
    private static readonly ImmutableSortedDictionary<string, ImmutableSortedDictionary<string, string>> All =
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DDPMScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "variance_type": "fixed_small", "clip_sample": true, "prediction_type": "epsilon",
                "thresholding": false, "dynamic_thresholding_ratio": 0.995, "clip_sample_range": 1.0, "sample_max_value": 1.0,
                "timestep_spacing": "leading", "steps_offset": 0, "rescale_betas_zero_snr": false}
                """,
            ["DDIMScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "clip_sample": true, "set_alpha_to_one": true, "steps_offset": 0,
                "prediction_type": "epsilon", "thresholding": false, "dynamic_thresholding_ratio": 0.995, "clip_sample_range": 1.0,
                "sample_max_value": 1.0, "timestep_spacing": "leading", "rescale_betas_zero_snr": false}
                """,
            ["PNDMScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "skip_prk_steps": false, "set_alpha_to_one": false, "prediction_type": "epsilon",
                "timestep_spacing": "leading", "steps_offset": 0}
                """,
            ["LMSDiscreteScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "use_karras_sigmas": false, "prediction_type": "epsilon", "timestep_spacing": "linspace",
                "steps_offset": 0}
                """,
            ["EulerDiscreteScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "prediction_type": "epsilon", "interpolation_type": "linear", "use_karras_sigmas": false,
                "sigma_min": null, "sigma_max": null, "timestep_spacing": "linspace", "timestep_type": "discrete", "steps_offset": 0,
                "rescale_betas_zero_snr": false}
                """,
            ["EulerAncestralDiscreteScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "prediction_type": "epsilon", "timestep_spacing": "linspace", "steps_offset": 0,
                "rescale_betas_zero_snr": false}
                """,
            ["DPMSolverMultistepScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "solver_order": 2, "prediction_type": "epsilon", "thresholding": false,
                "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0, "algorithm_type": "dpmsolver++",
                "solver_type": "midpoint", "lower_order_final": true, "euler_at_final": false, "use_karras_sigmas": false,
                "use_lu_lambdas": false, "final_sigmas_type": "zero", "lambda_min_clipped": -Infinity, "variance_type": null,
                "timestep_spacing": "linspace", "steps_offset": 0, "rescale_betas_zero_snr": false}
                """,
            ["UniPCMultistepScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "solver_order": 2, "prediction_type": "epsilon", "thresholding": false,
                "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0, "predict_x0": true, "solver_type": "bh2",
                "lower_order_final": true, "disable_corrector": [], "solver_p": null, "use_karras_sigmas": false,
                "timestep_spacing": "linspace", "steps_offset": 0}
                """,
            ["DDIMInverseScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "clip_sample": true, "set_alpha_to_one": true, "steps_offset": 0,
                "prediction_type": "epsilon", "clip_sample_range": 1.0, "timestep_spacing": "leading",
                "rescale_betas_zero_snr": false}
                """,
            ["IPNDMScheduler"] = """
                {"num_train_timesteps": 1000, "trained_betas": null}
                """,
            ["HeunDiscreteScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear",
                "trained_betas": null, "prediction_type": "epsilon", "use_karras_sigmas": false, "clip_sample": false,
                "clip_sample_range": 1.0, "timestep_spacing": "linspace", "steps_offset": 0}
                """,
            ["KDPM2DiscreteScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear",
                "trained_betas": null, "use_karras_sigmas": false, "prediction_type": "epsilon", "timestep_spacing": "linspace",
                "steps_offset": 0}
                """,
            ["KDPM2AncestralDiscreteScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear",
                "trained_betas": null, "use_karras_sigmas": false, "prediction_type": "epsilon", "timestep_spacing": "linspace",
                "steps_offset": 0}
                """,
            ["DPMSolverMultistepInverseScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "solver_order": 2, "prediction_type": "epsilon", "thresholding": false,
                "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0, "algorithm_type": "dpmsolver++",
                "solver_type": "midpoint", "lower_order_final": true, "euler_at_final": false, "use_karras_sigmas": false,
                "lambda_min_clipped": -Infinity, "variance_type": null, "timestep_spacing": "linspace", "steps_offset": 0}
                """,
            ["DPMSolverSinglestepScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "solver_order": 2, "prediction_type": "epsilon", "thresholding": false,
                "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0, "algorithm_type": "dpmsolver++",
                "solver_type": "midpoint", "lower_order_final": false, "use_karras_sigmas": false, "final_sigmas_type": "zero",
                "lambda_min_clipped": -Infinity, "variance_type": null}
                """,
            ["DPMSolverSDEScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear",
                "trained_betas": null, "prediction_type": "epsilon", "use_karras_sigmas": false, "noise_sampler_seed": null,
                "timestep_spacing": "linspace", "steps_offset": 0}
                """,
            ["DEISMultistepScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "solver_order": 2, "prediction_type": "epsilon", "thresholding": false,
                "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0, "algorithm_type": "deis", "solver_type": "logrho",
                "lower_order_final": true, "use_karras_sigmas": false, "timestep_spacing": "linspace", "steps_offset": 0}
                """,
            ["SASolverScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                "trained_betas": null, "predictor_order": 2, "corrector_order": 2, "prediction_type": "epsilon", "tau_func": null,
                "thresholding": false, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0,
                "algorithm_type": "data_prediction", "lower_order_final": true, "use_karras_sigmas": false,
                "lambda_min_clipped": -Infinity, "variance_type": null, "timestep_spacing": "linspace", "steps_offset": 0}
                """,
            ["EDMEulerScheduler"] = """
                {"sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5, "num_train_timesteps": 1000, "prediction_type": "epsilon",
                "rho": 7.0}
                """,
            ["EDMDPMSolverMultistepScheduler"] = """
                {"sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5, "num_train_timesteps": 1000, "prediction_type": "epsilon",
                "rho": 7.0, "solver_order": 2, "thresholding": false, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0,
                "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "lower_order_final": true, "euler_at_final": false,
                "final_sigmas_type": "zero"}
                """,
            ["LCMScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
                "trained_betas": null, "original_inference_steps": 50, "clip_sample": false, "clip_sample_range": 1.0,
                "set_alpha_to_one": true, "steps_offset": 0, "prediction_type": "epsilon", "thresholding": false,
                "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0, "timestep_spacing": "leading",
                "timestep_scaling": 10.0, "rescale_betas_zero_snr": false}
                """,
            ["TCDScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
                "trained_betas": null, "original_inference_steps": 50, "clip_sample": false, "clip_sample_range": 1.0,
                "set_alpha_to_one": true, "steps_offset": 0, "prediction_type": "epsilon", "thresholding": false,
                "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0, "timestep_spacing": "leading",
                "timestep_scaling": 10.0, "rescale_betas_zero_snr": false}
                """,
            ["CMStochasticIterativeScheduler"] = """
                {"num_train_timesteps": 40, "sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5, "s_noise": 1.0, "rho": 7.0,
                "clip_denoised": true}
                """,
            ["ConsistencyDecoderScheduler"] = """
                {"num_train_timesteps": 1024, "sigma_data": 0.5}
                """,
            ["RePaintScheduler"] = """
                {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "eta": 0.0,
                "trained_betas": null, "clip_sample": true}
                """,
            ["ScoreSdeVeScheduler"] = """
                {"num_train_timesteps": 2000, "snr": 0.15, "sigma_min": 0.01, "sigma_max": 1348.0, "sampling_eps": 1e-05,
                "correct_steps": 1}
                """,
            ["ScoreSdeVpScheduler"] = """
                {"num_train_timesteps": 2000, "beta_min": 0.1, "beta_max": 20, "sampling_eps": 0.001}
                """,
            ["KarrasVeScheduler"] = """
                {"sigma_min": 0.02, "sigma_max": 100, "s_noise": 1.007, "s_churn": 80, "s_min": 0.05, "s_max": 50}
                """,
            ["UnCLIPScheduler"] = """
                {"num_train_timesteps": 1000, "variance_type": "fixed_small_log", "clip_sample": true, "clip_sample_range": 1.0,
                "prediction_type": "epsilon", "beta_schedule": "squaredcos_cap_v2"}
                """,
            ["VQDiffusionScheduler"] = """
                {"num_vec_classes": null, "num_train_timesteps": 100, "alpha_cum_start": 0.99999, "alpha_cum_end": 9e-06,
                "gamma_cum_start": 9e-06, "gamma_cum_end": 0.99999}
                """,
            ["AmusedScheduler"] = """
                {"mask_token_id": null, "masking_schedule": "cosine"}
                """,
            ["DDPMWuerstchenScheduler"] = """
                {"scaler": 1.0, "s": 0.008}
                """,
        }.ToImmutableSortedDictionary(entry => entry.Key, entry => SchedulerConfigJson.Parse(entry.Value), StringComparer.Ordinal);

    /// <summary>The names of the known classes, in alphabetical order.</summary>
    public static IEnumerable<string> ClassNames => All.Keys;

    public static bool Knows(string className) => All.ContainsKey(className);

    /// <summary>The defaults of a class; of the Euler scheduler for a user's own.</summary>
    public static ImmutableSortedDictionary<string, string> Of(string className) =>
        All.TryGetValue(className, out var known) ? known : All["EulerDiscreteScheduler"];
}
