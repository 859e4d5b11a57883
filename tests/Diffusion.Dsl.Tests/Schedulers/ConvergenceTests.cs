using Diffusion.Dsl.Generators;
using Diffusion.Dsl.Schedulers;
using FsCheck;
using Xunit;

namespace Diffusion.Dsl.Tests.Schedulers;

/// <summary>With the exact denoiser of normally distributed data, solvers must find the exact path, and the faster the higher their order.</summary>
public sealed class ConvergenceTests
{
    private static readonly GaussianData Data = new(0.4, 0.6);

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
    public void Deterministic_solvers_converge_with_their_order(string name, int order) =>
        SchedulerLaws.ConvergesWithOrder(Toy.Plain(name), order, Data).QuickCheckThrowOnFailure();

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
            double slope = SchedulerLaws.MeasuredOrder(scheduler, Data);

            // The first step has order 1 whatever comes after it, which limits the third.
            Assert.True(slope > Math.Min(order, 2) - 0.3, $"{algorithm} {type} {order}: {slope:F2}");
        }
    }

    [Fact]
    public void A_higher_order_is_nearer()
    {
        double Error(int order) => SchedulerLaws.ErrorOfFlow(Toy.Plain("DPMSolverMultistepScheduler").With(config => config.WithSolverOrder(order)), 40, Data);
        Assert.True(Error(2) < Error(1) / 5);
        Assert.True(SchedulerLaws.ErrorOfFlow(Toy.Plain("UniPCMultistepScheduler"), 40, Data) < Error(2));
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
        SchedulerLaws.EndsDistributedAsTheData(timetable, Data, 0.03).QuickCheckThrowOnFailure();
    }
}
