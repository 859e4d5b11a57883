using Diffusion.Core.Devices;
using Diffusion.Core.Images;
using Diffusion.Core.Tensors;
using Diffusion.Core.Weights;
using Diffusion.Dsl.Generators;
using Diffusion.Dsl.Guidances;
using Diffusion.Dsl.Pipelines;
using Diffusion.Dsl.Recipes;
using Diffusion.Dsl.Schedulers;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Diffusion.Dsl.Tests.Documentation;

/// <summary>The code of docs/getting-started.md.</summary>
public sealed class GettingStartedTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("diffusion-").FullName;
    private readonly Model model = Model.Load(Path.Combine(Repository.Root, "models", "shapes-64"), Device.Cpu);

    [Fact]
    public async Task A_run_is_a_stream_of_steps()
    {
        string file = Path.Combine(folder, "half-way.png");
        var cancel = TestContext.Current.CancellationToken;

        var run = model.TextToImage("a blue ring").Seed(1).Steps(8).GuidanceScale(5);
        await foreach (var step in run.StepsAsync(cancel))
        {
            if (step.Progress >= 0.5)
            {
                step.Preview().Save(file);
                break;
            }
        }

        Assert.Equal(64, Image.Load(file).Width);
    }

    [Fact]
    public void Integer_weights_take_less_memory()
    {
        var small = model.WithQuantizedWeights(Quantization.Int8);
        Console.WriteLine($"{small.WeightBytes} bytes of weights instead of {model.WeightBytes}");
        var star = small.TextToImage("a blue star").Seed(7).Steps(3).Run().Image;

        Assert.Equal(64, star.Width);
        Assert.True(small.WeightBytes < model.WeightBytes);
    }

    [Fact]
    public void Guidances_compose()
    {
        var guided = model.TextToImage("a green triangle")
            .Guide(Guidance.Between(0, 0.8, Guidance.ClassifierFree(7)), Guidance.Rescale(0.5))
            .Map(step => step.Index == 1 ? step.WithSample(step.Sample * 1.02) : step);

        Assert.Equal(64, guided.Steps(3).Run().Image.Height);
    }

    [Fact]
    public void A_picture_holds_its_recipe()
    {
        string file = Path.Combine(folder, "cross.png");
        model.TextToImage("a green cross").Seed(3).Steps(3).GuidanceScale(5).Run().Image.Save(file);

        var recipe = Recipe.FromFile(file);
        Image again = recipe.Reproduce(model);

        Assert.Equal(Image.Load(file), again);
    }

    [Fact]
    public void A_scheduler_needs_no_model()
    {
        var solver = Scheduler.ByName("DDIM").Timetable(10).Over(SampleAlgebra.Double);
        var (state, x) = (solver.Start, 1.0);
        for (int i = 0; i < solver.Timetable.Count; i++)
        {
            var result = solver.Step(state, i, modelOutput: 0.3 * x, sample: x);
            (state, x) = (result.State, result.Sample);
        }

        Assert.True(double.IsFinite(x) && x != 1);
    }

    [Fact]
    public void A_scheduler_of_one_s_own_keeps_the_laws()
    {
        var euler = Scheduler.Create("own Euler", _ => 0, (memory, step) =>
            new SolverResult<int>(step.Sample + (step.NextSigma - step.Sigma) * step.Derivative, memory));

        SchedulerLaws.CheckAll(euler);
        SchedulerLaws.ConvergesWithOrder(euler, 1, new GaussianData(Mean: 0.4, Deviation: 0.6)).QuickCheckThrowOnFailure();

        var runs = SchedulerGenerators.Runs(euler).ToArbitrary();
        Prop.ForAll(runs, SchedulerLaws.SplitRunEqualsUnsplit).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_tensor_tells_what_it_would_compute()
    {
        var x = Tensor.From([1, 2, 3, 4, 5, 6], Shape.Of(2, 3));
        var y = ((x * 2 + 1).Silu() / 3).Sum(1);

        Console.WriteLine(Device.Cpu.Explain(y));
        float[] numbers = y.ToArray();

        Assert.Equal(2, numbers.Length);
        Assert.Single(Device.Cpu.Explain((x * 2 + 1).Silu() / 3).Kernels);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
