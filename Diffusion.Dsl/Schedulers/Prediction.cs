namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// What the model's output means. A model predicts the noise, the noise-free sample or the velocity; either of the first two follows
/// from any of them and the sample. Configurations are checked when they are made, so there is no fourth kind here.
/// </summary>
internal static class Prediction
{
    /// <summary>The noise-free sample, where <c>sample = Signal * x0 + Sigma * noise</c>.</summary>
    public static Sample Original(string type, Sample output, Sample sample, NoiseLevel at) => type switch
    {
        "epsilon" => (sample - at.Sigma * output) / at.Signal,
        "v_prediction" => at.Signal * sample - at.Sigma * output,
        _ => output,
    };

    /// <summary>The noise, where <c>sample = Signal * x0 + Sigma * noise</c>.</summary>
    public static Sample Noise(string type, Sample output, Sample sample, NoiseLevel at) => type switch
    {
        "epsilon" => output,
        "v_prediction" => at.Signal * output + at.Sigma * sample,
        _ => (sample - at.Signal * output) / at.Sigma,
    };

    /// <summary>The noise-free sample on the sigma scale, where <c>sample = x0 + sigma * noise</c>.</summary>
    public static Sample AtSigma(string type, Sample output, Sample sample, double sigma) => type switch
    {
        "epsilon" => sample - sigma * output,
        "v_prediction" => sample / (sigma * sigma + 1) - sigma / Math.Sqrt(sigma * sigma + 1) * output,
        _ => output,
    };

    /// <summary>The estimate of the noise-free sample limited as the configuration says.</summary>
    public static Sample Limit(SchedulerConfig config, Sample original) =>
        config.Knows("thresholding") && config.Thresholding ? original.DynamicThreshold(config.DynamicThresholdingRatio, config.SampleMaxValue)
        : config.Knows("clip_sample") && config.ClipSample ? original.Clamp(-config.ClipSampleRange, config.ClipSampleRange)
        : original;
}
