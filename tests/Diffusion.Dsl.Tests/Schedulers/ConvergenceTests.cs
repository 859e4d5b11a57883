using Diffusion.Dsl.Schedulers;
using Xunit;

namespace Diffusion.Dsl.Tests.Schedulers;

/// <summary>With the exact denoiser of normally distributed data, solvers must find the exact path, and the faster the higher their order.</summary>
public sealed class ConvergenceTests
{
    private static readonly Gaussian Data = new(0.4, 0.6);

    [Theory]
    [InlineData("DDIMScheduler", 1)]
    [InlineData("EulerDiscreteScheduler", 1)]
    [InlineData("HeunDiscreteScheduler", 2)]
    [InlineData("KDPM2DiscreteScheduler", 2)]
    [InlineData("LMSDiscreteScheduler", 2)]
    [InlineData("PNDMScheduler", 2)]
    [InlineData("DPMSolverMultistepScheduler", 2)]
    [InlineData("DPMSolverSinglestepScheduler", 2)]
    [InlineData("DEISMultistepScheduler", 2)]
    [InlineData("UniPCMultistepScheduler", 2)]
    public void Deterministic_solvers_converge_with_their_order(string name, int order)
    {
        double slope = Slope(Toy.Plain(name));
        Assert.True(slope > order - 0.3, $"{name}: the error falls with the power {slope:F2} of the number of steps, expected {order}.");
    }

    [Theory]
    [InlineData("dpmsolver", "midpoint")]
    [InlineData("dpmsolver", "heun")]
    [InlineData("dpmsolver++", "heun")]
    public void The_forms_of_dpm_solver_converge_with_their_order(string algorithm, string type)
    {
        foreach (int order in new[] { 1, 2, 3 })
        {
            var scheduler = Toy.Plain("DPMSolverMultistepScheduler").With(config => config
                .WithAlgorithmType(algorithm).WithSolverType(type).WithSolverOrder(order).WithFinalSigmasType("sigma_min"));
            double slope = Slope(scheduler);

            // The first step has order 1 whatever comes after it, which limits the third.
            Assert.True(slope > Math.Min(order, 2) - 0.3, $"{algorithm} {type} {order}: {slope:F2}");
        }
    }

    [Fact]
    public void A_higher_order_is_nearer()
    {
        double Error(int order) => ErrorOf(Toy.Plain("DPMSolverMultistepScheduler").With(config => config.WithSolverOrder(order)), 40);
        Assert.True(Error(2) < Error(1) / 5);
        Assert.True(ErrorOf(Toy.Plain("UniPCMultistepScheduler"), 40) < Error(2));
    }

    [Theory]
    [InlineData("DDPMScheduler", double.NaN)]
    [InlineData("DDIMScheduler", 1.0)]
    [InlineData("EulerAncestralDiscreteScheduler", double.NaN)]
    [InlineData("DPMSolverSDEScheduler", double.NaN)]
    [InlineData("KDPM2AncestralDiscreteScheduler", double.NaN)]
    [InlineData("DPMSolverMultistepScheduler", double.NaN)]
    [InlineData("SASolverScheduler", double.NaN)]
    public void Stochastic_solvers_end_with_the_mean_and_the_variance_of_the_data(string name, double eta)
    {
        var scheduler = Toy.Plain(name);
        if (name == "DPMSolverMultistepScheduler") scheduler = scheduler.With(config => config.WithAlgorithmType("sde-dpmsolver++"));
        var timetable = scheduler.Timetable(new TimetableOptions { Steps = 200, Eta = eta });
        Assert.True(Toy.IsStochastic(timetable));

        // With this denoiser the end is affine in the start and in each noise, which are independent: their factors give its variance.
        double Run(double start, int noisy) => Toy.Run(timetable, Data.Denoise, start, i => i == noisy ? 1 : 0)[^1];
        double rest = Run(0, -1), variance = Math.Pow((Run(1, -1) - rest) * timetable.InitNoiseSigma, 2);
        for (int i = 0; i < timetable.Count; i++) variance += Math.Pow(Run(0, i) - rest, 2);
        Assert.Equal(Data.Mean, rest, 0.03);
        Assert.Equal(Data.Deviation, Math.Sqrt(variance), 0.03);
    }

    // The slope of log error over log steps, by least squares.
    private static double Slope(Scheduler scheduler)
    {
        double[] steps = [20, 40, 100, 200];
        double[] x = [.. steps.Select(n => Math.Log(n))], y = [.. steps.Select(n => Math.Log(ErrorOf(scheduler, (int)n)))];
        double meanX = x.Average(), meanY = y.Average();
        return -x.Zip(y, (a, b) => (a - meanX) * (b - meanY)).Sum() / x.Sum(a => (a - meanX) * (a - meanX));
    }

    // With Karras sigmas the distances shrink everywhere alike as steps grow, and what is measured is where the last step begins: what that one
    // does, to a sigma that no number of steps makes smaller, isn't a matter of order. Without them it is measured at timestep 200.
    private static double ErrorOf(Scheduler scheduler, int steps)
    {
        bool karras = scheduler.Config.Knows("use_karras_sigmas");
        var timetable = (karras ? scheduler.With(config => config.WithUseKarrasSigmas(true)) : scheduler).Timetable(steps);
        int end = karras ? timetable.Count - 1 : timetable.Timesteps.LastIndexOf(200);
        var (from, to) = (timetable.NoiseLevels[0], timetable.NoiseLevels[end]);
        double start = 1.1 * Data.Spread(from);
        return Math.Abs(Toy.Run(timetable, Data.Denoise, start)[end] - Data.Flow(start, from, to));
    }
}
