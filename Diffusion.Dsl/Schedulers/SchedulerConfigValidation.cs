namespace Diffusion.Dsl.Schedulers;

/// <content>What is checked when a scheduler is made.</content>
public sealed partial record SchedulerConfig
{
    /// <summary>Checks the options that the class has.</summary>
    /// <exception cref="ArgumentException">When one has an impossible value; the message names it and what is possible.</exception>
    public void Validate()
    {
        if (Knows("num_train_timesteps") && NumTrainTimesteps < 1) throw Error("num_train_timesteps", "1 or more is expected");
        if (Knows("trained_betas") && !TrainedBetas.IsEmpty)
        {
            foreach (double beta in TrainedBetas)
            {
                if (!(beta >= 0 && (beta < 1 || (beta == 1 && ClassName == "IPNDMScheduler")))) throw Error("trained_betas", "every beta must be in [0, 1)");
            }
        }
        else if (Knows("beta_start"))
        {
            if (!(BetaStart > 0 && BetaStart < 1)) throw Error("beta_start", "a beta must be above 0 and below 1");
            if (!(BetaEnd >= BetaStart && BetaEnd < 1)) throw Error("beta_end", $"it must be at least beta_start ({BetaStart}) and below 1");
        }

        OneOf("beta_schedule", BetaSchedules());
        OneOf("prediction_type", PredictionTypes());
        OneOf("timestep_spacing", ClassName == "DDIMInverseScheduler" ? ["leading", "trailing"] : ["linspace", "leading", "trailing"]);
        OneOf("interpolation_type", ["linear", "log_linear"]);
        OneOf("timestep_type", ["discrete", "continuous"]);
        OneOf("final_sigmas_type", ["zero", "sigma_min"]);
        OneOf("masking_schedule", ["cosine", "linear"]);
        Between("solver_order", 1, ClassName == "UniPCMultistepScheduler" ? 8 : 3);
        Between("predictor_order", 1, 4);
        Between("corrector_order", 1, 4);
        Positive("clip_sample_range");
        Positive("sigma_data");
        Positive("rho");
        Positive("scaler");
        Positive("timestep_scaling");
        if (Knows("original_inference_steps") && OriginalInferenceSteps < 1) throw Error("original_inference_steps", "1 or more is expected");
        if (Knows("dynamic_thresholding_ratio") && !(DynamicThresholdingRatio is >= 0 and <= 1))
            throw Error("dynamic_thresholding_ratio", "a number in 0..1 is expected");
        if (Knows("sample_max_value") && !(SampleMaxValue > 0)) throw Error("sample_max_value", "a positive number is expected");
        if (Knows("lambda_min_clipped") && double.IsNaN(LambdaMinClipped)) throw Error("lambda_min_clipped", "a number is expected");
        if (Knows("sigma_min") && SigmaMin < 0) throw Error("sigma_min", "0 or more is expected");
        if (Knows("sigma_max") && SigmaMax <= 0) throw Error("sigma_max", "a positive number is expected");
        if (Knows("sigma_max") && SigmaMax < SigmaMin) throw Error("sigma_max", $"it must be at least sigma_min ({SigmaMin})");
        ValidateSolver();
    }

    private void ValidateSolver()
    {
        switch (ClassName)
        {
            case "DDPMScheduler":
                OneOf("variance_type", ["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"]);
                break;
            case "UnCLIPScheduler":
                OneOf("variance_type", ["fixed_small_log", "learned_range"]);
                break;
            case "DPMSolverMultistepScheduler" or "DPMSolverSinglestepScheduler":
                OneOf("algorithm_type", ["dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++", "deis"]);
                OneOf("solver_type", ["midpoint", "heun", "logrho", "bh1", "bh2"]);
                if (AlgorithmType is "dpmsolver" or "sde-dpmsolver" && FinalSigmasType == "zero")
                    throw Error("final_sigmas_type", $"algorithm_type {AlgorithmType} can't reach sigma 0; choose sigma_min or dpmsolver++");
                break;
            case "DPMSolverMultistepInverseScheduler":
                OneOf("algorithm_type", ["dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++", "deis"]);
                OneOf("solver_type", ["midpoint", "heun", "logrho", "bh1", "bh2"]);
                break;
            case "EDMDPMSolverMultistepScheduler":
                OneOf("algorithm_type", ["dpmsolver++", "sde-dpmsolver++", "deis"]);
                OneOf("solver_type", ["midpoint", "heun", "logrho", "bh1", "bh2"]);
                break;
            case "DEISMultistepScheduler":
                OneOf("algorithm_type", ["deis", "dpmsolver", "dpmsolver++"]);
                OneOf("solver_type", ["logrho", "midpoint", "heun", "bh1", "bh2"]);
                break;
            case "UniPCMultistepScheduler":
                OneOf("solver_type", ["bh1", "bh2", "midpoint", "heun", "logrho"]);
                if (Json("solver_p") != "null")
                {
                    throw new NotSupportedException(
                        $"{ClassName}: solver_p (another scheduler as predictor) isn't supported; use null, which predicts with UniPC's own predictor "
                        + "of solver_order, or list the first steps in disable_corrector; for another solver's steps alone, use that scheduler itself "
                        + "(such as DPMSolverMultistepScheduler).");
                }

                break;
            case "SASolverScheduler":
                OneOf("algorithm_type", ["data_prediction", "noise_prediction"]);
                break;
        }
    }

    private string[] BetaSchedules() => ClassName switch
    {
        "DDPMScheduler" or "RePaintScheduler" => ["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid"],
        "HeunDiscreteScheduler" => ["linear", "scaled_linear", "squaredcos_cap_v2", "exp"],
        "UnCLIPScheduler" => ["squaredcos_cap_v2"],
        _ => ["linear", "scaled_linear", "squaredcos_cap_v2"],
    };

    private string[] PredictionTypes() => ClassName switch
    {
        "PNDMScheduler" or "EulerAncestralDiscreteScheduler" or "KDPM2DiscreteScheduler" or "KDPM2AncestralDiscreteScheduler"
            or "DPMSolverSDEScheduler" or "EDMEulerScheduler" or "EDMDPMSolverMultistepScheduler" => ["epsilon", "v_prediction"],
        "UnCLIPScheduler" => ["epsilon", "sample"],
        "EulerDiscreteScheduler" => ["epsilon", "v_prediction", "sample", "original_sample"],
        _ => ["epsilon", "v_prediction", "sample"],
    };

    private void OneOf(string name, string[] allowed)
    {
        if (Knows(name) && !allowed.Contains(TextOrEmpty(name))) throw Error(name, $"one of {string.Join(", ", allowed)} is expected");
    }

    private void Between(string name, int least, int most)
    {
        if (Knows(name) && (Integer(name) < least || Integer(name) > most)) throw Error(name, $"{least}..{most} is expected");
    }

    private void Positive(string name)
    {
        if (Knows(name) && !(Number(name) > 0 && double.IsFinite(Number(name)))) throw Error(name, "a positive number is expected");
    }
}
