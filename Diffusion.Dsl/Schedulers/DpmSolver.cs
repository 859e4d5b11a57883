namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// The updates of DPM-Solver (Lu et al., arXiv:2206.00927) and DPM-Solver++ (arXiv:2211.01095), deterministic and stochastic: each
/// is a linear combination of the sample and the last one, two or three model outputs.
/// </summary>
/// <param name="Algorithm"><c>dpmsolver</c>, <c>dpmsolver++</c>, <c>sde-dpmsolver</c> or <c>sde-dpmsolver++</c>.</param>
/// <param name="Heun">Whether the second order has Heun's form instead of the midpoint's.</param>
internal sealed record DpmSolver(string Algorithm, bool Heun)
{
    /// <summary>The solver that a configuration describes; names of other families mean the default, as in diffusers.</summary>
    public static DpmSolver From(SchedulerConfig config) =>
        new(config.AlgorithmType == "deis" ? "dpmsolver++" : config.AlgorithmType, config.SolverType == "heun");

    /// <summary>How a sample is made of signal and noise at a sigma: variance-preserving, unless the signal keeps its size (EDM).</summary>
    public Func<double, NoiseLevel> Level { get; init; } = NoiseLevel.FromSigma;

    /// <summary>Whether the steps need noise.</summary>
    public bool Stochastic => Algorithm.StartsWith("sde-", StringComparison.Ordinal);

    /// <summary>Whether the model output is converted to the noise-free sample (++) rather than to the noise.</summary>
    public bool PredictsOriginal => Algorithm.EndsWith("++", StringComparison.Ordinal);

    /// <summary>Order 1: exact when the converted model output is constant.</summary>
    /// <param name="from">The noise level of the sample.</param>
    /// <param name="to">The noise level to go to.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="m0">The converted model output.</param>
    /// <param name="noise">The noise of a stochastic step.</param>
    public Sample First(double from, double to, Sample sample, Sample m0, Func<Sample> noise)
    {
        var step = Coefficients(from, to);
        return Finish(step, step.Keep * sample + step.Gain * m0, noise);
    }

    /// <summary>Order 2: the output is taken to be linear in lambda.</summary>
    public Sample Second(double from, double to, double before, Sample sample, Sample m0, Sample m1, Func<Sample> noise)
    {
        var step = Coefficients(from, to);
        var d1 = step.H / (LambdaScale.Lambda(from) - LambdaScale.Lambda(before)) * (m0 - m1);
        return Finish(step, step.Keep * sample + step.Gain * m0 + (Heun ? step.HeunGain : step.Gain / 2) * d1, noise);
    }

    /// <summary>Order 3: the output is taken to be quadratic in lambda. Deterministic algorithms only.</summary>
    public Sample Third(double from, double to, double before, double first, Sample sample, Sample m0, Sample m1, Sample m2)
    {
        var step = Coefficients(from, to);
        double r0 = (LambdaScale.Lambda(from) - LambdaScale.Lambda(before)) / step.H;
        double r1 = (LambdaScale.Lambda(before) - LambdaScale.Lambda(first)) / step.H;
        var d10 = (m0 - m1) / r0;
        var d11 = (m1 - m2) / r1;
        var d1 = d10 + r0 / (r0 + r1) * (d10 - d11);
        var d2 = (d10 - d11) / (r0 + r1);
        return step.Keep * sample + step.Gain * m0 + step.HeunGain * d1 + step.ThirdGain * d2;
    }

    /// <summary>Order 2 in one step of two calls: from <paramref name="from"/> with the outputs there and at <paramref name="middle"/>.</summary>
    public Sample SingleSecond(double from, double middle, double to, Sample sample, Sample mFrom, Sample mMiddle)
    {
        var step = Coefficients(from, to);
        var d1 = step.H / (LambdaScale.Lambda(middle) - LambdaScale.Lambda(from)) * (mMiddle - mFrom);
        return step.Keep * sample + step.Gain * mFrom + (Heun ? step.HeunGain : step.Gain / 2) * d1;
    }

    /// <summary>Order 3 in one step of three calls: from <paramref name="from"/> with the outputs there and at two sigmas on the way.</summary>
    public Sample SingleThird(
        double from, double first, double second, double to, Sample sample, Sample mFrom, Sample mFirst, Sample mSecond)
    {
        var step = Coefficients(from, to);
        double r1 = (LambdaScale.Lambda(first) - LambdaScale.Lambda(from)) / step.H;
        double r0 = (LambdaScale.Lambda(second) - LambdaScale.Lambda(from)) / step.H;
        var d10 = (mFirst - mFrom) / r1;
        var d11 = (mSecond - mFrom) / r0;
        var mean = step.Keep * sample + step.Gain * mFrom;
        return Heun
            ? mean + step.HeunGain / (r0 - r1) * (r0 * d10 - r1 * d11) + step.ThirdGain * 2 / (r0 - r1) * (d11 - d10)
            : mean + step.HeunGain * d11;
    }

    private static Sample Finish(Step step, Sample mean, Func<Sample> noise) => step.Noise == 0 ? mean : mean + step.Noise * noise();

    // H: the distance in lambda; Keep: factor of the sample; the gains: of the output and its first and second differences.
    private Step Coefficients(double from, double to)
    {
        var (alpha, sigma) = Level(to);
        var (alphaFrom, sigmaFrom) = Level(from);
        double h = LambdaScale.Lambda(to) - LambdaScale.Lambda(from);
        double up = Math.Exp(h) - 1, down = Math.Exp(-h) - 1, down2 = Math.Exp(-2 * h) - 1;
        return Algorithm switch
        {
            "dpmsolver++" => new(
                h, sigma / sigmaFrom, -alpha * down, alpha * (down / h + 1), -alpha * ((down + h) / (h * h) - 0.5), 0),
            "dpmsolver" => new(
                h, alpha / alphaFrom, -sigma * up, -sigma * (up / h - 1), -sigma * ((up - h) / (h * h) - 0.5), 0),
            "sde-dpmsolver++" => new(
                h, sigma / sigmaFrom * Math.Exp(-h), -alpha * down2, alpha * (down2 / (2 * h) + 1), double.NaN, sigma * Math.Sqrt(-down2)),
            _ => new(
                h, alpha / alphaFrom, -2 * sigma * up, -2 * sigma * (up / h - 1), double.NaN, sigma * Math.Sqrt(Math.Exp(2 * h) - 1)),
        };
    }

    private readonly record struct Step(double H, double Keep, double Gain, double HeunGain, double ThirdGain, double Noise);
}
