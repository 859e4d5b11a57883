using Diffusion.Dsl.Schedulers;
using FsCheck.Xunit;
using Xunit;

namespace Diffusion.Dsl.Tests.Schedulers;

public sealed class TokenSchedulerTests
{
    [Property(MaxTest = 30)]
    public void The_posterior_of_vq_diffusion_is_a_distribution(int seed)
    {
        var random = new Random(seed);
        int classes = random.Next(3, 20);
        var solver = new VqDiffusion(SchedulerConfig.Default("VQDiffusionScheduler").WithNumVecClasses(classes));
        double[] weights = [.. Enumerable.Range(0, classes - 1).Select(_ => random.NextDouble() + 0.01)];
        double[] p = [.. weights.Select(weight => Math.Log(weight / weights.Sum()))];
        var posterior = solver.Posterior(p, random.Next(classes), random.Next(1, 100));
        Assert.Equal(classes, posterior.Length);
        Assert.Equal(1, posterior.Sum(Math.Exp), 1e-3);
    }

    [Fact]
    public void Amused_unmasks_all_in_the_end_and_never_changes_what_is_known()
    {
        const int steps = 6, pixels = 16, codebook = 8;
        var random = new Random(3);
        double[] Uniform(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextDouble())];
        var solver = new Amused(SchedulerConfig.Default("AmusedScheduler").WithMaskTokenId(codebook), steps);
        IReadOnlyList<int> tokens = [.. Enumerable.Repeat(codebook, pixels)];
        for (int i = 0; i < steps; i++)
        {
            var exponential = Array.ConvertAll(Uniform(pixels * codebook), u => -Math.Log(1 - u));
            var next = solver.Step(Uniform(pixels * codebook), tokens, 1, i, exponential, Uniform(pixels)).Tokens;
            Assert.All(tokens.Zip(next), pair => Assert.True(pair.First == codebook || pair.Second == pair.First));
            Assert.True(next.Count(token => token == codebook) <= tokens.Count(token => token == codebook));
            tokens = next;
        }

        Assert.DoesNotContain(codebook, tokens);
    }

    [Fact]
    public void Sizes_that_do_not_fit_are_refused()
    {
        var amused = new Amused(SchedulerConfig.Default("AmusedScheduler").WithMaskTokenId(4), 3);
        Assert.Throws<ArgumentException>(() => amused.Step([1, 2], [4, 4, 4], 1, 0, [1, 1], [0.5]));
        var vq = new VqDiffusion(SchedulerConfig.Default("VQDiffusionScheduler").WithNumVecClasses(4));
        Assert.Throws<ArgumentException>(() => vq.Step([0, 0, 0], [3, 3], 1, 5, [0.5]));
        Assert.Throws<ArgumentException>(() => new VqDiffusion(SchedulerConfig.Default("VQDiffusionScheduler").WithNumVecClasses(1)));
        Assert.Throws<NotSupportedException>(() =>
            Scheduler.ByName("aMUSEd").With(c => c.WithMaskTokenId(4)).Timetable(3).Over(SampleAlgebra.Double) is var s ? s.Step(s.Start, 0, 1, 1) : null);
    }
}
