using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <content>The options with their types, and a <c>With...</c> for each.</content>
public sealed partial record SchedulerConfig
{
    /// <summary>The number of timesteps the model was trained with.</summary>
    public int NumTrainTimesteps => Integer("num_train_timesteps");

    /// <summary>Sets <see cref="NumTrainTimesteps"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithNumTrainTimesteps(int value) => With("num_train_timesteps", SchedulerConfigJson.Write(value));

    /// <summary>The first beta, above 0 and below 1.</summary>
    public double BetaStart => Number("beta_start");

    /// <summary>Sets <see cref="BetaStart"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithBetaStart(double value) => With("beta_start", SchedulerConfigJson.Write(value));

    /// <summary>The last beta, at least the first and below 1.</summary>
    public double BetaEnd => Number("beta_end");

    /// <summary>Sets <see cref="BetaEnd"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithBetaEnd(double value) => With("beta_end", SchedulerConfigJson.Write(value));

    /// <summary>How beta grows: <c>linear</c>, <c>scaled_linear</c>, <c>squaredcos_cap_v2</c>, and for DDPM <c>sigmoid</c>.</summary>
    public string BetaSchedule => Text("beta_schedule");

    /// <summary>Sets <see cref="BetaSchedule"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithBetaSchedule(string value) => With("beta_schedule", SchedulerConfigJson.Write(value));

    /// <summary>The betas themselves, instead of a schedule; empty for none.</summary>
    public ImmutableArray<double> TrainedBetas => Numbers("trained_betas");

    /// <summary>Sets <see cref="TrainedBetas"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithTrainedBetas(params double[] value) => With("trained_betas", SchedulerConfigJson.Write(value));

    /// <summary>What the model predicts: <c>epsilon</c>, <c>v_prediction</c> or <c>sample</c>.</summary>
    public string PredictionType => Text("prediction_type");

    /// <summary>Sets <see cref="PredictionType"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithPredictionType(string value) => With("prediction_type", SchedulerConfigJson.Write(value));

    /// <summary>How the timesteps are spread: <c>linspace</c>, <c>leading</c> or <c>trailing</c> (arXiv:2305.08891, table 2).</summary>
    public string TimestepSpacing => Text("timestep_spacing");

    /// <summary>Sets <see cref="TimestepSpacing"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithTimestepSpacing(string value) => With("timestep_spacing", SchedulerConfigJson.Write(value));

    /// <summary>What is added to the timesteps with <c>leading</c> spacing.</summary>
    public int StepsOffset => Integer("steps_offset");

    /// <summary>Sets <see cref="StepsOffset"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithStepsOffset(int value) => With("steps_offset", SchedulerConfigJson.Write(value));

    /// <summary>Whether the estimate of the noise-free sample is limited to the range below.</summary>
    public bool ClipSample => Flag("clip_sample");

    /// <summary>Sets <see cref="ClipSample"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithClipSample(bool value) => With("clip_sample", SchedulerConfigJson.Write(value));

    /// <summary>The limit when it is.</summary>
    public double ClipSampleRange => Number("clip_sample_range");

    /// <summary>Sets <see cref="ClipSampleRange"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithClipSampleRange(double value) => With("clip_sample_range", SchedulerConfigJson.Write(value));

    /// <summary>Whether the estimate of the noise-free sample is thresholded dynamically (arXiv:2205.11487); for models in pixel space.</summary>
    public bool Thresholding => Flag("thresholding");

    /// <summary>Sets <see cref="Thresholding"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithThresholding(bool value) => With("thresholding", SchedulerConfigJson.Write(value));

    /// <summary>The quantile of dynamic thresholding, 0..1.</summary>
    public double DynamicThresholdingRatio => Number("dynamic_thresholding_ratio");

    /// <summary>Sets <see cref="DynamicThresholdingRatio"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithDynamicThresholdingRatio(double value) => With("dynamic_thresholding_ratio", SchedulerConfigJson.Write(value));

    /// <summary>The greatest threshold of dynamic thresholding, 1 or more.</summary>
    public double SampleMaxValue => Number("sample_max_value");

    /// <summary>Sets <see cref="SampleMaxValue"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSampleMaxValue(double value) => With("sample_max_value", SchedulerConfigJson.Write(value));

    /// <summary>Whether the betas are rescaled so that nothing of the sample is left at the last timestep (arXiv:2305.08891).</summary>
    public bool RescaleBetasZeroSnr => Flag("rescale_betas_zero_snr");

    /// <summary>Sets <see cref="RescaleBetasZeroSnr"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithRescaleBetasZeroSnr(bool value) => With("rescale_betas_zero_snr", SchedulerConfigJson.Write(value));

    /// <summary>Whether the step after the last one is free of noise; otherwise it has the noise of timestep 0.</summary>
    public bool SetAlphaToOne => Flag("set_alpha_to_one");

    /// <summary>Sets <see cref="SetAlphaToOne"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSetAlphaToOne(bool value) => With("set_alpha_to_one", SchedulerConfigJson.Write(value));

    /// <summary>The variance of a step: <c>fixed_small</c>, <c>fixed_small_log</c>, <c>fixed_large</c>, <c>fixed_large_log</c>, <c>learned</c>, <c>learned_range</c>; empty for none.</summary>
    public string VarianceType => TextOrEmpty("variance_type");

    /// <summary>Sets <see cref="VarianceType"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithVarianceType(string value) => With("variance_type", SchedulerConfigJson.Write(value));

    /// <summary>PNDM: whether to do without the Runge-Kutta steps at the start.</summary>
    public bool SkipPrkSteps => Flag("skip_prk_steps");

    /// <summary>Sets <see cref="SkipPrkSteps"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSkipPrkSteps(bool value) => With("skip_prk_steps", SchedulerConfigJson.Write(value));

    /// <summary>Whether the sigmas follow Karras et al. (arXiv:2206.00364, equation 5, rho 7).</summary>
    public bool UseKarrasSigmas => Flag("use_karras_sigmas");

    /// <summary>Sets <see cref="UseKarrasSigmas"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithUseKarrasSigmas(bool value) => With("use_karras_sigmas", SchedulerConfigJson.Write(value));

    /// <summary>Whether the sigmas are spread evenly in log space (Lu et al., arXiv:2206.00927).</summary>
    public bool UseLuLambdas => Flag("use_lu_lambdas");

    /// <summary>Sets <see cref="UseLuLambdas"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithUseLuLambdas(bool value) => With("use_lu_lambdas", SchedulerConfigJson.Write(value));

    /// <summary>The sigma after the last step: <c>zero</c> or <c>sigma_min</c>.</summary>
    public string FinalSigmasType => Text("final_sigmas_type");

    /// <summary>Sets <see cref="FinalSigmasType"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithFinalSigmasType(string value) => With("final_sigmas_type", SchedulerConfigJson.Write(value));

    /// <summary>The order of the solver, 1..3; of UniPC 1..8.</summary>
    public int SolverOrder => Integer("solver_order");

    /// <summary>Sets <see cref="SolverOrder"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSolverOrder(int value) => With("solver_order", SchedulerConfigJson.Write(value));

    /// <summary>The algorithm of a DPM solver: <c>dpmsolver</c>, <c>dpmsolver++</c>, <c>sde-dpmsolver</c>, <c>sde-dpmsolver++</c>; of DEIS: <c>deis</c>; of SA: <c>data_prediction</c>, <c>noise_prediction</c>.</summary>
    public string AlgorithmType => Text("algorithm_type");

    /// <summary>Sets <see cref="AlgorithmType"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithAlgorithmType(string value) => With("algorithm_type", SchedulerConfigJson.Write(value));

    /// <summary>The second-order form: <c>midpoint</c> or <c>heun</c>; of UniPC <c>bh1</c> or <c>bh2</c>; of DEIS <c>logrho</c>.</summary>
    public string SolverType => Text("solver_type");

    /// <summary>Sets <see cref="SolverType"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSolverType(string value) => With("solver_type", SchedulerConfigJson.Write(value));

    /// <summary>Whether the last steps have a lower order, which keeps short runs stable.</summary>
    public bool LowerOrderFinal => Flag("lower_order_final");

    /// <summary>Sets <see cref="LowerOrderFinal"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithLowerOrderFinal(bool value) => With("lower_order_final", SchedulerConfigJson.Write(value));

    /// <summary>Whether the last step is of order 1.</summary>
    public bool EulerAtFinal => Flag("euler_at_final");

    /// <summary>Sets <see cref="EulerAtFinal"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithEulerAtFinal(bool value) => With("euler_at_final", SchedulerConfigJson.Write(value));

    /// <summary>The least half-log-SNR that is used (for the cosine schedule -5.1); minus infinity for all.</summary>
    public double LambdaMinClipped => Number("lambda_min_clipped");

    /// <summary>Sets <see cref="LambdaMinClipped"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithLambdaMinClipped(double value) => With("lambda_min_clipped", SchedulerConfigJson.Write(value));

    /// <summary>How Euler's sigmas are found between timesteps: <c>linear</c> or <c>log_linear</c>.</summary>
    public string InterpolationType => Text("interpolation_type");

    /// <summary>Sets <see cref="InterpolationType"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithInterpolationType(string value) => With("interpolation_type", SchedulerConfigJson.Write(value));

    /// <summary>What the Euler scheduler tells the model: <c>discrete</c> timesteps or <c>continuous</c> (log sigma / 4).</summary>
    public string TimestepType => Text("timestep_type");

    /// <summary>Sets <see cref="TimestepType"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithTimestepType(string value) => With("timestep_type", SchedulerConfigJson.Write(value));

    /// <summary>The least sigma; NaN for that of the beta schedule.</summary>
    public double SigmaMin => NumberOrNaN("sigma_min");

    /// <summary>Sets <see cref="SigmaMin"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSigmaMin(double value) => With("sigma_min", SchedulerConfigJson.Write(value));

    /// <summary>The greatest sigma; NaN for that of the beta schedule.</summary>
    public double SigmaMax => NumberOrNaN("sigma_max");

    /// <summary>Sets <see cref="SigmaMax"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSigmaMax(double value) => With("sigma_max", SchedulerConfigJson.Write(value));

    /// <summary>The standard deviation of the data.</summary>
    public double SigmaData => Number("sigma_data");

    /// <summary>Sets <see cref="SigmaData"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSigmaData(double value) => With("sigma_data", SchedulerConfigJson.Write(value));

    /// <summary>The exponent of the Karras spacing.</summary>
    public double Rho => Number("rho");

    /// <summary>Sets <see cref="Rho"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithRho(double value) => With("rho", SchedulerConfigJson.Write(value));

    /// <summary>The standard deviation of the noise put in.</summary>
    public double SNoise => Number("s_noise");

    /// <summary>Sets <see cref="SNoise"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSNoise(double value) => With("s_noise", SchedulerConfigJson.Write(value));

    /// <summary>Karras VE: how much noise is put in over the run.</summary>
    public double SChurn => Number("s_churn");

    /// <summary>Sets <see cref="SChurn"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSChurn(double value) => With("s_churn", SchedulerConfigJson.Write(value));

    /// <summary>Karras VE: noise is put in from this sigma on.</summary>
    public double SMin => Number("s_min");

    /// <summary>Sets <see cref="SMin"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSMin(double value) => With("s_min", SchedulerConfigJson.Write(value));

    /// <summary>Karras VE: noise is put in up to this sigma.</summary>
    public double SMax => Number("s_max");

    /// <summary>Sets <see cref="SMax"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSMax(double value) => With("s_max", SchedulerConfigJson.Write(value));

    /// <summary>UniPC: whether to solve for the noise-free sample rather than for the noise.</summary>
    public bool PredictX0 => Flag("predict_x0");

    /// <summary>Sets <see cref="PredictX0"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithPredictX0(bool value) => With("predict_x0", SchedulerConfigJson.Write(value));

    /// <summary>UniPC: the steps after which nothing is corrected.</summary>
    public ImmutableArray<int> DisableCorrector => Integers("disable_corrector");

    /// <summary>Sets <see cref="DisableCorrector"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithDisableCorrector(params int[] value) => With("disable_corrector", SchedulerConfigJson.Write(value));

    /// <summary>SA-Solver: the order of the predictor, 1..4.</summary>
    public int PredictorOrder => Integer("predictor_order");

    /// <summary>Sets <see cref="PredictorOrder"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithPredictorOrder(int value) => With("predictor_order", SchedulerConfigJson.Write(value));

    /// <summary>SA-Solver: the order of the corrector, 1..4.</summary>
    public int CorrectorOrder => Integer("corrector_order");

    /// <summary>Sets <see cref="CorrectorOrder"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithCorrectorOrder(int value) => With("corrector_order", SchedulerConfigJson.Write(value));

    /// <summary>LCM, TCD: the number of steps the model was distilled with.</summary>
    public int OriginalInferenceSteps => Integer("original_inference_steps");

    /// <summary>Sets <see cref="OriginalInferenceSteps"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithOriginalInferenceSteps(int value) => With("original_inference_steps", SchedulerConfigJson.Write(value));

    /// <summary>LCM, TCD: the factor of the timestep in the boundary conditions.</summary>
    public double TimestepScaling => Number("timestep_scaling");

    /// <summary>Sets <see cref="TimestepScaling"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithTimestepScaling(double value) => With("timestep_scaling", SchedulerConfigJson.Write(value));

    /// <summary>Consistency models: whether the estimate is limited to -1..1.</summary>
    public bool ClipDenoised => Flag("clip_denoised");

    /// <summary>Sets <see cref="ClipDenoised"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithClipDenoised(bool value) => With("clip_denoised", SchedulerConfigJson.Write(value));

    /// <summary>RePaint: 0 is deterministic, 1 as random as DDPM.</summary>
    public double Eta => Number("eta");

    /// <summary>Sets <see cref="Eta"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithEta(double value) => With("eta", SchedulerConfigJson.Write(value));

    /// <summary>Score SDE VE: the signal-to-noise ratio of the corrector.</summary>
    public double Snr => Number("snr");

    /// <summary>Sets <see cref="Snr"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSnr(double value) => With("snr", SchedulerConfigJson.Write(value));

    /// <summary>Score SDE: the time at which the run ends.</summary>
    public double SamplingEps => Number("sampling_eps");

    /// <summary>Sets <see cref="SamplingEps"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithSamplingEps(double value) => With("sampling_eps", SchedulerConfigJson.Write(value));

    /// <summary>Score SDE VE: corrections a step.</summary>
    public int CorrectSteps => Integer("correct_steps");

    /// <summary>Sets <see cref="CorrectSteps"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithCorrectSteps(int value) => With("correct_steps", SchedulerConfigJson.Write(value));

    /// <summary>Score SDE VP: the rate at time 0.</summary>
    public double BetaMin => Number("beta_min");

    /// <summary>Sets <see cref="BetaMin"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithBetaMin(double value) => With("beta_min", SchedulerConfigJson.Write(value));

    /// <summary>Score SDE VP: the rate at time 1.</summary>
    public double BetaMax => Number("beta_max");

    /// <summary>Sets <see cref="BetaMax"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithBetaMax(double value) => With("beta_max", SchedulerConfigJson.Write(value));

    /// <summary>Wuerstchen: bends the cosine schedule; 1 for none.</summary>
    public double Scaler => Number("scaler");

    /// <summary>Sets <see cref="Scaler"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithScaler(double value) => With("scaler", SchedulerConfigJson.Write(value));

    /// <summary>Wuerstchen: the offset of the cosine schedule.</summary>
    public double S => Number("s");

    /// <summary>Sets <see cref="S"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithS(double value) => With("s", SchedulerConfigJson.Write(value));

    /// <summary>VQ-Diffusion: the number of classes with the mask, which is the last one.</summary>
    public int NumVecClasses => Integer("num_vec_classes");

    /// <summary>Sets <see cref="NumVecClasses"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithNumVecClasses(int value) => With("num_vec_classes", SchedulerConfigJson.Write(value));

    /// <summary>VQ-Diffusion: the first cumulative probability of staying.</summary>
    public double AlphaCumStart => Number("alpha_cum_start");

    /// <summary>Sets <see cref="AlphaCumStart"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithAlphaCumStart(double value) => With("alpha_cum_start", SchedulerConfigJson.Write(value));

    /// <summary>VQ-Diffusion: the last one.</summary>
    public double AlphaCumEnd => Number("alpha_cum_end");

    /// <summary>Sets <see cref="AlphaCumEnd"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithAlphaCumEnd(double value) => With("alpha_cum_end", SchedulerConfigJson.Write(value));

    /// <summary>VQ-Diffusion: the first cumulative probability of being masked.</summary>
    public double GammaCumStart => Number("gamma_cum_start");

    /// <summary>Sets <see cref="GammaCumStart"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithGammaCumStart(double value) => With("gamma_cum_start", SchedulerConfigJson.Write(value));

    /// <summary>VQ-Diffusion: the last one.</summary>
    public double GammaCumEnd => Number("gamma_cum_end");

    /// <summary>Sets <see cref="GammaCumEnd"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithGammaCumEnd(double value) => With("gamma_cum_end", SchedulerConfigJson.Write(value));

    /// <summary>aMUSEd: the token that stands for masked.</summary>
    public int MaskTokenId => Integer("mask_token_id");

    /// <summary>Sets <see cref="MaskTokenId"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithMaskTokenId(int value) => With("mask_token_id", SchedulerConfigJson.Write(value));

    /// <summary>aMUSEd: how many tokens stay masked: <c>cosine</c> or <c>linear</c>.</summary>
    public string MaskingSchedule => Text("masking_schedule");

    /// <summary>Sets <see cref="MaskingSchedule"/>.</summary>
    /// <param name="value">The new value.</param>
    /// <returns>The changed configuration.</returns>
    public SchedulerConfig WithMaskingSchedule(string value) => With("masking_schedule", SchedulerConfigJson.Write(value));
}
