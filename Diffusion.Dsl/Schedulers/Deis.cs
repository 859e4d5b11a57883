namespace Diffusion.Dsl.Schedulers;

/// <summary>
/// DEIS (Zhang and Chen, arXiv:2204.13902) as a multistep method: the noise is interpolated by a polynomial in log rho (rho is noise over
/// signal), which is integrated exactly.
/// </summary>
internal static class Deis
{
    private const int FewSteps = 15;

    public static Timetable Timetable(SchedulerConfig config, TimetableOptions options)
    {
        Spacing.NoCustom(config, options);
        var schedule = NoiseSchedule.From(config);
        var (timesteps, spaced) = UniPc.Sigmas(config, schedule, options.Steps);
        var rho = SigmaScale.Round(spaced);
        bool lower = config.LowerOrderFinal && timesteps.Length < FewSteps;
        return LambdaScale.Timetable(config, schedule, options.Steps, timesteps, rho) with
        {
            StepFunction = input =>
            {
                int i = input.Index;
                var from = NoiseLevel.FromSigma(rho[i]);
                var original = Prediction.Limit(config, Prediction.Original(config.PredictionType, input.Output, input.Sample, from));
                var state = input.State.Next((input.Sample - from.Signal * original) / from.Sigma, config.SolverOrder);
                int order = Math.Min(config.SolverOrder, state.Outputs.Length);
                if (lower) order = Math.Min(order, timesteps.Length - i);
                var weights = Weights([.. Enumerable.Range(0, order).Select(k => Math.Log(rho[i - k]))], rho[i], rho[i + 1]);
                var scaled = weights.Select((weight, k) => weight * state.Outputs[^(k + 1)]).Aggregate(input.Sample / from.Signal, (sum, term) => sum + term);
                return new(state, NoiseLevel.FromSigma(rho[i + 1]).Signal * scaled, original);
            },
        };
    }

    /// <summary>The integrals over rho of the Lagrange polynomials in log rho, newest node first.</summary>
    internal static double[] Weights(double[] nodes, double from, double to)
    {
        double Moment(int power, double r) => r == 0 ? 0 : power switch
        {
            0 => r,
            1 => r * (Math.Log(r) - 1),
            _ => r * (Math.Log(r) * Math.Log(r) - 2 * Math.Log(r) + 2),
        };
        double Integral(int power) => Moment(power, to) - Moment(power, from);
        return nodes switch
        {
            [_] => [Integral(0)],
            [var a, var b] => [(Integral(1) - b * Integral(0)) / (a - b), (Integral(1) - a * Integral(0)) / (b - a)],
            [var a, var b, var c] => [Quadratic(a, b, c), Quadratic(b, c, a), Quadratic(c, a, b)],
            _ => throw new ArgumentException("DEIS has the orders 1 to 3."),
        };
        double Quadratic(double own, double p, double q) =>
            (Integral(2) - (p + q) * Integral(1) + p * q * Integral(0)) / ((own - p) * (own - q));
    }
}
