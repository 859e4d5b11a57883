using System.Collections.Immutable;

namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// The linear multistep method on the sigma scale (k-diffusion): the derivatives of the last steps are interpolated by a polynomial,
/// which is integrated to the next sigma. The integral is exact, whatever the spacing of the sigmas.
/// </summary>
internal static class Lms
{
    private const int GreatestOrder = 8;

    // Gauss-Legendre with four nodes: exact up to degree 7.
    private static readonly (double Node, double Weight)[] Quadrature =
    [
        (-0.8611363115940525752, 0.3478548451374538574), (-0.3399810435848562648, 0.6521451548625461426),
        (0.3399810435848562648, 0.6521451548625461426), (0.8611363115940525752, 0.3478548451374538574),
    ];

    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        if (options.LmsOrder is < 1 or > GreatestOrder)
            throw new ArgumentException($"{config.ClassName}: the order must be 1..{GreatestOrder}, not {options.LmsOrder}.");
        var schedule = NoiseSchedule.From(config);
        var (timesteps, spaced) = SigmaScale.Spaced(config, schedule, options.Steps);
        var sigmas = SigmaScale.Round([.. spaced, 0]);
        return SigmaScale.Timetable(config, options.Steps, timesteps, sigmas) with
        {
            UsesHistory = true,
            Tables = schedule.Tables(),
            StepFunction = input =>
            {
                int i = input.Index;
                var original = Prediction.AtSigma(config.PredictionType, input.Output, input.Sample, sigmas[i]);
                var state = input.State.Next((input.Sample - original) / sigmas[i], options.LmsOrder);
                int order = Math.Min(i + 1, options.LmsOrder);
                var next = input.Sample;
                for (int k = 0; k < Math.Min(order, state.Outputs.Length); k++)
                    next += Coefficient(sigmas, i, order, k) * state.Outputs[^(k + 1)];
                return new(state, next, original);
            },
        };
    }

    /// <summary>The integral from sigma i to sigma i + 1 of the polynomial that is 1 at sigma i - k and 0 at the other nodes.</summary>
    internal static double Coefficient(ImmutableArray<double> sigmas, int i, int order, int k)
    {
        double from = sigmas[i], half = (sigmas[i + 1] - from) / 2;
        double integral = 0;
        foreach (var (node, weight) in Quadrature)
        {
            double at = from + half * (1 + node), product = weight * half;
            for (int j = 0; j < order; j++)
            {
                if (j != k) product *= (at - sigmas[i - j]) / (sigmas[i - k] - sigmas[i - j]);
            }

            integral += product;
        }

        return integral;
    }
}
